use dibhost_registry::oci::{Parsed, Reference, parse_manifest};

/// What a registry sends before anything of it is known: a manifest or an index is read or refused in
/// words, and what was read is the same when it is written and read once more. The same bytes as a
/// reference, which a person or a file says.
pub(crate) fn oci_manifest(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        match text.parse::<Reference>() {
            Ok(read) => {
                // All but capitals of the host are as they were.
                assert_eq!(read.to_string().parse::<Reference>().as_ref(), Ok(&read));
                assert!(!read.repository.path().contains(".."), "{read}");
            }
            Err(why) => assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}"),
        }
    }
    let read = match parse_manifest(data) {
        Ok(read) => read,
        Err(why) => return assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}"),
    };
    let written = match &read {
        Parsed::Image(image) => serde_json::to_vec(image),
        Parsed::Index(index) => serde_json::to_vec(index),
    };
    let written = written.expect("what was read can be written");
    assert_eq!(parse_manifest(&written), Ok(read));
}
