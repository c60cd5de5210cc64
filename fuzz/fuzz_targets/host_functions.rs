#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dibhost_element::fuzz::host_functions(data));
