#![no_main]

#[path = "../functions/signature.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::signature(data));
