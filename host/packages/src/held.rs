//! What holds apt's programs, which talk to mirrors and read what those say.

use std::path::Path;

use dibhost_sys::Hold;

/// Users and passwords for mirrors, as apt reads them: `auth.conf` of its folder and of `auth.conf.d`.
const LOGINS: [&str; 2] = ["/etc/apt/auth.conf", "/etc/apt/auth.conf.d"];

/// Of who fetches, by the builder's settings: what they name it may read (certificates, keys).
pub(crate) fn fetching(settings: &[(String, String)]) -> Hold {
    let files = settings.iter().map(|(_, value)| Path::new(value)).filter(|p| p.is_absolute());
    LOGINS.into_iter().map(Path::new).chain(files).fold(Hold::new().network(), Hold::read)
}

/// The folder or file that an address of this machine is about.
pub(crate) fn of_this_machine(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("file:").or_else(|| url.strip_prefix("copy:"))?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_paths() {
        assert_eq!(of_this_machine("file:/srv/a"), Some(Path::new("/srv/a")));
        assert_eq!(of_this_machine("copy:///srv/a"), Some(Path::new("/srv/a")));
        assert_eq!(of_this_machine("http://srv/a"), None);
    }
}
