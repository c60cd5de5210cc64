#![no_main]

#[path = "../functions/definition.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::definition(data));
