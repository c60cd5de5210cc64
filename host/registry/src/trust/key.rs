//! Keys that sign and verify: ECDSA on P-256 with SHA-256, as cosign's are, and Ed25519.

use std::fmt;

use data_encoding::BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, UnparsedPublicKey,
};
use zeroize::Zeroizing;

use super::error::KeyError;
use crate::oci::Digest;

/// How a public key of P-256 begins in DER (RFC 5480): `id-ecPublicKey`, `prime256v1`, and a point
/// in the long form follows, whose first byte is the last one here.
const P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// The same of Ed25519 (RFC 8410): 32 bytes follow.
const ED25519_PUBLIC: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How a private key of Ed25519 begins in PKCS#8 of version 1 (RFC 8410): a seed of 32 bytes
/// follows. ring writes version 2, which many others do not read.
const ED25519_PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What a key signs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

/// A public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    /// SubjectPublicKeyInfo in DER.
    spki: Vec<u8>,
}

impl VerifyingKey {
    /// Reads a SubjectPublicKeyInfo in DER, which has one form only.
    pub(super) fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let of = |algorithm| Ok(Self { algorithm, spki: spki.to_owned() });
        if spki.starts_with(&P256) && spki.len() == P256.len() + 64 {
            return of(Algorithm::EcdsaP256);
        }
        if spki.starts_with(&ED25519_PUBLIC) && spki.len() == ED25519_PUBLIC.len() + 32 {
            return of(Algorithm::Ed25519);
        }
        Err(unknown("public"))
    }

    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What it verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `sha256:…` of its SubjectPublicKeyInfo: what `dib.lock` names it by.
    #[must_use]
    pub fn id(&self) -> String {
        Digest::of(&self.spki).to_string()
    }

    /// The same digest in base64, as bundles name the key that made them.
    #[must_use]
    pub fn hint(&self) -> String {
        BASE64.encode(ring::digest::digest(&ring::digest::SHA256, &self.spki).as_ref())
    }

    /// Whether this key's holder signed these bytes.
    pub(super) fn holds(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            // The point, with the byte that says its form.
            Algorithm::EcdsaP256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.spki[P256.len() - 1..])
                    .verify(bytes, signature)
            }
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, &self.spki[ED25519_PUBLIC.len()..])
                    .verify(bytes, signature)
            }
        };
        verified.is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id())
    }
}

/// A private key.
pub struct SigningKey {
    pair: Pair,
    /// PKCS#8 in DER.
    pkcs8: Zeroizing<Vec<u8>>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes one that nobody has.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let none = |_| KeyError::new("cannot be made: the kernel gives no random bytes");
        let pkcs8 = match algorithm {
            Algorithm::EcdsaP256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
                Zeroizing::new(made.map_err(none)?.as_ref().to_owned())
            }
            Algorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                random.fill(&mut *seed).map_err(none)?;
                Zeroizing::new([&ED25519_PRIVATE[..], &seed[..]].concat())
            }
        };
        Self::from_pkcs8(pkcs8)
    }

    pub(super) fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        let ecdsa =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &SystemRandom::new());
        let pair = match ecdsa {
            Ok(pair) => Pair::Ecdsa(pair),
            Err(_) => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8) {
                Ok(pair) => Pair::Ed25519(pair),
                Err(_) => return Err(unknown("private")),
            },
        };
        Ok(Self { pair, pkcs8 })
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Its public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let (algorithm, spki) = match &self.pair {
            Pair::Ecdsa(pair) => {
                let point = pair.public_key().as_ref();
                (Algorithm::EcdsaP256, [&P256[..P256.len() - 1], point].concat())
            }
            Pair::Ed25519(pair) => {
                let point = pair.public_key().as_ref();
                (Algorithm::Ed25519, [&ED25519_PUBLIC[..], point].concat())
            }
        };
        VerifyingKey { algorithm, spki }
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), bytes)
                .map(|signature| signature.as_ref().to_owned())
                .map_err(|_| KeyError::new("cannot sign: the kernel gives no random bytes")),
            Pair::Ed25519(pair) => Ok(pair.sign(bytes).as_ref().to_owned()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key().id())
    }
}

fn unknown(half: &str) -> KeyError {
    KeyError::new(format!("is no {half} key of ECDSA on P-256 or of Ed25519, whole and in DER"))
        .with_help(
            "`dibhost element keygen -o NAME` makes a pair; cosign's (`cosign generate-key-pair`) \
             are read as well",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pair_of_a_key_verifies_what_it_signed() {
        for algorithm in [Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let key = SigningKey::generate(algorithm).unwrap();
            let other = SigningKey::generate(algorithm).unwrap();
            let public = key.verifying_key();
            assert_eq!(public.algorithm(), algorithm);
            let signature = key.sign(b"said").unwrap();
            assert!(public.holds(b"said", &signature));
            assert!(!public.holds(b"sAid", &signature));
            assert!(!other.verifying_key().holds(b"said", &signature));
            for at in 0..signature.len() {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert!(!public.holds(b"said", &changed), "byte {at}");
            }
            assert!(!public.holds(b"said", &signature[1..]));
            assert!(!public.holds(b"said", b""));
            let again = VerifyingKey::from_spki(public.spki()).unwrap();
            assert_eq!(again, public);
            assert_ne!(again.id(), other.verifying_key().id());
        }
    }

    #[test]
    fn keys_of_another_kind_or_length_are_refused() {
        let key = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
        let spki = key.verifying_key().spki().to_owned();
        let longer = [&spki[..], &[0]].concat();
        let mut compressed = spki.clone();
        compressed[26] = 2;
        for wrong in [&spki[..90], &longer, &compressed, b"", b"0"] {
            assert!(VerifyingKey::from_spki(wrong).is_err());
        }
        for wrong in [&key.pkcs8()[1..], b"", &ED25519_PRIVATE] {
            assert!(SigningKey::from_pkcs8(Zeroizing::new(wrong.to_owned())).is_err());
        }
    }
}
