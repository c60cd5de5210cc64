//! What names a machine, and a place to have packages from: texts that go into files of the image, in
//! which a second line or a bracket would say something else.

/// Whether it is the address of a mirror, as a source of apt has it: one word, and no options.
#[must_use]
pub fn is_mirror(address: &str) -> bool {
    let place = ["http://", "https://"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\<>{}|^[]@".contains(c);
    place.is_some_and(|place| !place.is_empty() && place.chars().all(plain))
}

/// Whether it is a component of an archive: `main`, `non-free-firmware`.
#[must_use]
pub fn is_component(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/+~-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

/// Whether it is a name of a machine, with its domain or without: hostname(7).
#[must_use]
pub fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && !label.starts_with('-') && label.chars().all(plain)
    };
    name.len() <= 64 && name.split('.').all(label)
}
