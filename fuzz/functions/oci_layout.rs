use dibhost_registry::oci::layout::{read, write};

/// An archive from anywhere is loaded, or refused in words; what was loaded is written, and then is what
/// was loaded.
pub(crate) fn oci_layout(data: &[u8]) {
    let loaded = match read(&mut &data[..], None) {
        Ok(loaded) => loaded,
        Err(error) => {
            let told = error.to_string();
            return assert!(!told.is_empty() && !told.contains(char::is_control), "{told:?}");
        }
    };
    let mut bytes = Vec::new();
    write(&loaded, &mut bytes).expect("memory can be written to");
    let again = read(&mut bytes.as_slice(), None).expect("what was written");
    assert!(!again.is_empty() && again.len() <= loaded.len());
}
