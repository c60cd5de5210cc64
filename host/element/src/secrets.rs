//! Secrets: what an element is handed is a name; the bytes stay with whoever holds them until they
//! are placed, or opened with a grant.

use std::fmt;
use std::sync::Arc;

use dibhost_sys::SecretBytes;

/// Whoever holds the secrets of a build.
pub trait SecretStore: fmt::Debug + Send + Sync {
    /// The bytes of a secret by its name in the definition; read when it is asked for first.
    ///
    /// # Errors
    /// Why they cannot be had: a sentence part after the secret's name.
    fn read(&self, name: &str) -> Result<Arc<SecretBytes>, String>;

    /// `text` with `***` for every secret that was read so far.
    fn redact(&self, text: String) -> String;
}

/// There are none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretStore for NoSecrets {
    fn read(&self, _name: &str) -> Result<Arc<SecretBytes>, String> {
        Err("is not there: this host was given no secrets".to_owned())
    }

    fn redact(&self, text: String) -> String {
        text
    }
}
