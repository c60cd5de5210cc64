//! Fingerprints of armoured OpenPGP keys (RFC 9580): just enough to say *which* key an element
//! brings, so that a grant can name it. Whether a signature is good is for apt to say.

use data_encoding::BASE64;
use sha1_smol::Sha1;
use sha2::{Digest, Sha256};

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Packet types: a primary key, which begins a certificate; and what may follow it in one.
const PUBLIC_KEY: u8 = 6;
const OF_A_CERTIFICATE: [u8; 8] = [
    2,  // signature
    6,  // public key
    10, // marker
    12, // trust
    13, // user id
    14, // public subkey
    17, // user attribute
    21, // padding
];

/// The fingerprints of all primary keys in an armoured block, in upper-case hex, in order. A block
/// may have several, and whoever trusts the block trusts each.
///
/// # Errors
/// What is wrong with the block: a sentence part that follows it.
pub fn fingerprints(armoured: &str) -> Result<Vec<String>, String> {
    let packets = dearmour(armoured)?;
    let mut found = Vec::new();
    let mut rest = packets.as_slice();
    while !rest.is_empty() {
        let (kind, body, after) =
            packet(rest).ok_or("has a packet in it that ends before its length")?;
        if !OF_A_CERTIFICATE.contains(&kind) {
            return Err(format!("has a packet of type {kind} in it, which no public key has"));
        }
        if kind == PUBLIC_KEY {
            found.push(fingerprint(body)?);
        } else if found.is_empty() && kind != 10 {
            return Err("does not begin with a public key".to_owned());
        }
        rest = after;
    }
    if found.is_empty() { Err("has no public key in it".to_owned()) } else { Ok(found) }
}

/// The bytes of the one armoured block that the text is.
fn dearmour(text: &str) -> Result<Vec<u8>, String> {
    let body = text.trim().strip_prefix(BEGIN).and_then(|t| t.strip_suffix(END));
    let body = body.ok_or("is no armoured public key: it does not begin and end as one")?;
    let mut lines = body.lines().map(str::trim_end);
    if lines.next() != Some("") {
        return Err("has something after its first line's dashes".to_owned());
    }
    // `Version: …` and the like, up to an empty line; a block without them starts with that line.
    for line in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        let header = line.split_once(": ").map(|(name, _)| name);
        if !header.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphabetic())) {
            return Err("has no empty line between its headers and its key".to_owned());
        }
    }
    let mut base64 = String::with_capacity(body.len());
    let mut checksum = false;
    for line in lines.filter(|line| !line.is_empty()) {
        if checksum {
            return Err("goes on after its checksum".to_owned());
        }
        match line.strip_prefix('=') {
            // RFC 9580 tells readers to ignore it: the key's own digest is what is compared.
            Some(_) => checksum = true,
            None => base64.push_str(line),
        }
    }
    BASE64.decode(base64.as_bytes()).map_err(|_| "has no key in base64 in it".to_owned())
}

/// Type, body and what comes after it. None: it is cut off, or its length is not told.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (kind, length, rest) = if first & 0x40 == 0 {
        let (length, rest) = match first & 0x03 {
            0 => number(rest, 1)?,
            1 => number(rest, 2)?,
            2 => number(rest, 4)?,
            _ => return None,
        };
        ((first >> 2) & 0x0f, length, rest)
    } else {
        let (&octet, more) = rest.split_first()?;
        let (length, rest) = match octet {
            0..=191 => (usize::from(octet), more),
            192..=223 => {
                let (low, rest) = number(more, 1)?;
                (((usize::from(octet) - 192) << 8) + low + 192, rest)
            }
            // Parts of a body: keys never are.
            224..=254 => return None,
            255 => number(more, 4)?,
        };
        (first & 0x3f, length, rest)
    };
    let (body, after) = rest.split_at_checked(length)?;
    Some((kind, body, after))
}

