//! What elements may add to the image's name for files of theirs beside it.

/// Endings of files beside an image that are not an element's to write: image files, checksums, the
/// definition and what dibhost keeps beside it.
const NOT_THEIRS: [&str; 6] = [".lock", ".manifest.json", ".qcow2", ".raw", ".sha256", ".toml"];
/// Bytes of a suffix: with the image's name it has to fit into the name of a file.
const LONGEST: usize = 64;

/// Why a text cannot be added to the name of an image for the name of another file, as the end of a
/// sentence that begins with the text.
///
/// # Errors
/// When it leads to another folder, hides something, or is the ending of what dibhost writes itself.
pub fn check_suffix(suffix: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let sound = suffix.len() > 1
        && suffix.len() <= LONGEST
        && suffix.starts_with(['.', '-', '_'])
        && !suffix.contains("..")
        && suffix.chars().all(fits);
    if !sound {
        return Err(
            "is no suffix: `.`, `-` or `_`, then up to 63 letters, digits, `.`, `-`, `_`".into()
        );
    }
    let lower = suffix.to_ascii_lowercase();
    match NOT_THEIRS.iter().find(|ending| lower.ends_with(**ending)) {
        None => Ok(()),
        Some(ending) => Err(format!(
            "is no suffix for an element's file: what ends with `{ending}` is dibhost's own or the \
             definition"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_cannot_leave_the_folder() {
        for good in [".vmlinuz", "-initrd.img", ".d_2", "_x"] {
            assert_eq!(check_suffix(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "x", "./x", "..", "../x", ".x/..", ".a\n", ".a b", &".x".repeat(40)] {
            assert!(check_suffix(bad).unwrap_err().contains("is no suffix"), "{bad}");
        }
    }

    #[test]
    fn what_dibhost_and_its_user_write_is_nobody_elses() {
        for bad in [".toml", ".raw", ".QCOW2", ".manifest.json", "-x.sha256", ".disk1.qcow2"] {
            assert!(check_suffix(bad).unwrap_err().contains("dibhost's own"), "{bad}");
        }
    }
}
