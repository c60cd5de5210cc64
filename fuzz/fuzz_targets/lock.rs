#![no_main]

#[path = "../functions/lock.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::lock(data));
