#![no_main]

#[path = "../functions/worker.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::worker(data));
