//! What is known of Debian's releases.

/// Codename and `VERSION_ID`.
const RELEASES: &[(&str, &str)] =
    &[("bullseye", "11"), ("bookworm", "12"), ("trixie", "13"), ("forky", "14")];

/// Suites whose meaning changes with every release: an image made from one is another image a
/// year later, and its description cannot be known while planning.
const MOVING: &[&str] = &["oldoldstable", "oldstable", "stable", "testing"];

/// Whether a suite can be built from.
pub(crate) fn check(release: &str) -> Result<(), String> {
    if MOVING.contains(&release) {
        return Err(format!("The release `{release}` is another one every two years."));
    }
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if release.is_empty() || !release.chars().all(sound) {
        return Err(format!("`{}` is no name of a release.", release.escape_debug()));
    }
    Ok(())
}

/// `VERSION_ID` of os-release; empty where there is none.
pub(crate) fn version(release: &str) -> &'static str {
    RELEASES.iter().find(|(name, _)| *name == release).map_or("", |(_, version)| version)
}

/// `VERSION_CODENAME`.
pub(crate) fn codename(release: &str) -> &str {
    if is_rolling(release) { "sid" } else { release }
}

/// Whether it has neither updates nor security updates apart.
pub(crate) fn is_rolling(release: &str) -> bool {
    matches!(release, "sid" | "unstable")
}
