#![no_main]

#[path = "../functions/target_path.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::target_path(data));
