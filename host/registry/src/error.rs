//! Why bytes could not be had from outside, for people.

use dibhost_text::{harmless, short_size};

/// How much of a URL is shown.
const SHOWN: usize = 300;

/// Something could not be fetched. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server was not reached, or did not say all that it had to.
    #[error("`{}` could not be fetched: {why}", shown(.url))]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why, in the words of whoever noticed.
        why: String,
        /// Another attempt may go better.
        passing: bool,
    },
    /// The server has no such thing, or does not give it.
    #[error("`{}` could not be fetched: the server answered {status}", shown(.url))]
    Status {
        /// What was asked for.
        url: String,
        /// `404 Not Found`.
        status: String,
        /// There is nothing of that name, whoever asks.
        absent: bool,
    },
    /// The server sent it elsewhere, where it does not go.
    #[error("`{}` leads to `{}`, which {why}", shown(.url), shown(.to))]
    Redirect {
        /// What was asked for.
        url: String,
        /// Where it leads.
        to: String,
        /// Why it does not go there: a sentence part.
        why: String,
        /// The host that would have to be granted; none: no grant would help.
        host: Option<String>,
    },
    /// It is longer than there is room for.
    #[error("`{}` has more than {}", shown(.url), short_size(*.most))]
    TooLarge {
        /// What was asked for.
        url: String,
        /// How many bytes there was room for.
        most: u64,
    },
    /// It is not what was asked for.
    #[error("`{}` is not what it has to be: {wanted} is wanted, and {found} was sent", shown(.url))]
    Digest {
        /// What was asked for.
        url: String,
        /// The digest that it has to have.
        wanted: String,
        /// The digest that it has.
        found: String,
    },
    /// There is no such branch, tag or commit.
    #[error("`{}` has no {what} `{}`", shown(.url), shown(.revision))]
    NoRevision {
        /// The repository.
        url: String,
        /// `branch or tag`, `commit`.
        what: &'static str,
        /// What was asked for.
        revision: String,
    },
    /// A branch and a tag have one name.
    #[error(
        "`{}` has a branch and a tag `{}`, which are two commits", shown(.url), shown(.revision)
    )]
    Ambiguous {
        /// The repository.
        url: String,
        /// What was asked for.
        revision: String,
    },
    /// What came cannot be read.
    #[error("what `{}` sent cannot be used: {why}", shown(.url))]
    Unsound {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
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
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The time of whoever asked is over.
    #[error("ran out of time")]
    Time,
}

impl FetchError {
    /// Something this machine could not do.
    pub(crate) fn machine(doing: impl Into<String>, why: impl ToString) -> Self {
        Self::Machine { doing: doing.into(), why: why.to_string() }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } => {
                "look whether this machine reaches it; a proxy is taken from `https_proxy`, \
                 `http_proxy` and `no_proxy`, a certificate authority of your own from the system's \
                 certificates or `SSL_CERT_FILE`"
            }
            Self::Status { absent: true, .. } => {
                "look whether the address is right, and what is there still"
            }
            Self::Digest { .. } => {
                "either what is there was exchanged, or the digest is not that of this file: find \
                 out which, by the publisher's own word, before you write another digest"
            }
            Self::NoRevision { what: "commit", .. } => {
                "it may have been there and be gone; where `dib.lock` pins it, delete that line and \
                 the branch or tag is looked up anew"
            }
            Self::Ambiguous { .. } => "say `refs/heads/NAME` or `refs/tags/NAME`",
            Self::Status { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::NoRevision { .. }
            | Self::Unsound { .. }
            | Self::Machine { .. }
            | Self::Cancelled
            | Self::Time => return None,
        })
    }
}

fn shown(text: &str) -> String {
    harmless(text, SHOWN)
}
