//! Opens a key slot with a passphrase or keyfile, here: no key has to go to a program and back.

use argon2::{Algorithm, Argon2, Params, Version};
use pbkdf2::hmac::Hmac;
use pbkdf2::pbkdf2;
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::LuksError;
use super::header::{KeySlot, LuksHeader, Pbkdf};
use super::key::{VOLUME_KEY, VolumeKey};
use super::medium::LuksMedium;
use crate::medium::Medium;
use dibhost_sys::SecretBytes;

/// KiB, as many as `cryptsetup` takes by itself at most: what is on a disk does not decide how
/// much memory is taken.
const MOST_MEMORY: u32 = 1 << 20;

/// KiB times passes; several minutes of one processor.
const MOST_WORK: u64 = 256 << 20;

/// Iterations of the digest; `cryptsetup` writes 1000 or as many as take an eighth of a second.
const MOST_ITERATIONS: u32 = 10_000_000;

/// Finds the volume key with a passphrase or keyfile, byte for byte, that opens one of the key
/// slots; slots that are made in a way not known here are passed over.
///
/// # Errors
/// When none opens, the payload or all key slots are of a kind not known here, or cost more than
/// 1 GiB of memory; when reading fails.
pub fn open(
    medium: &dyn Medium,
    header: &LuksHeader,
    key: &SecretBytes,
) -> Result<VolumeKey, LuksError> {
    let mut refused = None;
    for (number, slot) in &header.slots {
        match candidate(medium, slot, key) {
            Ok(volume_key) if right(header, &volume_key)? => {
                let bytes = SecretBytes::read_from(&mut &volume_key[..], VOLUME_KEY)?;
                return VolumeKey::new(bytes).ok_or(LuksError::NoKey);
            }
            Ok(_) => {}
            Err(Refused::Io(error)) => return Err(error.into()),
            Err(Refused::Unknown(why)) => refused = Some(format!("has key slot {number}, {why}")),
        }
    }
    Err(refused.map_or(LuksError::NoKey, LuksError::Header))
}

impl LuksHeader {
    /// The payload that this header describes, on the medium that it was read from.
    ///
    /// # Errors
    /// When it is encrypted in another way than `aes-xts-plain64` with 512 bits.
    pub fn payload<'a>(
        &self,
        lower: &'a dyn Medium,
        key: &VolumeKey,
    ) -> Result<LuksMedium<'a>, LuksError> {
        if self.cipher != "aes-xts-plain64" {
            return Err(LuksError::Header(format!(
                "has its payload encrypted by `{}`; `aes-xts-plain64` is known here",
                self.cipher.escape_debug()
            )));
        }
        let payload = LuksMedium::new(lower, self.offset, self.sector, key)?;
        Ok(match self.size {
            Some(size) => payload.shortened(size),
            None => payload,
        })
    }
}

enum Refused {
    Io(std::io::Error),
    /// Said behind "has key slot 3,".
    Unknown(String),
}

/// The volume key that a slot gives with `key`, right or wrong.
fn candidate(
    medium: &dyn Medium,
    slot: &KeySlot,
    key: &SecretBytes,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let unknown = |why: &str| Refused::Unknown(why.to_owned());
    let Pbkdf::Argon2id { iterations, memory, parallel } = slot.pbkdf else {
        return Err(unknown("which is not made by Argon2id"));
    };
    let work = u64::from(memory) * u64::from(iterations);
    if memory > MOST_MEMORY || work > MOST_WORK || parallel > 16 {
        return Err(Refused::Unknown(format!(
            "which asks for {memory} KiB of memory, {iterations} passes and {parallel} lanes"
        )));
    }
    let sizes = (slot.key, slot.area_key, slot.encryption.as_str(), slot.hash.as_str());
    if sizes != (VOLUME_KEY, VOLUME_KEY, "aes-xts-plain64", "sha256") {
        return Err(unknown("which is not encrypted by `aes-xts-plain64` with 512 bits"));
    }
    let params = Params::new(memory, iterations, parallel, Some(VOLUME_KEY));
    let params =
        params.map_err(|error| Refused::Unknown(format!("of which Argon2id says: {error}")))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut derived = Zeroizing::new([0; VOLUME_KEY]);
    argon2
        .hash_password_into(key.expose(), &slot.salt, &mut derived[..])
        .map_err(|error| Refused::Unknown(format!("of which Argon2id says: {error}")))?;
    let derived = SecretBytes::read_from(&mut &derived[..], VOLUME_KEY).map_err(Refused::Io)?;
    let derived = VolumeKey::new(derived).ok_or_else(|| unknown("which has no key"))?;
    // A key slot's area is encrypted like a payload, in sectors of 512 bytes.
    let area = LuksMedium::new(medium, slot.area, 512, &derived);
    let area = area.map_err(|error| Refused::Unknown(format!("of which is said: {error}")))?;
    let mut material = Zeroizing::new(vec![0; slot.key * slot.stripes]);
    area.read_exact_at(&mut material, 0).map_err(Refused::Io)?;
    Ok(merge(&material, slot.key))
}

/// Puts a key together from its stripes (the anti-forensic splitter of LUKS1, with SHA-256).
fn merge(stripes: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; length]);
    let count = stripes.len() / length;
    for (index, stripe) in stripes.chunks_exact(length).enumerate() {
        key.iter_mut().zip(stripe).for_each(|(key, byte)| *key ^= byte);
        if index + 1 < count {
            diffuse(&mut key);
        }
    }
    key
}

/// Replaces each piece as long as a hash by its hash, its number before it.
fn diffuse(bytes: &mut [u8]) {
    for (number, piece) in (0u32..).zip(bytes.chunks_mut(32)) {
        let hash =
            Sha256::new().chain_update(number.to_be_bytes()).chain_update(&*piece).finalize();
        piece.copy_from_slice(&hash[..piece.len()]);
    }
}

/// Whether this is the volume key.
fn right(header: &LuksHeader, key: &[u8]) -> Result<bool, LuksError> {
    let digest = &header.digest;
    if digest.iterations > MOST_ITERATIONS || !(16..=64).contains(&digest.digest.len()) {
        return Err(LuksError::Header("has a digest that is not sound".to_owned()));
    }
    let mut found = Zeroizing::new(vec![0; digest.digest.len()]);
    let (salt, iterations) = (&digest.salt, digest.iterations);
    let done = match digest.hash.as_str() {
        "sha256" => pbkdf2::<Hmac<Sha256>>(key, salt, iterations, &mut found),
        "sha512" => pbkdf2::<Hmac<Sha512>>(key, salt, iterations, &mut found),
        other => {
            let other = other.escape_debug();
            return Err(LuksError::Header(format!("has a digest made by `{other}`")));
        }
    };
    Ok(done.is_ok() && found[..] == digest.digest)
}
