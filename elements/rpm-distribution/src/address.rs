//! What becomes part of an address, a file of the image or a question to a package manager: texts in which
//! a second line or a bracket would say something else.

/// Whether it is the address of a mirror.
pub(crate) fn is_mirror(address: &str) -> bool {
    let place = ["http://", "https://"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\<>{}|^[]@$".contains(c);
    place.is_some_and(|place| !place.is_empty() && place.chars().all(plain))
}

/// Whether it is the name of a release: `44`, `9`, `15.6`, `tumbleweed`.
pub(crate) fn is_release(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 20
        && !name.contains("..")
        && name.chars().all(plain)
}

/// Whether it is a name of a machine, with its domain or without: hostname(7).
pub(crate) fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && !label.starts_with('-') && label.chars().all(plain)
    };
    name.len() <= 64 && name.split('.').all(label)
}

/// Whether it is a locale of UTF-8: `C.UTF-8`, `de_DE.UTF-8`.
pub(crate) fn is_locale(locale: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let named = |language: &str| !language.is_empty() && plain(language);
    match locale.split_once(".UTF-8") {
        Some((language, rest)) => {
            named(language) && (rest.is_empty() || rest.strip_prefix('@').is_some_and(named))
        }
        None => matches!(locale, "C" | "POSIX"),
    }
}

/// An image's name as a host name: letters, digits and hyphens, no more than 63 of them.
pub(crate) fn hostname(image: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = image.chars().map(plain).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
