//! What dpkg said, made into errors that say what to do.

use crate::error::PackageError;
use crate::said::{SHOWN, TREE_FULL};

/// What dpkg complained of: `dpkg: error …` with the line that says why, or else its last words.
pub(super) fn dpkg(said: &str, doing: &str) -> PackageError {
    let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
    if let Some(full) = lines.iter().find(|l| l.contains("No space left on device")) {
        return PackageError::NoSpace {
            doing: doing.to_owned(),
            detail: full.trim().to_owned(),
            advice: TREE_FULL,
        };
    }
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("dpkg: error") || line.starts_with("E: ") {
            let why = lines.get(index + 1).filter(|l| l.starts_with(' ')).map(|l| l.trim());
            found.push(why.map_or_else(|| (*line).to_owned(), |why| format!("{line} {why}")));
        }
    }
    if found.is_empty() {
        let last = lines.iter().rev().filter(|l| !l.is_empty()).take(SHOWN);
        found = last.map(|l| l.trim().to_owned()).collect();
        found.reverse();
    }
    found.truncate(SHOWN);
    PackageError::Install { doing: doing.to_owned(), detail: found.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_errors_name_the_package_and_the_reason() {
        let error = dpkg(
            "Setting up x (1) ...\ndpkg: error processing package x (--configure):\n installed x package post-installation script subprocess returned error exit status 1\nErrors were encountered while processing:\n x\n",
            "configuring the packages",
        );
        let said = error.to_string();
        assert!(
            said.contains("package x (--configure): installed x package post-installation"),
            "{said}"
        );
        let full = dpkg(
            "dpkg: error processing archive a.deb (--unpack):\n cannot copy extracted data for './usr/a' to '/usr/a.dpkg-new': failed to write (No space left on device)\n",
            "unpacking",
        );
        assert!(matches!(full, PackageError::NoSpace { .. }), "{full}");
    }
}
