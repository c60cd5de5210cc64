#![no_main]

#[path = "../functions/trust_bundle.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::trust_bundle(data));
