#![no_main]

#[path = "../functions/repomd.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::repomd(data));
