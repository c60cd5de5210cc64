#![no_main]

#[path = "../functions/dib_yaml.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::dib_yaml(data));
