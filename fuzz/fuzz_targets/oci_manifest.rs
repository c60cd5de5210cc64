#![no_main]

#[path = "../functions/oci_manifest.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::oci_manifest(data));
