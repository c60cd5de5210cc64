//! What apt said, which fetches for every package manager, made into errors that say what to do.

use dibhost_sys::ProgramError;

use crate::error::PackageError;

/// Where to look when space runs out.
pub(crate) const CACHE_FULL: &str =
    "make room on the disk that holds the cache, or put the cache on another one";
pub(crate) const TREE_FULL: &str =
    "give the build's work tree more room: a larger tmpfs, or a folder on a disk with room";

/// Most words of apt that an error repeats: what comes first is the cause of what follows.
pub(crate) const SHOWN: usize = 3;

/// An error of a program of apt's.
pub(crate) fn failed(error: ProgramError, doing: &str, suite: &str) -> PackageError {
    match error {
        ProgramError::Cancelled(_) => PackageError::Cancelled,
        ProgramError::Failed { ref stderr, .. } if is_apts(stderr) => explain(stderr, doing, suite),
        ProgramError::Failed { .. } | ProgramError::Limit(_) => {
            PackageError::Apt { doing: doing.to_owned(), detail: error.to_string() }
        }
        ProgramError::Start { .. } => PackageError::Apt {
            doing: doing.to_owned(),
            detail: format!("{error}; install the Debian package `apt`"),
        },
    }
}

/// Whether apt says there what is wrong; else something went wrong with apt.
fn is_apts(said: &str) -> bool {
    said.lines().any(|line| ["E: ", "W: "].iter().any(|word| line.trim_start().starts_with(word)))
}

