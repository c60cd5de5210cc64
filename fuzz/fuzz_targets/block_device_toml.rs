#![no_main]

#[path = "../functions/block_device_toml.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::block_device_toml(data));
