//! Why an element is not trusted, or a key cannot be used, for people.

use dibhost_text::harmless;

use crate::oci::Digest;

/// How much of what somebody else wrote is shown.
const SHOWN: usize = 200;

/// A key that cannot be read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct KeyError {
    /// Which key: a file in back-ticks, or `the key`.
    pub what: String,
    /// What is wrong with it: a sentence part.
    pub why: String,
    /// What to do.
    pub help: Option<String>,
}

impl KeyError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { what: "the key".to_owned(), why: why.into(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn of(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }
}

/// A signature that does not say what it has to, or none that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is no signature that this host reads.
    #[error("a signature cannot be used: {why}")]
    Unreadable {
        /// What is wrong: a sentence part.
        why: String,
    },
    /// It was made by a key that is not among those that count.
    #[error("it is signed by no key that is trusted for it{}", hinted(.hint))]
    OtherKey {
        /// What the signature says of its key, which proves nothing.
        hint: String,
    },
    /// It is about something else.
    #[error("its signature is of {signed} and not of {wanted}")]
    OtherDigest {
        /// What was signed.
        signed: String,
        /// What it has to be of.
        wanted: Digest,
    },
    /// What was signed is another thing than what is there.
    #[error("its signature is of the {what} `{}`, and this is `{}`", shown(.signed), shown(.is))]
    OtherThan {
        /// `name`, `version`, `component`, `contract`.
        what: &'static str,
        /// What was signed.
        signed: String,
        /// What is there.
        is: String,
    },
    /// The signature names other rights than the element asks for.
    #[error("its signature does not name the rights that it asks for: {}", shown(.differs))]
    OtherRequests {
        /// `exec sh` that it asks for and was not signed, or was signed and it does not ask for.
        differs: String,
    },
    /// Nobody signed it.
    #[error("it is signed by nobody")]
    Unsigned,
    /// Nobody is trusted for it.
    #[error("nobody is trusted for it")]
    Nobody,
    /// The trust in who signed it is over.
    #[error("the trust in who signed it ended with {until}")]
    Expired {
        /// The last day, `YYYY-MM-DD`.
        until: String,
    },
    /// Only what the signature of the digest alone says is there.
    #[error("its signature names neither its name nor its version, as the rule for it wants")]
    SaysTooLittle,
    /// It is older than what was there before.
    #[error("it is version {is}, and {was} was there before")]
    Older {
        /// What is offered.
        is: String,
        /// What was there.
        was: String,
    },
}

impl TrustError {
    pub(crate) fn unreadable(why: impl Into<String>) -> Self {
        Self::Unreadable { why: why.into() }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::OtherDigest { .. } => {
                "it was changed on its way, or signed by another tool in another form: have its \
                 publisher sign it again (`dibhost element sign`)"
            }
            Self::OtherKey { .. } => {
                "where its publisher has a new key, get that by another way than this registry and \
                 put it into the policy; else somebody else signed it"
            }
            Self::OtherThan { .. } | Self::OtherRequests { .. } => {
                "somebody offers one element under the name or version of another: ask its \
                 publisher, and use it under its own name"
            }
            Self::Unsigned => {
                "have its publisher sign it (`dibhost element sign`), or write `unsigned = true` \
                 into the policy's rule for it"
            }
            Self::Nobody => {
                "write a rule for it into the policy (`docs/trust.md`):\n[[publishers]]\nnames = \
                 [\"oci://HOST/REPOSITORY\"]\nkeys = [\"publisher.pub\"]"
            }
            Self::Expired { .. } => {
                "ask whether its publisher has a new key, or write a later `until` into the policy"
            }
            Self::SaysTooLittle => {
                "have it signed by `dibhost element sign`, or leave `statement = \"element\"` out of \
                 the policy's rule"
            }
            Self::Older { .. } => {
                "a registry that offers what is older may hide what was mended since; where you \
                 mean it, name that version in the definition, or say `--allow-older`"
            }
        }
    }
}

fn hinted(hint: &str) -> String {
    match hint {
        "" => String::new(),
        hint => format!(" (it says it was the key `{}`)", shown(hint)),
    }
}

fn shown(text: &str) -> String {
    harmless(text, SHOWN)
}
