//! What is known of Ubuntu's releases.

/// Codename and `VERSION_ID`, the oldest first: those of Ubuntu's own list of releases as it was in
/// November 2026. One that is not here is taken for a newer one.
const RELEASES: &[(&str, &str)] = &[
    ("focal", "20.04"),
    ("jammy", "22.04"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
    ("stonking", "26.10"),
];

/// Those before them: their systemd and apt are not what the elements here speak to.
const OLD: &[&str] = &["trusty", "xenial", "bionic"];

/// Suites whose meaning changes: an image made from one is another image half a year later, and its
/// description cannot be known while planning.
const MOVING: &[&str] = &["devel", "lts", "stable", "rolling"];

/// Whether a release can be built from.
pub(crate) fn check(release: &str) -> Result<(), String> {
    if MOVING.contains(&release) {
        return Err(format!("The release `{release}` is another one every half year."));
    }
    if OLD.contains(&release) {
        return Err(format!("The release `{release}` is too old: the first one here is `focal`."));
    }
    if release.is_empty() || !release.chars().all(|c| c.is_ascii_lowercase()) {
        return Err(format!("`{}` is no name of a release.", release.escape_debug()));
    }
    Ok(())
}

/// `VERSION_ID` of os-release; empty where it is not known.
pub(crate) fn version(release: &str) -> &'static str {
    RELEASES.iter().find(|(name, _)| *name == release).map_or("", |(_, version)| version)
}

/// Whether it is this release or a later one.
pub(crate) fn is_since(release: &str, first: &str) -> bool {
    let place = |name: &str| RELEASES.iter().position(|(known, _)| *known == name);
    place(release).is_none_or(|at| place(first).is_some_and(|first| at >= first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_in_their_order() {
        assert!(RELEASES.is_sorted_by(|(_, a), (_, b)| a < b));
        assert!(is_since("noble", "noble") && is_since("resolute", "noble"));
        assert!(!is_since("jammy", "noble") && is_since("zealous", "resolute"));
    }
}
