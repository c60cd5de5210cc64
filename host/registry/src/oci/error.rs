//! Why something of a registry could not be had, or not be put there, for people.

use std::time::Duration;

use dibhost_text::{harmless, short_size};

use super::digest::Digest;
use crate::error::FetchError;

/// How much of a name or of a server's words is shown.
const SHOWN: usize = 300;

/// Something with a registry went wrong. Nothing of it is kept. `what` is what it was about, as
/// "the manifest `1.2.0` of `example.org/acme/motd`".
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry was not reached, or did not say all that it had to.
    #[error("{} could not be had: {}", shown(.what), shown(.why))]
    Unreachable {
        /// What it was about.
        what: String,
        /// Why, in the words of whoever noticed.
        why: String,
        /// Another attempt may go better.
        passing: bool,
        /// How long the registry wants to be left alone.
        wait: Option<Duration>,
    },
    /// There is no such thing.
    #[error("there is no {}", absent(.what))]
    Absent {
        /// What it was about.
        what: String,
        /// What the registry said to it.
        said: String,
    },
    /// The registry wants to know who asks, or knows and refuses.
    #[error("the registry does not give {} to {}{}", shown(.what), who(*.known), said_too(.said))]
    Denied {
        /// What it was about.
        what: String,
        /// Credentials were sent.
        known: bool,
        /// What the registry said to it.
        said: String,
    },
    /// The registry refuses it.
    #[error("{} was refused: the registry answered {status}{}", shown(.what), said_too(.said))]
    Refused {
        /// What it was about.
        what: String,
        /// `400 Bad Request`.
        status: String,
        /// What the registry said to it.
        said: String,
    },
    /// The registry sends it elsewhere, where it does not go.
    #[error("{} leads to `{}`, which {why}", shown(.what), shown(.to))]
    Redirect {
        /// What it was about.
        what: String,
        /// Where it leads.
        to: String,
        /// Why it does not go there: a sentence part.
        why: &'static str,
    },
    /// It is longer than there is room for.
    #[error("{} has more than {}", shown(.what), short_size(*.most))]
    TooLarge {
        /// What it was about.
        what: String,
        /// How many bytes there is room for.
        most: u64,
    },
    /// It is not as long as its descriptor says.
    #[error("{} is not what it has to be: its descriptor says {wanted} bytes, and it has {found}", shown(.what))]
    Size {
        /// What it was about.
        what: String,
        /// What the descriptor says.
        wanted: u64,
        /// What came.
        found: u64,
    },
    /// It is not what was asked for.
    #[error("{} is not what it has to be: {wanted} is wanted, and {found} was sent", shown(.what))]
    Digest {
        /// What it was about.
        what: String,
        /// The digest that it has to have.
        wanted: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// What came cannot be used.
    #[error("{} cannot be used: {}", shown(.what), shown(.why))]
    Unsound {
        /// What it was about.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tag that is there would become something else.
    #[error("the tag `{tag}` of `{repository}` is {there} already, and what is pushed is {pushed}")]
    Taken {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// What it is.
        there: Digest,
        /// What it would become.
        pushed: Digest,
    },
    /// Credentials could not be had, or would go where they do not belong.
    #[error("credentials for `{}`: {}", shown(.host), shown(.why))]
    Credentials {
        /// The registry they are for.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// This machine lacks something.
    #[error("{doing}: {why}")]
    Machine {
        /// What was being done.
        doing: String,
        /// What is missing, or what the kernel said.
        why: String,
    },
}

impl RegistryError {
    /// What came cannot be used.
    pub(crate) fn unsound(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsound { what: what.into(), why: why.into() }
    }

    /// Something this machine could not do.
    pub(crate) fn machine(doing: impl Into<String>, why: impl ToString) -> Self {
        Self::Machine { doing: doing.into(), why: why.to_string() }
    }

    /// There is no such thing, as opposed to everything else.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } => {
                "look whether this machine reaches it; a proxy is taken from `https_proxy`, \
                 `http_proxy` and `no_proxy`, a certificate authority of your own from the system's \
                 certificates or `SSL_CERT_FILE`; a registry without TLS has to be named by \
                 `--plain-http HOST`"
            }
            Self::Absent { .. } => {
                "`dibhost element tags oci://HOST/REPOSITORY` lists the versions that there are"
            }
            Self::Denied { known: false, .. } => {
                "log in by `docker login`, `podman login --compat-auth-file` or a credential helper: \
                 credentials are read from `config.json` in `DOCKER_CONFIG` or `~/.docker`"
            }
            Self::Denied { known: true, .. } => {
                "look whether the login is still good, and whether it may do this"
            }
            Self::Digest { .. } | Self::Size { .. } => {
                "the registry, or somebody on the way to it, exchanged it: use nothing from there \
                 until the publisher has said what it should be"
            }
            Self::Taken { .. } => {
                "a version that was pushed stays what it is: give the element another version, or say \
                 `--replace` where nobody can have used it"
            }
            Self::Redirect { .. } => {
                "name the registry by the host that it leads to, if you know that host"
            }
            Self::TooLarge { .. } | Self::Unsound { .. } => {
                "ask its publisher, or who runs the registry; nothing of it is used"
            }
            Self::Refused { .. } | Self::Credentials { .. } | Self::Machine { .. } => return None,
        })
    }
}

impl From<FetchError> for RegistryError {
    /// What the way outside says of this machine.
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Machine { doing, why } => Self::Machine { doing, why },
            other => Self::machine("reaching a registry", other),
        }
    }
}

fn shown(text: &str) -> String {
    harmless(text, SHOWN)
}

fn absent(what: &str) -> String {
    shown(what.strip_prefix("the ").unwrap_or(what))
}

fn who(known: bool) -> &'static str {
    if known { "these credentials" } else { "somebody without credentials" }
}

fn said_too(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {}", shown(said)) }
}
