#![no_main]

#[path = "../functions/thin_metadata.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::thin_metadata(data));
