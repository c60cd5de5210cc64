#![no_main]

#[path = "../functions/partition_table.rs"]
mod function;

libfuzzer_sys::fuzz_target!(|data: &[u8]| function::partition_table(data));
