//! What can be fetched from outside: hosts, revisions of git repositories, and what `dib.lock` calls
//! either.

use crate::validate;

/// The host of a URL that [`validate::url`] took, without brackets and port.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let authority = url.split('/').nth(2).unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split([':', '?', '#']).next(),
    };
    host.unwrap_or_default()
}

/// A branch, a tag, or a commit by its full hash: what `git check-ref-format` takes, of ASCII, and
/// nothing that git would take for an option, a range or a path in a revision.
///
/// # Errors
/// What is wrong with it.
pub fn revision(revision: &str) -> Result<(), String> {
    if revision.is_empty() {
        return Err("is empty".to_owned());
    }
    if revision.len() > 250 {
        return Err("is longer than 250 bytes".to_owned());
    }
    let fits = |c: char| c.is_ascii_graphic() && !"~^:?*[\\@{}\"'`$;|&<>()!".contains(c);
    if let Some(odd) = revision.chars().find(|c| !fits(*c)) {
        return Err(format!("has {odd:?} in it"));
    }
    if revision.starts_with('-') {
        return Err("starts with '-'".to_owned());
    }
    let odd = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if revision.split('/').any(odd) || revision.contains("..") || revision.ends_with('.') {
        return Err("is no name of a branch or tag".to_owned());
    }
    Ok(())
}

/// Whether a revision is a commit: a full hash, of SHA-1 or of SHA-256.
#[must_use]
pub fn is_commit(revision: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    matches!(revision.len(), 40 | 64) && revision.bytes().all(hex)
}

/// What `dib.lock` calls the file at a URL.
#[must_use]
pub fn file(url: &str) -> String {
    url.to_owned()
}

/// What `dib.lock` calls a branch or tag of a repository.
#[must_use]
pub fn branch_or_tag(url: &str, revision: &str) -> String {
    format!("git {url} {revision}")
}

/// What `dib.lock` says that a branch or tag is.
#[must_use]
pub fn pinned_commit(commit: &str) -> String {
    format!("commit:{commit}")
}

/// The commit of what `dib.lock` says; none: it says none.
#[must_use]
pub fn commit_of(pin: &str) -> Option<&str> {
    pin.strip_prefix("commit:").filter(|commit| is_commit(commit))
}

/// A URL that a server leads to: as [`validate::url`], but as long as signed ones are.
///
/// # Errors
/// What is wrong with it.
pub fn redirect(url: &str) -> Result<(), String> {
    validate::url_up_to(url, 8000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_has_neither_port_nor_path() {
        for (url, host) in [
            ("https://example.org/x", "example.org"),
            ("https://example.org:443", "example.org"),
            ("https://example.org?x@y", "example.org"),
            ("http://[::1]:80/x", "::1"),
            ("https://example.org#x/y", "example.org"),
        ] {
            validate::url(url).unwrap();
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_revision_is_a_name_and_nothing_that_git_reads_more_into() {
        for name in ["main", "v1.2.3", "feature/x-1", "refs/tags/v1", "HEAD", "1_0", "a+b%20#1"] {
            revision(name).unwrap_or_else(|why| panic!("{name} {why}"));
        }
        for odd in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a\nb",
            "a~1",
            "a^{}",
            "a:b",
            "@{u}",
            "@",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "ä",
            "*",
            "a\\b",
            "$(x)",
            &"a".repeat(251),
        ] {
            assert!(revision(odd).is_err(), "{odd:?}");
        }
        assert!(is_commit(&"0a".repeat(20)) && is_commit(&"0a".repeat(32)));
        assert!(!is_commit("0a0a0a0") && !is_commit(&"0A".repeat(20)));
    }

    #[test]
    fn a_pin_says_which_commit_it_is() {
        let commit = "0a".repeat(20);
        assert_eq!(commit_of(&pinned_commit(&commit)), Some(commit.as_str()));
        assert_eq!(commit_of("commit:--x"), None);
        assert_eq!(branch_or_tag("https://x/y.git", "main"), "git https://x/y.git main");
    }
}