fn number(bytes: &[u8], size: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_at_checked(size)?;
    Some((number.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest))
}

fn fingerprint(body: &[u8]) -> Result<String, String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    match body.first() {
        Some(4) => {
            let length =
                u16::try_from(body.len()).map_err(|_| "has a key that is too long in it")?;
            let mut hash = Sha1::new();
            hash.update(&[0x99]);
            hash.update(&length.to_be_bytes());
            hash.update(body);
            Ok(hex(&hash.digest().bytes()))
        }
        Some(6) => {
            let length =
                u32::try_from(body.len()).map_err(|_| "has a key that is too long in it")?;
            let mut hash = Sha256::new();
            hash.update([0x9b]);
            hash.update(length.to_be_bytes());
            hash.update(body);
            Ok(hex(&hash.finalize()))
        }
        Some(version) => Err(format!("has a key of version {version} in it; 4 and 6 are known")),
        None => Err("has an empty key in it".to_owned()),
    }
}

/// Whether `text` is a fingerprint as [`fingerprints`] writes it, in either case.
#[must_use]
pub fn is_fingerprint(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The release key of Debian 12, as `debian-archive-keyring` has it.
    const BOOKWORM: &str = include_str!("../tests/debian-release-bookworm.asc");

    #[test]
    fn a_real_key_has_the_fingerprint_that_debian_publishes() {
        assert_eq!(
            fingerprints(BOOKWORM),
            Ok(vec!["4D64FEC119C2029067D6E791F8D2585B8783D481".to_owned()])
        );
        let crlf = BOOKWORM.replace('\n', "\r\n");
        assert_eq!(fingerprints(&crlf), fingerprints(BOOKWORM));
    }

    fn armoured(bytes: &[u8]) -> String {
        format!("{BEGIN}\n\n{}\n{END}\n", BASE64.encode(bytes))
    }

    /// An old-format packet with a body of up to 255 bytes.
    fn old(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[0x80 | kind << 2, u8::try_from(body.len()).unwrap()], body].concat()
    }

    #[test]
    fn every_key_of_a_block_is_named() {
        let first = [4, 1, 2, 3];
        let second = [6, 9, 9];
        let both = [old(6, &first), old(13, b"me"), old(6, &second)].concat();
        let both = fingerprints(&armoured(&both)).unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(both[0], fingerprints(&armoured(&old(6, &first))).unwrap()[0]);
        // The new format says the same.
        let new = [&[0xc6, 4][..], &first].concat();
        assert_eq!(fingerprints(&armoured(&new)).unwrap(), both[..1]);
        assert_eq!((both[0].len(), both[1].len()), (40, 64));
        assert!(both.iter().all(|f| is_fingerprint(f)));
    }

    #[test]
    fn what_is_no_block_of_keys_is_refused() {
        let key = old(6, &[4, 1]);
        let two = format!("{}{}", armoured(&key), armoured(&key));
        let hidden = armoured(&key).replacen('\n', " hidden\n", 1);
        let between = armoured(&key).replace("-----END", "Trusted: yes\n-----END");
        for (text, why) in [
            ("mQ==".to_owned(), "begin and end"),
            (two, "base64"),
            (hidden, "dashes"),
            (between, "base64"),
            (armoured(&[]), "no public key"),
            (armoured(&old(13, b"me")), "does not begin"),
            (armoured(&old(5, &[4, 1])), "type 5"),
            (armoured(&old(6, &[3, 1])), "version 3"),
            (armoured(&old(6, &[])), "empty key"),
            (armoured(&[0x98, 9, 4]), "ends before"),
            (armoured(&[0x9b, 4]), "ends before"),
            (armoured(&[0xc6, 0xff, 0xff, 0xff, 0xff, 0xff]), "ends before"),
            (format!("{BEGIN}\nmQ==\n{END}"), "empty line"),
        ] {
            let refused = fingerprints(&text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
