#![no_main]

#[path = "../functions/inspect.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::inspect_disks(data));
