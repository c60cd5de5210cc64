//! Who is trusted, signatures, and what is fetched of registries.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::elements::ElementOptions;
use super::format::DataFormat;
use super::share::RegistryOptions;
use super::subject::Subject;

/// How elements of registries are had.
#[derive(Debug, Clone, Args)]
pub(crate) struct StockOptions {
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    /// Take an element of a registry though an older version of it is offered than was there before.
    #[arg(long, help_heading = "Registries")]
    pub(crate) allow_older: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Refuse what `dib.lock` does not pin.
    #[arg(long)]
    pub(crate) locked: bool,
    /// How what was fetched is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) stock: StockOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Only tell what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Agree to elements that ask for more than they did, or that another key signed.
    #[arg(long)]
    pub(crate) agree: bool,
    /// Choose only these anew.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) only: Option<Updated>,
    #[command(flatten)]
    pub(crate) stock: StockOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Updated {
    /// Elements of registries.
    Elements,
    /// Packages of the first tree.
    Packages,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustVerb {
    /// Make a pair of keys to sign elements with: `NAME.key` and `NAME.pub`.
    ///
    /// The private one is for you alone (mode 0600); with a passphrase it is encrypted, in the form that
    /// cosign writes and reads. The public one is what others put into their policy.
    #[command(
        after_help = "Examples:\n  dibhost element keygen -o acme\n  dibhost element keygen -o \
        acme --passphrase-file secret.txt"
    )]
    Keygen(KeygenArgs),
    /// Sign an element: a component in a file, or one in a registry.
    ///
    /// What is signed is its digest, name, version, contract, and what it asks for. The signature of a
    /// file is written beside it, `FILE.wasm.sigstore.json`; that of an element of a registry is attached
    /// to it there. Both are Sigstore bundles, which cosign verifies with the public key.
    #[command(
        after_help = "Examples:\n  dibhost element sign --key acme.key motd.wasm\n  dibhost element sign \
        --key acme.key oci://registry.example/acme/motd:1.2.0"
    )]
    Sign(SignArgs),
    /// Verify the signature of an element, by a key or by the policy.
    #[command(
        after_help = "Examples:\n  dibhost element verify --key acme.pub motd.wasm\n  dibhost element \
        verify oci://registry.example/acme/motd:1.2.0"
    )]
    Verify(VerifyElementArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyAlgorithm {
    /// ECDSA on P-256, as cosign's.
    EcdsaP256,
    Ed25519,
}

/// Where the passphrase of a private key is.
#[derive(Debug, Args)]
pub(crate) struct PassphraseOptions {
    /// A file with the passphrase of the private key; its last newline is no part of it.
    ///
    /// Without it: the variable `DIBHOST_PASSPHRASE`, if it is set.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The files, without `.key` and `.pub`; those that are there are never overwritten.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) output: PathBuf,
    /// What the key signs by.
    #[arg(long, value_enum, default_value = "ecdsa-p256")]
    pub(crate) algorithm: KeyAlgorithm,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// `FILE.wasm`, or `oci://HOST/REPOSITORY:VERSION` or `…@DIGEST`.
    #[arg(value_name = "FILE.wasm | REFERENCE")]
    pub(crate) element: String,
    /// The private key.
    #[arg(long, value_name = "FILE.key")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseOptions,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyElementArgs {
    /// `FILE.wasm`, or `oci://HOST/REPOSITORY:VERSION` or `…@DIGEST`.
    #[arg(value_name = "FILE.wasm | REFERENCE")]
    pub(crate) element: String,
    /// A public key that has to have signed it; without it, the policy decides.
    #[arg(long, value_name = "FILE.pub")]
    pub(crate) key: Option<PathBuf>,
    /// How what was signed is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}
