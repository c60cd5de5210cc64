//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dibhost_plan::Phase;

mod author;
mod build;
mod cache;
mod elements;
mod format;
mod share;
mod subject;
mod trust;

pub(crate) use self::author::{AuthorVerb, CheckArgs, NewArgs, ProjectArgs, WatchArgs};
pub(crate) use self::build::{BuildArgs, Making, OnFailure, ShellArgs};
pub(crate) use self::cache::{CacheFolder, CacheGcArgs, CacheVerb};
pub(crate) use self::elements::{CompilerName, ElementOptions};
pub(crate) use self::format::DataFormat;
pub(crate) use self::share::{
    CopyArgs, LoadArgs, PullArgs, PushArgs, RegistryOptions, SaveArgs, ShareVerb, TagsArgs,
};
pub(crate) use self::subject::{BackendName, Purpose, Subject, SubjectOptions};
pub(crate) use self::trust::{
    FetchArgs, KeyAlgorithm, KeygenArgs, PassphraseOptions, SignArgs, StockOptions, TrustVerb,
    UpdateArgs, Updated, VerifyElementArgs,
};

/// Builds disk images from sandboxed elements.
#[derive(Debug, Parser)]
#[command(
    name = "dibhost",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 the build failed, 2 the definition or the command line is wrong. \
                  A reader that closes the pipe early (`| head`) changes none of them."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) messages: Messages,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What goes to standard error, by every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Messages {
    /// How progress and messages are written to standard error.
    #[arg(long, value_enum, default_value = "text", global = true)]
    pub(crate) log_format: LogFormat,
    /// Tell all: every line that programs in the image say; in a plan, parameters and grants of all
    /// elements, what they tell one another, and keys.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Tell only warnings, and why something failed.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Write every line into this file, and only warnings to standard error.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) logfile: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: a progress line on a terminal, plain lines elsewhere.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build an image.
    #[command(
        after_help = "Examples:\n  dibhost build image.toml\n  dibhost build -o debian.qcow2 \
        debian vm serial-console growroot\n  dibhost build -o root -t raw debian-minimal"
    )]
    Build(BuildArgs),
    /// Open a shell in the tree of an image as it stands before or behind an action.
    ///
    /// The tree is made as by a build, of the layers that are there, and is gone afterwards: what is done
    /// to it is in no image. The shell runs in the box that all programs of the tree run in.
    #[command(
        after_help = "Examples:\n  dibhost shell image.toml\n  dibhost shell image.toml --at nginx \
        --before\n  dibhost shell debian-minimal --command 'dpkg -l | grep ^ii'"
    )]
    Shell(ShellArgs),
    /// Show everything a build would do, without root and without the network.
    #[command(
        after_help = "Examples:\n  dibhost plan image.toml\n  dibhost plan --verbose image.toml\n  \
        dibhost plan --format json image.toml\n  dibhost plan debian vm\n  dibhost plan --why package:openssh-server \
        image.toml\n  dibhost plan --format svg image.toml > plan.svg\n  dibhost plan --diff \
        before.toml after.toml"
    )]
    Plan(PlanArgs),
    /// Show what elements ask for and why, and grant it.
    ///
    /// What is written to standard output is TOML: the elements and what they ask for as comments,
    /// then the lines that the definition lacks.
    #[command(after_help = "Examples:\n  dibhost grant image.toml\n  dibhost grant --write \
        image.toml\n  dibhost grant --format json image.toml")]
    Grant(GrantArgs),
    /// Write a definition to begin with: `NAME.toml`, of what is typed, else of what is asked.
    ///
    /// A file that is there is never overwritten.
    #[command(
        after_help = "Examples:\n  dibhost init\n  dibhost init web.toml debian vm -p nginx \
        --user deploy:key.pub --size 20GB"
    )]
    Init(InitArgs),
    /// Write what diskimage-builder is told as a definition, to standard output.
    ///
    /// A layout in its YAML (a file, or `DIB_BLOCK_DEVICE_CONFIG`), a command line of
    /// `disk-image-create` (in quotes or not; variables may stand before it), or an element
    /// `block-device-…`, whose layout is written node by node.
    #[command(
        after_help = "Examples:\n  dibhost convert layout.yaml > image.toml\n  dibhost convert \
        DIB_RELEASE=trixie disk-image-create -o web -p nginx vm debian\n  dibhost convert \
        block-device-efi-lvm"
    )]
    Convert(ConvertArgs),
    /// Show elements, run one step of one, write one, and share them by registries.
    #[command(subcommand)]
    Element(ElementVerb),
    /// The block device by itself: plan it, build it of a tree, install it.
    #[command(subcommand)]
    BlockDevice(BlockDeviceVerb),
    /// Choose the elements of registries and the packages of an image anew, and lock them in `dib.lock`:
    /// builds use those and no others.
    ///
    /// First the elements: from which version to which, and what the new one asks for beyond the old. Where
    /// one asks for more, or another key signed it, nothing is written without `--agree`. Then a line for
    /// each package that comes, goes or is another one; what comes from the archive of the security team
    /// is marked. Nothing is built, and needs no root.
    #[command(
        after_help = "Examples:\n  dibhost update image.toml\n  dibhost update --dry-run image.toml\n  \
        dibhost update --only elements --agree image.toml"
    )]
    Update(UpdateArgs),
    /// Fetch what a definition names of registries into the store, and tell what each asks for.
    ///
    /// `dibhost build` does so by itself, unless `--no-fetch`; `dibhost plan` and all others ask no network.
    /// What is signed by nobody who is trusted for it is not kept: see the policy (`--trust`). Nothing of
    /// the definition or of `dib.lock` is changed.
    #[command(after_help = "Examples:\n  dibhost fetch image.toml\n  dibhost fetch --trust \
        trust.toml image.toml")]
    Fetch(FetchArgs),
    /// Write a script that looks in a running machine for what the image promises, to standard output.
    ///
    /// It runs there, as root, in any POSIX shell: packages, accounts, units, files, settings and arguments
    /// of the kernel, mounts. It says each that is otherwise, with the element that wants it, and then ends
    /// with 1.
    #[command(after_help = "Examples:\n  dibhost verify image.toml > verify.sh\n  dibhost verify \
        image.toml | ssh deploy@web sudo sh")]
    Verify(VerifyArgs),
    /// The layers that builds keep, so that nothing is made twice.
    #[command(subcommand)]
    Cache(CacheVerb),
    /// Look whether this machine has what builds need, each by trying it.
    ///
    /// What is missing is told with what to do about it. Exit code 1: something that no build does
    /// without.
    Doctor(DoctorArgs),
    /// Write what a shell completes of this command line to standard output.
    ///
    /// `make install` and the Debian package put it where the shells look for it.
    #[command(
        after_help = "Examples:\n  source <(dibhost completions bash)\n  dibhost completions \
        fish > ~/.config/fish/completions/dibhost.fish"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the JSON Schema of image definitions to standard output, for editors.
    ///
    /// An editor that knows TOML (VS Code with Even Better TOML, Helix, Neovim: all by taplo)
    /// completes keys and marks mistakes by it where a definition's first line names it.
    #[command(
        after_help = "Example:\n  dibhost schema > dibhost.schema.json\n  and at the top of image.toml: \
        #:schema ./dibhost.schema.json"
    )]
    Schema,
    /// Write the manual pages of all verbs into a folder: for `make install`.
    #[command(hide = true)]
    ManPages {
        /// The folder, made when it is not there.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BlockDeviceVerb {
    /// Show where everything will lie: tables, partitions, volumes, filesystems.
    ///
    /// Writes nothing, and needs neither root nor the network. What takes its size from its content
    /// is as small as it can be, for there are no files yet.
    #[command(after_help = "Examples:\n  dibhost block-device plan layout.toml\n  dibhost \
        block-device plan --size 4GiB layout.yaml\n  dibhost block-device plan --graph \
        layout.yaml\n  dibhost block-device plan --format svg layout.yaml > layout.svg")]
    Plan(BlockDevicePlanArgs),
    /// Make the disks of a tree as files.
    ///
    /// The tree is not changed. Its own `/etc/fstab` goes into the image as it is. Files appear
    /// whole, all of them or none. The back-end `file` needs no root; without root, a tree with several
    /// mount points is copied first, so all in it has to be yours.
    #[command(after_help = "Examples:\n  dibhost block-device build layout.toml --tree root -o \
        disk.raw\n  dibhost block-device build layout.yaml --tree root -o disk.raw --backend loop \
        --size 4GiB")]
    Build(BlockDeviceBuildArgs),
    /// Write a tree to an existing block device.
    ///
    /// Needs root. Refuses a device of which anything is in use or which the running system is on;
    /// and one that carries something, unless `--overwrite` names it exactly. Partitions with
    /// `preserve` that are there stay as they are.
    #[command(after_help = "Examples:\n  dibhost block-device install layout.toml --tree root \
        --device /dev/sdx --dry-run\n  dibhost block-device install layout.toml --tree root \
        --device /dev/sdx --overwrite /dev/sdx")]
    Install(BlockDeviceInstallArgs),
    /// Read disks back: the graph of tables, volumes and filesystems that would make them.
    ///
    /// Takes raw images, qcow2 and block devices.
    /// Writes nothing, mounts nothing, and needs no more than to read the disks. Give all disks that
    /// belong together: a volume group or an array is found when all of it is. What a disk does not
    /// say (mount points, settings, names of secrets) is listed as not known. Ends with 1 if
    /// something is damaged; what else there is, is shown all the same.
    #[command(after_help = "Examples:\n  dibhost block-device inspect disk.raw\n  dibhost \
        block-device inspect one.raw two.raw --format json\n  dibhost block-device inspect \
        disk.raw --secret disk=passphrase")]
    Inspect(BlockDeviceInspectArgs),
}

