//! What rpm, rpmkeys and gpgv said, made into sentences. The texts are rpm's of 4.14 to 4.20, in the C
//! locale, and those of GnuPG's `doc/DETAILS`.

/// Whether gpgv found a signature good: there is one, and nothing is wrong with any of them. The error is
/// what it says of it.
///
/// # Errors
/// What is wrong.
pub fn signature(said: &str) -> Result<(), String> {
    const WRONG: [(&str, &str); 6] = [
        ("BADSIG", "the signature is of something else"),
        ("EXPSIG", "the signature has expired"),
        ("EXPKEYSIG", "its key has expired"),
        ("REVKEYSIG", "its key was revoked"),
        ("ERRSIG", "it is signed by another key"),
        ("NODATA", "it has no signature"),
    ];
    let status = said.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let mut good = false;
    for line in status {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((word, what)) = WRONG.iter().find(|(name, _)| *name == word) {
            let key = rest.split(' ').next().unwrap_or_default();
            return Err(format!("{what}: {word} {key}").trim_end().to_owned());
        }
        good |= word == "VALIDSIG";
    }
    if good { Ok(()) } else { Err("it has no signature that could be checked".to_owned()) }
}

/// Whether rpmkeys found a file whole and signed.
///
/// # Errors
/// What it said of it.
pub fn checked(said: &str, file: &str) -> Result<(), String> {
    let of_it = said.lines().filter_map(|line| line.strip_prefix(file)?.strip_prefix(": "));
    let mut words = None;
    for line in of_it {
        if line.trim() == "digests signatures OK" {
            words = Some(Ok(()));
        } else {
            return Err(line.trim().to_owned());
        }
    }
    words.unwrap_or_else(|| Err("rpmkeys says nothing of it".to_owned()))
}

/// A script of a package that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedScript {
    /// `%post`, `%triggerin`, …
    pub script: String,
    /// The package, with its version and its architecture.
    pub package: String,
    /// `exit status 3`, `signal 9`.
    pub how: String,
}

/// Scripts that failed. rpm itself goes on after most of them, and ends well.
#[must_use]
pub fn failed_scripts(said: &str) -> Vec<FailedScript> {
    let failed = |line: &str| {
        let line = line.strip_prefix("warning: ").or_else(|| line.strip_prefix("error: "))?;
        let (script, rest) = line.strip_prefix('%')?.split_once('(')?;
        let (package, rest) = rest.split_once(") scriptlet failed, ")?;
        Some(FailedScript {
            script: format!("%{script}"),
            package: package.to_owned(),
            how: rest.trim().to_owned(),
        })
    };
    said.lines().filter_map(failed).collect()
}

/// What rpm complained of, without what follows from it.
#[must_use]
pub fn complaints(said: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut below = false;
    for line in said.lines() {
        if let Some(error) = line.strip_prefix("error: ") {
            below = error.ends_with(':');
            found.push(error.to_owned());
        } else if below && line.starts_with('\t') || line.contains("conflicts with") {
            found.push(line.trim().to_owned());
        } else {
            below = false;
        }
    }
    if found.is_empty() {
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        found.extend(last.map(str::to_owned));
    }
    found
}

/// Whether rpm ended for want of room in the tree; what it said of it.
#[must_use]
pub fn full(said: &str) -> Option<&str> {
    let line = |line: &&str| {
        line.contains("No space left on device")
            || line.contains("more space on the") && line.contains("filesystem")
            || line.contains("Disk quota exceeded")
    };
    said.lines().find(line).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_when_it_is_said_and_nothing_else_is() {
        let good =
            "gpgv: Good\n[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG A39B key\n[GNUPG:] VALIDSIG 425F 1\n";
        assert_eq!(signature(good), Ok(()));
        let bad = "[GNUPG:] NEWSIG\n[GNUPG:] BADSIG A39B key <k@example.org>\n";
        assert_eq!(signature(bad).unwrap_err(), "the signature is of something else: BADSIG A39B");
        let both = format!("{good}{bad}");
        assert!(signature(&both).is_err());
        let other = "[GNUPG:] ERRSIG 0123 1 8 00 17 9 -\n[GNUPG:] NO_PUBKEY 0123\n";
        assert!(signature(other).unwrap_err().contains("another key: ERRSIG 0123"));
        let expired = "[GNUPG:] EXPKEYSIG 01 key\n[GNUPG:] VALIDSIG 425F 1\n";
        assert!(signature(expired).unwrap_err().contains("expired"));
        // What stands in the text that is signed is not what gpgv says of it.
        assert!(signature("gpgv: [GNUPG:] VALIDSIG 1\n").is_err());
        assert!(signature("").is_err());
    }

    #[test]
    fn a_package_is_whole_when_all_of_it_is_said() {
        let said = "/w/a.rpm: digests signatures OK\n/w/b.rpm: digests SIGNATURES NOT OK\n/w/c.rpm: digests OK\n";
        assert_eq!(checked(said, "/w/a.rpm"), Ok(()));
        assert_eq!(checked(said, "/w/b.rpm").unwrap_err(), "digests SIGNATURES NOT OK");
        assert_eq!(checked(said, "/w/c.rpm").unwrap_err(), "digests OK");
        assert!(checked(said, "/w/d.rpm").unwrap_err().contains("nothing"));
    }

    #[test]
    fn scripts_that_failed_are_found_whether_or_not_rpm_minds() {
        let said = "no luck\nwarning: %post(a-1-1.noarch) scriptlet failed, exit status 3\n\
                    error: %prein(b-2-1.x86_64) scriptlet failed, signal 9\nerror: b-2-1.x86_64: install failed\n";
        let found = failed_scripts(said);
        let shown: Vec<_> =
            found.iter().map(|f| format!("{} {} {}", f.script, f.package, f.how)).collect();
        assert_eq!(shown, ["%post a-1-1.noarch exit status 3", "%prein b-2-1.x86_64 signal 9"]);
    }

    #[test]
    fn what_is_complained_of_comes_first() {
        let said = "Verifying...\nerror: Failed dependencies:\n\tx is needed by a-1-1.noarch\n\ty is needed by b\nrest\n";
        assert_eq!(
            complaints(said),
            ["Failed dependencies:", "x is needed by a-1-1.noarch", "y is needed by b"]
        );
        assert_eq!(complaints("one\nlast words\n\n"), ["last words"]);
        let said = "\tinstalling package a-1-1.noarch needs 5MB more space on the / filesystem\n";
        assert!(full(said).is_some() && full("all is well").is_none());
    }
}
