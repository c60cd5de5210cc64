#![no_main]

#[path = "../functions/slot_schema.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::slot_schema(data));
