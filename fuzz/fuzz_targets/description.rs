#![no_main]

#[path = "../functions/description.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::description(data));
