#![no_main]

#[path = "../functions/volume_group.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::volume_group(data));
