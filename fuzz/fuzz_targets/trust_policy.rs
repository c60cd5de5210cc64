#![no_main]

#[path = "../functions/trust_policy.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::trust_policy(data));
