#![no_main]

#[path = "../functions/rpm_said.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::rpm_said(data));
