//! Small JSON files that are known to be what was written: the first line is the SHA-256 of what the
//! file is about and of the rest.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::digest::Digest;

/// The most bytes of such a file: a note is some kilobytes.
pub(crate) const MOST: u64 = 4 << 20;

/// What is written of `value`; why it cannot be, as a sentence part.
pub(crate) fn seal<T: Serialize + DeserializeOwned>(
    about: &str,
    value: &T,
) -> Result<Vec<u8>, String> {
    let body = serde_json::to_vec(value).map_err(|e| e.to_string())?;
    let mut bytes = format!("{}\n", digest(about, &body)).into_bytes();
    bytes.extend_from_slice(&body);
    if bytes.len() as u64 > MOST {
        return Err(format!("it has {} bytes, more than {MOST}", bytes.len()));
    }
    // Written deeper than it is read, for one.
    unseal::<T>(about, &bytes)?;
    Ok(bytes)
}

/// What was written; why it is not that, as a sentence part.
pub(crate) fn unseal<T: DeserializeOwned>(about: &str, bytes: &[u8]) -> Result<T, String> {
    let not_written = || "it is not what was written".to_owned();
    let (line, body) = bytes.split_at_checked(64).ok_or_else(not_written)?;
    let body = body.strip_prefix(b"\n").ok_or_else(not_written)?;
    let said: Option<Digest> = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok());
    if said != Some(digest(about, body)) {
        return Err(not_written());
    }
    serde_json::from_slice(body).map_err(|e| format!("it cannot be read: {e}"))
}

fn digest(about: &str, body: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(about.len() + 1 + body.len());
    bytes.extend_from_slice(about.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_can_be_another() {
        let value = vec!["one".to_owned(), "two".to_owned()];
        let sealed = seal("it", &value).unwrap();
        assert_eq!(unseal::<Vec<String>>("it", &sealed).unwrap(), value);
        assert!(unseal::<Vec<String>>("another", &sealed).is_err());
        for at in 0..sealed.len() {
            for flip in [1, 0x20, 0x80] {
                let mut other = sealed.clone();
                other[at] ^= flip;
                assert!(unseal::<Vec<String>>("it", &other).is_err(), "{at} {flip}");
            }
            assert!(unseal::<Vec<String>>("it", &sealed[..at]).is_err(), "{at}");
        }
        assert!(unseal::<Vec<String>>("it", &[sealed, b" ".to_vec()].concat()).is_err());
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let mut deep = serde_json::Value::Null;
        for _ in 0..1000 {
            deep = serde_json::Value::Array(vec![deep]);
        }
        assert!(seal("it", &deep).unwrap_err().contains("recursion"));
        let long = "x".repeat(usize::try_from(MOST).unwrap());
        assert!(seal("it", &long).unwrap_err().contains("more than"));
    }
}
