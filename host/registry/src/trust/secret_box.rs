//! The form in which cosign encrypts a private key: JSON that says how a key is made of the
//! passphrase (scrypt), and NaCl's secret box under that key (go-securesystemslib `encrypted`).

use data_encoding::BASE64;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::error::KeyError;

/// What cosign takes: 64 MiB, a quarter of a second.
const COST: u64 = 1 << 16;
/// A file that asks for more would take the machine's memory: 1 GiB with blocks of eight.
const HIGHEST_COST: u64 = 1 << 20;
const BLOCK: u32 = 8;
/// Bytes of the tag, which stand before what is closed.
const TAG: usize = 16;

#[derive(Serialize, Deserialize)]
struct Closed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Costs,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Costs {
    #[serde(rename = "N")]
    cost: u64,
    #[serde(rename = "r")]
    block: u32,
    #[serde(rename = "p")]
    lanes: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// What is in it.
pub(super) fn open(json: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let unsound = || KeyError::new("is encrypted in a form that is not read here");
    let closed: Closed = serde_json::from_slice(json).map_err(|_| unsound())?;
    let Closed { kdf, cipher, ciphertext } = closed;
    let Costs { cost, block, lanes } = kdf.params;
    if kdf.name != "scrypt" || cipher.name != "nacl/secretbox" {
        return Err(unsound());
    }
    if !cost.is_power_of_two()
        || !(2..=HIGHEST_COST).contains(&cost)
        || block != BLOCK
        || lanes != 1
    {
        return Err(KeyError::new(
            "wants more memory for its passphrase than any key that cosign writes",
        ));
    }
    let bytes = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| unsound());
    let (salt, nonce, ciphertext) = (bytes(&kdf.salt)?, bytes(&cipher.nonce)?, bytes(&ciphertext)?);
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| unsound())?;
    let mut stream = key_stream(passphrase, &salt, cost, &nonce)?;
    let changed = || KeyError::new("is not opened by this passphrase, or was changed");
    let (tag, closed) = ciphertext.split_at_checked(TAG).ok_or_else(changed)?;
    let wanted = tag_of(&mut stream, closed);
    if !bool::from(wanted.as_slice().ct_eq(tag)) {
        return Err(changed());
    }
    let mut opened = Zeroizing::new(closed.to_owned());
    stream.apply_keystream(&mut opened);
    Ok(opened)
}

/// The JSON that it is closed in.
pub(super) fn close(bytes: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let failed = || KeyError::new("cannot be encrypted: the kernel gives no random bytes");
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    let random = SystemRandom::new();
    random.fill(&mut salt).and_then(|()| random.fill(&mut nonce)).map_err(|_| failed())?;
    let mut stream = key_stream(passphrase, &salt, COST, &nonce)?;
    // The key of the tag is the beginning of the stream: it is taken before the bytes are closed.
    let tag_key = tag_key(&mut stream);
    let mut closed = bytes.to_owned();
    stream.apply_keystream(&mut closed);
    let tag = Poly1305::new((&*tag_key).into()).compute_unpadded(&closed);
    let ciphertext = [tag.as_slice(), &closed].concat();
    let closed = Closed {
        kdf: Kdf {
            name: "scrypt".to_owned(),
            params: Costs { cost: COST, block: BLOCK, lanes: 1 },
            salt: BASE64.encode(&salt),
        },
        cipher: Cipher { name: "nacl/secretbox".to_owned(), nonce: BASE64.encode(&nonce) },
        ciphertext: BASE64.encode(&ciphertext),
    };
    serde_json::to_vec(&closed).map_err(|_| failed())
}

/// The stream that a box is closed with (NaCl's `crypto_stream_xsalsa20`).
fn key_stream(
    passphrase: &[u8],
    salt: &[u8],
    cost: u64,
    nonce: &[u8; 24],
) -> Result<XSalsa20, KeyError> {
    let failed = || KeyError::new("is encrypted in a form that is not read here");
    let log = u8::try_from(cost.trailing_zeros()).map_err(|_| failed())?;
    let params = scrypt::Params::new(log, BLOCK, 1).map_err(|_| failed())?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, salt, &params, &mut *key).map_err(|_| failed())?;
    Ok(XSalsa20::new((&*key).into(), nonce.into()))
}

/// The first 32 bytes of the stream are the key of the tag, and close nothing.
fn tag_key(stream: &mut XSalsa20) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    stream.apply_keystream(&mut *key);
    key
}

fn tag_of(stream: &mut XSalsa20, closed: &[u8]) -> poly1305::Tag {
    let key = tag_key(stream);
    Poly1305::new((&*key).into()).compute_unpadded(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_that_would_take_the_machine_are_refused_before_they_are_paid() {
        let sound = String::from_utf8(close(b"key", b"pass").unwrap()).unwrap();
        assert_eq!(*open(sound.as_bytes(), b"pass").unwrap(), b"key");
        for (from, to, says) in [
            ("65536", "1073741824", "more memory"),
            ("65536", "65535", "more memory"),
            ("65536", "0", "more memory"),
            ("\"r\":8", "\"r\":1000000", "more memory"),
            ("\"p\":1", "\"p\":4294967295", "more memory"),
            ("scrypt", "md5", "in a form"),
            ("nacl/secretbox", "none", "in a form"),
            ("\"salt\":\"", "\"salt\":\"!", "in a form"),
            ("\"nonce\":\"", "\"nonce\":\"AAAA", "in a form"),
            ("{\"kdf\"", "[{\"kdf\"", "in a form"),
        ] {
            let said = open(sound.replace(from, to).as_bytes(), b"pass").unwrap_err().to_string();
            assert!(said.contains(says), "{from} → {to}: {said}");
        }
    }
}
