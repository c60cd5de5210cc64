//! Names that elements write into configuration: a name that is one says nothing else there.

/// Whether it is the name of a kernel module: `virtio_blk`, `snd-hda-intel`.
#[must_use]
pub fn is_module(name: &str) -> bool {
    is_word(name, "_-")
}

/// Whether it is one word of letters, digits and these other characters, that begins with a letter
/// or digit: no space, no line break, no quote, no option.
#[must_use]
pub fn is_word(word: &str, others: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Whether it is a path of a file in the image that has its one reading: absolute, without `.` and
/// `..`, spaces and what shells and configuration take for something else.
#[must_use]
pub fn is_plain_path(path: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+@-".contains(c);
        !matches!(part, "" | "." | "..") && !part.starts_with('-') && part.chars().all(plain)
    };
    path.strip_prefix('/').is_some_and(|below| below.split('/').all(part))
}

#[cfg(test)]
mod tests {
    use super::{is_module, is_plain_path, is_word};

    #[test]
    fn a_name_says_nothing_else() {
        for name in ["virtio_blk", "snd-hda-intel", "8021q"] {
            assert!(is_module(name), "{name}");
        }
        for name in ["", "a b", "a\nb", "-a", "_a", "a/b", "a.ko", "ä"] {
            assert!(!is_module(name), "{name:?}");
        }
        assert!(is_word("a.b:c", ".:") && !is_word("a.b", "") && !is_word(".a", "."));
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        for path in ["/opt", "/opt/my-tool_1.2/bin", "/srv/@home"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in ["", "/", "opt", "/opt/", "/opt/../etc", "/./a", "/a b", "/a\n", "/a/-b", "/$a"]
        {
            assert!(!is_plain_path(path), "{path:?}");
        }
    }
}
