//! Secrets: named by parameters, held by the host, placed without being read.

use serde_json::Value;

use crate::description::ParameterKind;
use crate::error::Result;
use crate::host;
use crate::parameters::{ParameterValue, wrong};

/// A parameter that names a secret of the image definition.
///
/// ```
/// use dibhost_element_sdk::{Parameters, SecretParameter};
///
/// #[derive(Parameters)]
/// struct Registration {
///     /// The key it registers with.
///     activation_key: Option<SecretParameter>,
/// }
/// ```
///
/// The definition says `activation-key = "rhn"`, and in `[secrets]` where `rhn` is. Requests name
/// the parameter: `.request("secret", "place activation-key", "to register")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretParameter {
    pub(crate) parameter: String,
}

impl SecretParameter {
    /// The one of this name, for an element that the host gives more of than it declares: for
    /// `definition`, a password of each user. Whether there is one is known when it is used.
    #[must_use]
    pub fn named(parameter: impl Into<String>) -> Self {
        Self { parameter: parameter.into() }
    }
}

impl ParameterValue for SecretParameter {
    fn kind() -> ParameterKind {
        ParameterKind::Secret
    }

    fn read(name: &str, value: Option<Value>) -> Result<Self> {
        match value {
            Some(Value::String(_)) => Ok(Self { parameter: name.to_owned() }),
            value => Err(wrong(name, value.as_ref(), "the name of a secret")),
        }
    }
}

/// A secret that stays with the host: [`crate::Run::secret`].
#[derive(Debug)]
pub struct Secret(pub(crate) host::Secret);

impl Secret {
    /// Its bytes (`secret` of `open PARAMETER`). What is opened is the element's own affair: the
    /// host strikes it out of logs and refuses it in arguments and facts. Most elements need
    /// [`crate::Tree::write_secret`] or [`crate::Exec::run_with_secret`] instead.
    ///
    /// # Errors
    /// Not granted, not in `run`, or the secret is not where the definition says.
    pub fn open(&self) -> Result<Vec<u8>> {
        self.0.open()
    }
}
