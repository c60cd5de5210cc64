#![no_main]

#[path = "../functions/readback.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::readback(data));
