//! Names of elements.

use crate::error::AuthorError;

/// The longest: what fits into a file's name with `.wasm` and a digest beside it.
const LONGEST: usize = 64;

/// Holds a name to what the host takes.
///
/// # Errors
/// When it is none, with one that is near.
pub fn check_name(name: &str) -> Result<(), AuthorError> {
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if first && name.len() <= LONGEST && name.split('-').all(word) {
        return Ok(());
    }
    let rules = format!(
        "lower-case letters and digits, words with one `-` between them, a letter first, at most {LONGEST} bytes"
    );
    let help = match mended(name) {
        Some(near) => format!("{rules}; `{near}` would do"),
        None => format!("{rules}, as `nginx-site`"),
    };
    let shown = dibhost_text::harmless(name, 100);
    Err(AuthorError::wrong(format!("`{shown}` is no name of an element"), help))
}

fn mended(name: &str) -> Option<String> {
    let mut near = String::new();
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' => near.push(c),
            'A'..='Z' => {
                if near.chars().last().is_some_and(|l| l.is_ascii_lowercase()) {
                    near.push('-');
                }
                near.push(c.to_ascii_lowercase());
            }
            _ if !near.is_empty() && !near.ends_with('-') => near.push('-'),
            _ => {}
        }
        if near.len() >= LONGEST {
            break;
        }
    }
    let near = near.trim_matches('-').to_owned();
    near.starts_with(|c: char| c.is_ascii_lowercase()).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_hyphens() {
        for good in ["a", "motd", "nginx-site", "s3-files2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "2a", "ä", "a/b", "..", "a b", &long] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_is_near_is_named() {
        let help = |name| check_name(name).unwrap_err().help.unwrap();
        assert!(help("NginxSite").ends_with("`nginx-site` would do"), "{}", help("NginxSite"));
        assert!(help("my_element").ends_with("`my-element` would do"));
        assert!(help("../x").ends_with("`x` would do"));
        assert!(help("123").contains("nginx-site"));
    }
}
