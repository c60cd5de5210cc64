//! An image definition never makes the parser panic, and what is wrong is said in words.

use std::path::Path;

use dibhost_definition::Definition;

pub(crate) fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Definition::parse(text, "image.toml", Path::new(".")) {
        Ok(definition) => assert!(!definition.image.name.value.is_empty()),
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}
