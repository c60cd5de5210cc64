//! `dibhost element push` and its like: elements in registries.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dibhost_registry::oci::Reference;

use super::elements::ElementOptions;
use super::format::DataFormat;

/// How registries are reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryOptions {
    /// A registry that has no TLS, and is asked without; may be given several times.
    ///
    /// What comes from there, and credentials that go there, pass everybody on the way. All others
    /// are asked by `https:` alone.
    #[arg(
        long = "plain-http",
        value_name = "HOST[:PORT]",
        env = "DIBHOST_PLAIN_HTTP",
        value_delimiter = ','
    )]
    pub(crate) plain_http: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShareVerb {
    /// Push an element to a registry, under its version.
    ///
    /// A version that was pushed stays what it is: a tag that is another element is refused. The same
    /// element pushed again is the same manifest. Who pushes is said by docker's `config.json`
    /// (`DOCKER_CONFIG`, `~/.docker`) and the credential helpers that it names.
    #[command(
        after_help = "Examples:\n  dibhost element push motd.wasm oci://registry.example/acme/motd\n  \
        dibhost element push motd.wasm oci://registry.example/acme/motd:latest --replace"
    )]
    Push(PushArgs),
    /// Pull an element from a registry into the cache; say what it is and what it asks for.
    ///
    /// Its signatures come with it. Where an earlier version of it is there, what the new one asks for
    /// beyond that is told apart. Without a tag it is the highest version that there is.
    #[command(
        after_help = "Examples:\n  dibhost element pull oci://registry.example/acme/motd:1.2.0\n  \
        dibhost element pull oci://registry.example/acme/motd -o motd.wasm"
    )]
    Pull(PullArgs),
    /// List the versions of an element that a registry has.
    #[command(after_help = "Example:\n  dibhost element tags oci://registry.example/acme/motd")]
    Tags(TagsArgs),
    /// Copy an element from one registry to another, byte for byte, its signatures with it.
    #[command(
        after_help = "Example:\n  dibhost element copy oci://registry.example/acme/motd:1.2.0 \
        oci://mirror.example/acme/motd"
    )]
    Copy(CopyArgs),
    /// Write elements and their signatures into one file, for where no registry is reached.
    ///
    /// The file is an OCI image layout as a tar archive; of the same elements it is the same file.
    #[command(
        after_help = "Example:\n  dibhost element save oci://registry.example/acme/motd:1.2.0 -o elements.tar"
    )]
    Save(SaveArgs),
    /// Take elements and their signatures from such a file into the cache, as if they had been pulled.
    #[command(after_help = "Example:\n  dibhost element load elements.tar")]
    Load(LoadArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: PathBuf,
    /// Where to: `oci://HOST/REPOSITORY[:TAG]`; without a tag, its version is the tag.
    #[arg(value_name = "REFERENCE")]
    pub(crate) to: Reference,
    /// Let the tag become this element, whatever it was.
    #[arg(long)]
    pub(crate) replace: bool,
    /// How what was pushed is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// `oci://HOST/REPOSITORY[:TAG|@DIGEST]`.
    #[arg(value_name = "REFERENCE")]
    pub(crate) from: Reference,
    /// Write the component into this file as well.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How what was pulled is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TagsArgs {
    /// `oci://HOST/REPOSITORY`.
    #[arg(value_name = "REFERENCE")]
    pub(crate) of: Reference,
    /// How the list is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// `oci://HOST/REPOSITORY:TAG` or `oci://HOST/REPOSITORY@DIGEST`.
    #[arg(value_name = "FROM")]
    pub(crate) from: Reference,
    /// `oci://HOST/REPOSITORY[:TAG]`; without a tag, that of `FROM`.
    #[arg(value_name = "TO")]
    pub(crate) to: Reference,
    /// Let the tag become this element, whatever it was.
    #[arg(long)]
    pub(crate) replace: bool,
    /// How what was copied is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// `oci://HOST/REPOSITORY[:TAG|@DIGEST]`, of each.
    #[arg(required = true, value_name = "REFERENCE")]
    pub(crate) elements_of: Vec<Reference>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.tar")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) registries: RegistryOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The file, as `dibhost element save` writes it, or another OCI layout as a tar archive.
    #[arg(value_name = "FILE.tar")]
    pub(crate) file: PathBuf,
    /// Where the elements are from, where the file does not say it: `oci://HOST/REPOSITORY`.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) repository: Option<Reference>,
    /// How what was loaded is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}