/// Errors before warnings, without apt's prefixes, each once.
fn condense(said: &str) -> Vec<String> {
    let of = |prefix: &str| -> Vec<String> {
        said.lines()
            .filter_map(|l| l.trim_start().strip_prefix(prefix))
            .map(|l| l.trim().trim_end_matches('.').to_owned())
            .collect()
    };
    let mut lines = of("E: ");
    let warnings = of("W: ");
    // "Some index files failed to download" is what follows from the others.
    lines.sort_by_key(|l| {
        l.starts_with("Some index files") || l.starts_with("Failed to fetch") && l.len() < 16
    });
    lines.extend(warnings);
    let mut seen = Vec::new();
    for line in lines {
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    if seen.is_empty() {
        let last = said.lines().rev().map(str::trim).find(|l| !l.is_empty());
        seen.extend(last.map(str::to_owned));
    }
    seen
}

/// Finds out what the matter is. The texts are apt's own, of 1.8 to 3.0, in the C locale.
pub(crate) fn explain(said: &str, doing: &str, suite: &str) -> PackageError {
    let lines = condense(said);
    let with = |words: &[&str]| {
        let found: Vec<_> = lines
            .iter()
            .filter(|l| words.iter().any(|w| l.contains(w)))
            .take(SHOWN)
            .cloned()
            .collect();
        (!found.is_empty()).then(|| found.join("; "))
    };
    if let Some(detail) =
        with(&["No space left on device", "enough free space", "Disk quota exceeded"])
    {
        return PackageError::NoSpace { doing: doing.to_owned(), detail, advice: CACHE_FULL };
    }
    if let Some(detail) = with(&[
        "NO_PUBKEY",
        "BADSIG",
        "EXPKEYSIG",
        "KEYEXPIRED",
        "ERRSIG",
        "is not signed",
        "signatures were invalid",
        "signatures couldn't be verified",
        "Clearsigned file isn't valid",
        "unsupported filetype",
        "GPG error",
        "Missing key",
        "Sub-process /usr/bin/sqv",
    ]) {
        return PackageError::Signature(detail);
    }
    if let Some(detail) = with(&["is expired", "not valid yet", "Valid-Until"]) {
        return PackageError::Expired(detail);
    }
    if let Some(detail) = with(&["Hash Sum mismatch", "unexpected size", "Mirror sync in progress"])
    {
        return PackageError::Corrupt(detail);
    }
    if let Some(detail) =
        with(&["404  Not Found", "403  Forbidden", "410  Gone", "File not found", "Failed to stat"])
    {
        return PackageError::NotOnMirror { detail, suite: suite.to_owned() };
    }
    if let Some(detail) = with(UNREACHABLE) {
        return PackageError::Unreachable(detail);
    }
    // Last: it is said of an archive that cannot be reached too.
    if let Some(detail) = with(&["does not have a Release file"]) {
        return PackageError::NotOnMirror { detail, suite: suite.to_owned() };
    }
    if let Some(detail) =
        with(&["Unable to locate package", "has no installation candidate", "was not found"])
    {
        return PackageError::Unresolvable(format!(
            "{detail}; see whether the name, the suite `{suite}` and the components are right"
        ));
    }
    if said.contains("unmet dependencies") || said.contains("held broken packages") {
        let detail: Vec<_> = said
            .lines()
            .map(str::trim)
            .filter(|l| {
                l.contains(" : ") || l.contains("but it is not") || l.contains("is to be installed")
            })
            .take(SHOWN)
            .collect();
        return PackageError::Unresolvable(format!(
            "the packages cannot be installed together ({})",
            detail.join("; ")
        ));
    }
    let detail = lines.into_iter().take(SHOWN).collect::<Vec<_>>().join("; ");
    PackageError::Apt { doing: doing.to_owned(), detail }
}

const UNREACHABLE: &[&str] = &[
    "Could not connect",
    "Connection refused",
    "Connection failed",
    "connection timed out",
    "Connection timed out",
    "Could not resolve",
    "Temporary failure resolving",
    "Unable to connect",
    "Network is unreachable",
    "No route to host",
    "Certificate verification failed",
    "Could not handshake",
    "502  ",
    "503  ",
    "504  ",
    "407  ",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn update(said: &str) -> PackageError {
        explain(said, "fetching the package lists", "bookworm")
    }

    #[test]
    fn what_apt_did_not_say_is_told_with_the_name_of_who_said_it() {
        let fails = |script: &str| {
            let program = dibhost_sys::Program::new("sh").args(["-c", script]);
            failed(program.run(&dibhost_sys::Cancel::new()).unwrap_err(), "asking", "x").to_string()
        };
        assert_eq!(fails("echo odd >&2; exit 3"), "asking: `sh` failed (exit status: 3):\nodd");
        assert_eq!(
            fails("echo odd >&2; echo 'E: no such luck' >&2; exit 3"),
            "asking: no such luck"
        );
    }

    #[test]
    fn a_missing_suite_is_told_as_one() {
        let error = update(
            "E: The repository 'http://m.example/debian nonesuch Release' does not have a Release file.\n\
             E: Failed to fetch http://m.example/debian/dists/nonesuch/InRelease  404  Not Found [IP: 10.0.0.1 80]\n",
        );
        assert!(matches!(error, PackageError::NotOnMirror { .. }), "{error}");
        assert!(error.to_string().contains("404  Not Found"));
    }

    #[test]
    fn signatures_are_told_before_all_that_follows_from_them() {
        let error = update(
            "W: GPG error: http://m.example bookworm InRelease: The following signatures were invalid: BADSIG 0123 A <a@b>\n\
             E: The repository 'http://m.example bookworm InRelease' is not signed.\n\
             W: Some index files failed to download. They have been ignored, or old ones used instead.\n",
        );
        assert!(matches!(error, PackageError::Signature(_)), "{error}");
        assert!(error.to_string().contains("BADSIG"));
    }

    #[test]
    fn other_matters_are_told_apart() {
        type Is = fn(&PackageError) -> bool;
        let cases: [(&str, Is); 7] = [
            (
                "E: Failed to fetch http://m/x  Could not connect to m:80 (127.0.0.1). - connect (111: Connection refused)",
                |e| matches!(e, PackageError::Unreachable(_)),
            ),
            ("E: Release file for http://m/InRelease is expired (invalid since 3d).", |e| {
                matches!(e, PackageError::Expired(_))
            }),
            ("E: Failed to fetch http://m/a.deb  Hash Sum mismatch", |e| {
                matches!(e, PackageError::Corrupt(_))
            }),
            ("E: Unable to locate package nonesuch", |e| {
                matches!(e, PackageError::Unresolvable(_))
            }),
            (
                "E: Failed to fetch http://m/a.deb  Error writing to file - write (28: No space left on device)",
                |e| matches!(e, PackageError::NoSpace { .. }),
            ),
            (
                "The following packages have unmet dependencies:\n a : Depends: b but it is not installable\nE: Unable to correct problems, you have held broken packages.",
                |e| matches!(e, PackageError::Unresolvable(t) if t.contains("Depends: b")),
            ),
            (
                "E: Something new.",
                |e| matches!(e, PackageError::Apt { detail, .. } if detail == "Something new"),
            ),
        ];
        for (said, is) in cases {
            let error = update(said);
            assert!(is(&error), "{said}: {error:?}");
        }
    }
}