/// What `build` and `install` share.
#[derive(Debug, Args)]
pub(crate) struct TreeArgs {
    /// `….toml` with `[[block-device]]`, else diskimage-builder's YAML.
    pub(crate) file: PathBuf,
    /// The folder that holds the tree.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) tree: PathBuf,
    /// The file of a secret that opens an encryption, all of it: `disk-passphrase=key.txt`.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) secret: Vec<String>,
    /// What the layout is made for, where its nodes leave it open; without it what `[disks]` of the
    /// file says, else what is usual.
    #[arg(long, value_enum)]
    pub(crate) optimise: Option<Purpose>,
}

#[derive(Debug, Args)]
pub(crate) struct BlockDeviceBuildArgs {
    #[command(flatten)]
    pub(crate) what: TreeArgs,
    /// The file of the first disk; those of others are beside it, `disk.NODE.raw`.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// Who fills filesystems; without it what `[disks]` of the file says, else `file`.
    #[arg(long, value_enum)]
    pub(crate) backend: Option<BackendName>,
    /// The size of a disk that states none, as `4GiB`; without it, from the content.
    #[arg(long)]
    pub(crate) size: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BlockDeviceInstallArgs {
    #[command(flatten)]
    pub(crate) what: TreeArgs,
    /// The device, a whole disk: `/dev/sdx`.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: String,
    /// Lose what is on the device; has to name it as `--device` does.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) overwrite: Option<String>,
    /// Show what would be written, kept and lost, and whether it would be refused; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where there is room for a filesystem that does not lie in one piece (in LUKS, say), and
    /// for a copy of the tree where one is needed. [default: the folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BlockDevicePlanArgs {
    /// `….toml` with `[[block-device]]`, or an image definition, whose elements add to it; else
    /// diskimage-builder's YAML, as a tree or as a graph.
    pub(crate) file: PathBuf,
    /// The size of a disk that states none, as `4GiB`; without it, from the content.
    #[arg(long)]
    pub(crate) size: Option<String>,
    /// Stop before the layout: show the nodes, those of YAML in the order diskimage-builder calls
    /// them.
    #[arg(long)]
    pub(crate) graph: bool,
    /// What the layout is made for, where its nodes leave it open; without it what `[disks]` of the
    /// file says, else what is usual.
    #[arg(long, value_enum, conflicts_with = "graph")]
    pub(crate) optimise: Option<Purpose>,
    /// How it is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: LayoutFormat,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayoutFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// A picture of the disks; not with `--graph`.
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct BlockDeviceInspectArgs {
    /// Raw images, qcow2 or block devices; each is called by its file's name, without `.raw`,
    /// `.img` and `.qcow2`.
    #[arg(required = true, value_name = "DISK")]
    pub(crate) disks: Vec<PathBuf>,
    /// A passphrase or keyfile that opens an encryption: `NAME=FILE`, byte for byte, at most
    /// 64 KiB. May be given more than once.
    #[arg(long = "secret", value_name = "NAME=FILE")]
    pub(crate) secrets: Vec<String>,
    /// Bytes of a sector, `512` or `4096`, where no GPT says it and the disk is a file.
    #[arg(long, value_name = "BYTES")]
    pub(crate) sector_size: Option<u32>,
    /// How it is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// How it is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    /// Where downloads and compiled elements are kept.
    ///
    /// Without it: `/var/cache/dibhost` for root, `~/.cache/dibhost` for others.
    #[arg(long, value_name = "DIR", env = "DIBHOST_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// How the plan is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Tell only who wants this, and why: `KIND:NAME`.
    ///
    /// Kinds are `command` (its words, or its script), `element`, `fact` (a slot), `file`, `group`,
    /// `kernel-argument`, `node` (of the block device), `package`, `repository`, `unit` (or
    /// `service`) and `user`.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "diff")]
    pub(crate) why: Option<String>,
    /// Tell only in what the plans of two definitions differ.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Tell only what a build would make again that was made when these outputs were built last, and
    /// the first thing that differs.
    #[arg(long, conflicts_with_all = ["why", "diff"])]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Text,
    /// For programs: `docs/plan.schema.json` describes it.
    Json,
    /// A picture of phases, steps and the facts between them.
    Svg,
    /// The same for Graphviz.
    Dot,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The definition to write (`….toml`), and the names of elements.
    #[arg(value_name = "DEFINITION | ELEMENT...")]
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) options: SubjectOptions,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
    /// A layout (`….yaml`), an element `block-device-…`, or a command line; without it,
    /// `DIB_BLOCK_DEVICE_CONFIG` is read.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    pub(crate) what: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The image definition.
    #[arg(value_name = "DEFINITION")]
    pub(crate) definition: PathBuf,
    /// A variant of the definition: `[variants.NAME]`.
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Put the grants that are missing into the definition, and agree in `dib.lock` to what the
    /// elements are now.
    #[arg(long)]
    pub(crate) write: bool,
    /// How it is written to standard output.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ElementVerb {
    /// List the elements that can be found.
    List {
        /// How the list is written.
        #[arg(long, value_enum, default_value = "text")]
        format: DataFormat,
        #[command(flatten)]
        elements: ElementOptions,
    },
    /// Show one element: what it does, its parameters, facts and requests.
    Inspect {
        /// Its name, or the path of its component.
        element: String,
        /// How it is written.
        #[arg(long, value_enum, default_value = "text")]
        format: DataFormat,
        #[command(flatten)]
        elements: ElementOptions,
    },
    /// Run one step of one element on a tree that is thrown away; record it, or replay a record.
    #[command(
        after_help = "It holds all that it requests, unless `--definition` says what it holds.\n\n\
        Examples:\n  dibhost element run ./motd.wasm --phase install --record s.json\n  \
        dibhost element run ./motd.wasm --replay s.json"
    )]
    Run(RunArgs),
    #[command(flatten)]
    Share(ShareVerb),
    #[command(flatten)]
    Author(AuthorVerb),
    #[command(flatten)]
    Trust(TrustVerb),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Its name, or the path of its component.
    pub(crate) element: String,
    /// The phase whose step is run, as `install`.
    #[arg(long, conflicts_with = "replay")]
    pub(crate) phase: Option<Phase>,
    /// The step that is run, by its name, where the element has several in the phase.
    #[arg(long, value_name = "NAME", conflicts_with = "replay")]
    pub(crate) step: Option<String>,
    /// Plan the step instead of running it.
    #[arg(long, conflicts_with = "replay")]
    pub(crate) plan: bool,
    /// A folder to start with: it is copied, and the copy is thrown away.
    ///
    /// Without it: a tree of the usual folders, with nothing in them. Programs in it are run for root only, in the box of a build.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "replay"])]
    pub(crate) tree: Option<PathBuf>,
    /// An image definition with the element's parameters, grants and limits.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub(crate) definition: Option<PathBuf>,
    /// A parameter; may be given several times, and comes before the definition's.
    #[arg(long = "parameter", value_name = "NAME=VALUE", conflicts_with = "replay")]
    pub(crate) parameters: Vec<String>,
    /// Facts that it may read, as JSON: a list as `facts` of `dibhost plan --format json`.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub(crate) facts: Option<PathBuf>,
    /// Write what it was given, asked and was answered to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub(crate) record: Option<PathBuf>,
    /// Answer it from this record instead of a host: no root, no tree, no effects. A call that
    /// differs from the record is an error.
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}
