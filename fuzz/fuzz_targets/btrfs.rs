#![no_main]

#[path = "../functions/btrfs.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::btrfs(data));
