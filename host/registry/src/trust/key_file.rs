//! Keys as text: PKCS#8 and SubjectPublicKeyInfo in PEM; encrypted ones as cosign writes them.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use dibhost_sys::read_regular;
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::error::KeyError;
use super::key::{SigningKey, VerifyingKey};
use super::secret_box;

const PUBLIC: &str = "PUBLIC KEY";
const PRIVATE: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// As cosign wrote it until version 2.
const ENCRYPTED_BEFORE: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// A key of any kind that is read has less; whole files of comments are none.
const LARGEST: u64 = 64 << 10;

/// What the help of a key that is none of ours says.
const CONVERT: &str = "`openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW.key` makes PKCS#8 of it";

impl VerifyingKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// When it is another text, or a key of another kind.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        match pem(text)? {
            (PUBLIC, der) => Self::from_spki(&der),
            (label, _) if label.contains("PRIVATE") => {
                Err(KeyError::new("is a private key where the public one is wanted")
                    .with_help("name the `.pub` beside it, and keep the private one to yourself"))
            }
            (label, _) => Err(other(label)),
        }
    }

    /// As PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        encoded(PUBLIC, self.spki()).to_string()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, or no public key in PEM.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::from_pem(&read(path)?).map_err(|error| error.of(shown(path)))
    }
}

impl SigningKey {
    /// Whether a private key in PEM needs a passphrase.
    #[must_use]
    pub fn is_encrypted(text: &str) -> bool {
        matches!(pem(text), Ok((ENCRYPTED | ENCRYPTED_BEFORE, _)))
    }

    /// Reads a private key in PEM.
    ///
    /// # Errors
    /// When it is another text, a key of another kind, or the passphrase is not the one.
    pub fn from_pem(text: &str, passphrase: Option<&[u8]>) -> Result<Self, KeyError> {
        let (label, der) = pem(text)?;
        match label {
            PRIVATE => Self::from_pkcs8(der),
            ENCRYPTED | ENCRYPTED_BEFORE => {
                let passphrase = passphrase.ok_or_else(|| {
                    KeyError::new("is encrypted, and there is no passphrase for it").with_help(
                        "give `--passphrase-file FILE`, or the passphrase in `DIBHOST_PASSPHRASE`",
                    )
                })?;
                Self::from_pkcs8(secret_box::open(&der, passphrase)?)
            }
            PUBLIC => Err(KeyError::new("is a public key, which signs nothing")
                .with_help("name the private one, `NAME.key`")),
            label => Err(other(label)),
        }
    }

    /// As PEM, encrypted where there is a passphrase.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn to_pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, KeyError> {
        Ok(match passphrase {
            None => encoded(PRIVATE, self.pkcs8()),
            Some(passphrase) => encoded(ENCRYPTED, &secret_box::close(self.pkcs8(), passphrase)?),
        })
    }

    /// Reads a file. One that is not encrypted has to be its owner's alone.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, others may read it, or it is no private key.
    pub fn load(
        path: &Path,
        passphrase: &mut dyn FnMut() -> Result<Option<Zeroizing<Vec<u8>>>, KeyError>,
    ) -> Result<Self, KeyError> {
        let text = read(path)?;
        let with_name = |error: KeyError| error.of(shown(path));
        if Self::is_encrypted(&text) {
            let passphrase = passphrase()?;
            return Self::from_pem(&text, passphrase.as_ref().map(|p| p.as_slice()))
                .map_err(with_name);
        }
        let mode = std::fs::metadata(path).map(|m| m.permissions().mode() & 0o777);
        if let Ok(mode) = mode
            && mode & 0o077 != 0
            && text.contains(PRIVATE)
        {
            let why = format!("is not encrypted, and its mode is {mode:04o}, so others get at it");
            return Err(KeyError::new(why)
                .of(shown(path))
                .with_help("`chmod 0600` it; if others were there, make a new pair"));
        }
        Self::from_pem(&text, None).map_err(with_name)
    }
}

