//! Why packages could not be had or installed.

/// Why packages could not be had or installed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Something in the options is no URL, suite or package name.
    #[error("{0}")]
    Invalid(String),
    /// What is locked is not what would be had.
    #[error(
        "what the lock file says of the packages does not hold any more: {0}; renew it by `dibhost update`, or name a mirror that still has them"
    )]
    Locked(String),
    /// The builder's apt configuration names no archive.
    #[error(
        "the apt configuration of this machine names no Debian archive; set the parameter `mirror` to the base URL of one"
    )]
    NoMirror,
    /// A file that the suite must have is not on the mirror.
    #[error(
        "the mirror does not have what was asked for ({detail}); see whether `mirror` and the suite `{suite}` are right"
    )]
    NotOnMirror {
        /// What apt said.
        detail: String,
        /// The suite.
        suite: String,
    },
    /// The mirror cannot be reached.
    #[error(
        "the mirror cannot be reached ({0}); see whether the network and the parameter `mirror` are right"
    )]
    Unreachable(String),
    /// The archive is not signed by a key that is trusted.
    #[error(
        "the signature of the archive is not good, so nothing of it is used ({0}); give the archive's key in `keys`, or another `mirror`"
    )]
    Signature(String),
    /// What was downloaded is not what the signed lists say.
    #[error(
        "what the mirror sent is not what its signed lists promise ({0}); try again later, or another `mirror`"
    )]
    Corrupt(String),
    /// The lists are too old or from the future.
    #[error(
        "the lists of the archive are out of date ({0}); see whether the clock of this machine is right, or use another `mirror`"
    )]
    Expired(String),
    /// A package is not in the archive, or cannot be installed.
    #[error("{0}")]
    Unresolvable(String),
    /// A disk or a tmpfs is full.
    #[error("no space is left while {doing} ({detail}); {advice}")]
    NoSpace {
        /// What was being done.
        doing: String,
        /// What was said.
        detail: String,
        /// What to do.
        advice: &'static str,
    },
    /// dpkg or a package's script failed.
    #[error("{doing} failed ({detail})")]
    Install {
        /// What was being done.
        doing: String,
        /// The last things said.
        detail: String,
    },
    /// Something else that apt said.
    #[error("{doing}: {detail}")]
    Apt {
        /// What was being done.
        doing: String,
        /// apt's own words, condensed.
        detail: String,
    },
    /// A repository has not what it must have.
    #[error(
        "the repository `{repository}` does not have what was asked for ({detail}); see whether its address and the release are right"
    )]
    NotInRepository {
        /// Its name.
        repository: String,
        /// What was said.
        detail: String,
    },
    /// The index of a repository is not signed by a key that is trusted.
    #[error(
        "the index of the repository `{repository}` is not signed well, so nothing of it is used ({detail}); give the key that signs it, or another address of it"
    )]
    IndexSignature {
        /// Its name.
        repository: String,
        /// What is wrong.
        detail: String,
    },
    /// A package is not signed by a key of the repository that it comes from.
    #[error(
        "the package file `{file}` is not signed well by a key of its repository `{repository}`, so it is not installed ({detail}); give the key that signs its packages, or another address of it"
    )]
    PackageSignature {
        /// The package's file.
        file: String,
        /// Its repository.
        repository: String,
        /// What is wrong.
        detail: String,
    },
    /// Something else that a program of RPM's said, or that it could not be run.
    #[error("{doing}: {detail}")]
    Rpm {
        /// What was being done.
        doing: String,
        /// Its own words, condensed.
        detail: String,
    },
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why.
        source: std::io::Error,
    },
    /// The worker refused.
    #[error(transparent)]
    Target(#[from] dibhost_tree::TargetError),
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
}
