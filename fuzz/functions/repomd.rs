use dibhost_packages::rpm::repomd::{parse, write};

/// What a repository sends before anything of it is known to be signed is read, and what was understood of it
/// is given to dnf: it is the same when it is read once more, and leads nowhere else.
pub(crate) fn repomd(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(found) = parse(text) else { return };
    for data in &found {
        assert!(data.href.starts_with("repodata/") && !data.href.contains(".."), "{}", data.href);
        assert_eq!(data.sha256.len(), 64);
    }
    assert_eq!(parse(&write(&found)), Ok(found));
}