/// Writes a new file that its owner alone reads; one that is there is not touched.
///
/// # Errors
/// When there is one, or it cannot be written.
pub fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), KeyError> {
    let failed = |error: std::io::Error| {
        let why = format!("cannot be written: {error}");
        let there = error.kind() == std::io::ErrorKind::AlreadyExists;
        let help = "a key that is there is never overwritten: take another name, or move it away";
        let error = KeyError::new(why).of(shown(path));
        if there { error.with_help(help) } else { error }
    };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let failed = |why: String| {
        KeyError::new(why)
            .of(shown(path))
            .with_help("a key is a file in PEM: `dibhost element keygen -o NAME` makes a pair")
    };
    let bytes = read_regular(path, LARGEST).map_err(|e| failed(format!("cannot be read: {e}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(_) => Err(failed("is no key in PEM".to_owned())),
    }
}

fn pem(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), KeyError> {
    let (label, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).map_err(|_| {
        KeyError::new("is no key in PEM: one block that begins with `-----BEGIN …`")
            .with_help("`dibhost element keygen -o NAME` makes a pair")
    })?;
    Ok((label, Zeroizing::new(bytes)))
}

fn encoded(label: &str, der: &[u8]) -> Zeroizing<String> {
    // Labels are our own, and there is no limit to what is encoded into memory.
    Zeroizing::new(pem_rfc7468::encode_string(label, LineEnding::LF, der).unwrap_or_default())
}

fn other(label: &str) -> KeyError {
    let label = dibhost_text::harmless(label, 60);
    KeyError::new(format!("is a `{label}`, which is not read here")).with_help(CONVERT)
}

fn shown(path: &Path) -> String {
    format!("the key `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use super::super::key::Algorithm;
    use super::*;

    /// Written by cosign itself: a key of its own tests (Apache-2.0), whose passphrase is `hello`.
    const OF_COSIGN: &str = include_str!("../../tests/keys/cosign.key");

    #[test]
    fn what_is_written_is_read_again() {
        for algorithm in [Algorithm::EcdsaP256, Algorithm::Ed25519] {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = key.verifying_key();
            assert_eq!(VerifyingKey::from_pem(&public.to_pem()).unwrap(), public);
            let plain = key.to_pem(None).unwrap();
            assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{plain:?}");
            assert_eq!(SigningKey::from_pem(&plain, None).unwrap().verifying_key(), public);
            let closed = key.to_pem(Some(b"pass")).unwrap();
            assert!(SigningKey::is_encrypted(&closed) && !SigningKey::is_encrypted(&plain));
            let again = SigningKey::from_pem(&closed, Some(b"pass")).unwrap();
            assert_eq!(again.verifying_key(), public);
            let said = SigningKey::from_pem(&closed, Some(b"pasS")).unwrap_err().to_string();
            assert_eq!(said, "the key is not opened by this passphrase, or was changed");
            let said = SigningKey::from_pem(&closed, None).unwrap_err().to_string();
            assert!(said.contains("no passphrase"), "{said}");
        }
    }

    #[test]
    fn a_key_that_cosign_wrote_is_read() {
        let key = SigningKey::from_pem(OF_COSIGN, Some(b"hello")).unwrap().verifying_key();
        assert_eq!(key.algorithm(), Algorithm::EcdsaP256);
        // `openssl pkey -pubout` says the same of what is in it.
        let id = "sha256:f1057bf3c114d5486f0bdb3c702596d6154158248980d4be49f6c61fdc62c591";
        assert_eq!(key.id(), id);
        let said = SigningKey::from_pem(OF_COSIGN, Some(b"hallo")).unwrap_err().to_string();
        assert!(said.contains("is not opened by this passphrase"), "{said}");
    }

    #[test]
    fn a_key_file_is_a_small_file_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
        write_new(&at("a.key"), &key.to_pem(None).unwrap(), 0o600).unwrap();
        write_new(&at("a.pub"), &key.verifying_key().to_pem(), 0o644).unwrap();
        let mode = std::fs::metadata(at("a.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut none = || Ok(None);
        assert!(SigningKey::load(&at("a.key"), &mut none).is_ok());
        assert_eq!(VerifyingKey::load(&at("a.pub")).unwrap(), key.verifying_key());
        let said = write_new(&at("a.key"), "", 0o600).unwrap_err();
        assert!(said.help.unwrap().contains("never overwritten"));

        std::fs::set_permissions(at("a.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let said = SigningKey::load(&at("a.key"), &mut none).unwrap_err().to_string();
        assert!(said.contains("its mode is 0640"), "{said}");
        let said = VerifyingKey::load(&at("a.key")).unwrap_err().to_string();
        assert!(said.contains("is a private key where the public one is wanted"), "{said}");
        let said = SigningKey::load(&at("a.pub"), &mut none).unwrap_err().to_string();
        assert!(said.contains("is a public key, which signs nothing"), "{said}");

        for endless in ["/dev/zero", "/dev/urandom"] {
            let said = VerifyingKey::load(Path::new(endless)).unwrap_err().to_string();
            assert!(said.contains("no regular file"), "{said}");
        }
        std::fs::write(at("large"), vec![b'-'; 1 << 20]).unwrap();
        let said = VerifyingKey::load(&at("large")).unwrap_err().to_string();
        assert!(said.contains("more than 65536 bytes"), "{said}");
    }
}
