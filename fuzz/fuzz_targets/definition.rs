//! An image definition never makes the parser panic, and what is wrong is said in words.
#![no_main]

use std::path::Path;

use dibhost_definition::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Definition::parse(text, "image.toml", Path::new(".")) {
        Ok(definition) => assert!(!definition.image.name.value.is_empty()),
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
});
