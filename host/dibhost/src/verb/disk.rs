//! `dibhost block-device build` and `install`: disks of a tree, without elements.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dibhost_block_device::{
    Backend, Device, DeviceError, Graph, InstallError, InstallTo, Installation, Layout,
    LayoutError, NodeKind, Realise, RealiseError, Realised, Secrets, Tree, ViewError, layout,
    seed_of, with_parts,
};
use dibhost_build::{Event, Level};
use dibhost_sys::{Cancel, SecretBytes, leave_no_core};

use super::block_device::Source;
use super::build::cancelled_by_signals;
use crate::cli::{BackendName, BlockDeviceBuildArgs, BlockDeviceInstallArgs, TreeArgs};
use crate::failure::Failure;
use crate::report::Reporter;

/// Keys and passphrases are far smaller.
const LARGEST_SECRET: usize = 64 << 10;

/// Makes the disks of a tree as files.
pub(crate) fn build(args: &BlockDeviceBuildArgs, reporter: &Reporter) -> Result<(), Failure> {
    let source = Source::read(&args.what.file, args.size.as_deref())?;
    let written = source.written(reporter)?;
    let graph = written.graph().map_err(|wrong| source.wrong(&[wrong]))?;
    let secrets = FileSecrets::of(&args.what)?;
    let time = time()?;
    let outputs = outputs(&graph, &args.output)?;
    let backend = match args.backend {
        BackendName::File => Backend::File,
        BackendName::Loop => Backend::Loop,
    };
    let cancel = Cancel::new();
    cancelled_by_signals(&cancel)?;
    // Beside the output, where there is room; what is in it is renamed once it is whole.
    let beside = parent(&args.output);
    let folder = tempfile::Builder::new().prefix(".dibhost-disk-").tempdir_in(beside);
    let folder = folder.map_err(|error| {
        Failure::failed(format!("making a folder in {}: {error}", beside.display()))
    })?;
    let disks: BTreeMap<String, PathBuf> =
        outputs.keys().map(|node| (node.clone(), folder.path().join(node))).collect();
    let made = with_parts(&args.what.tree, &mounts(&graph), folder.path(), &cancel, |tree| {
        let layout = lay_out(&source, &graph, tree)?;
        let to = Realise { disks: &disks, secrets: &secrets, time, cancel: &cancel };
        backend.realise(&layout, tree, &to).map_err(|error| unmade(&source, &error))
    });
    let realised = made.map_err(unseen)??;
    for (node, output) in &outputs {
        let context = |error| Failure::failed(format!("making {}: {error}", output.display()));
        fs::rename(&disks[node], output).map_err(context)?;
    }
    File::open(beside).and_then(|folder| folder.sync_all()).map_err(Failure::failed)?;
    show_hashes(&realised)
}

/// Writes a tree to a device.
pub(crate) fn install(args: &BlockDeviceInstallArgs, reporter: &Reporter) -> Result<(), Failure> {
    let source = Source::read(&args.what.file, None)?;
    let mut written = source.written(reporter)?;
    let secrets = FileSecrets::of(&args.what)?;
    let time = time()?;
    let device = Device::open(&args.device, !args.dry_run).map_err(Failure::failed)?;
    for node in &mut written.nodes {
        // A stated size is the least: the device's end is where the table's end belongs.
        if let NodeKind::Disk { size, sector_size } = &mut node.kind {
            let whole = device.size() - device.size() % u64::from(*sector_size);
            *size = Some(size.unwrap_or(0).max(whole));
        }
    }
    let graph = written.graph().map_err(|wrong| source.wrong(&[wrong]))?;
    let cancel = Cancel::new();
    cancelled_by_signals(&cancel)?;
    let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = scratch
        .canonicalize()
        .map_err(|error| Failure::failed(format!("the folder {}: {error}", scratch.display())))?;
    let done = with_parts(&args.what.tree, &mounts(&graph), &scratch, &cancel, |tree| {
        let layout = lay_out(&source, &graph, tree)?;
        let installation = Installation::new(&layout, &device).map_err(|error| match error {
            DeviceError::Node { .. } => Failure::Wrong(format!("{}: {error}", source.name)),
            error => Failure::failed(error),
        })?;
        super::show(&installation.to_text())?;
        let overwrite = args.overwrite.as_deref();
        if args.dry_run {
            super::show(&installation.layout().to_text())?;
            device.may_be_overwritten(overwrite).map_err(Failure::failed)?;
            return Ok(None);
        }
        let to = InstallTo { scratch: &scratch, secrets: &secrets, time, cancel: &cancel };
        let installed = installation.write(tree, overwrite, &to);
        installed.map(Some).map_err(|error| match error {
            InstallError::Realise(error) => unmade(&source, &error),
            error => Failure::failed(error),
        })
    });
    let Some(installed) = done.map_err(unseen)?? else { return Ok(()) };
    for note in installed.notes {
        let source = args.device.clone();
        reporter.event(&Event::Line { level: Level::Warning, source, text: note });
    }
    show_hashes(&installed.realised)
}

fn mounts(graph: &Graph) -> Vec<&str> {
    graph.mounts().iter().map(|mount| mount.at.as_str()).collect()
}

fn lay_out(source: &Source, graph: &Graph, tree: &mut dyn Tree) -> Result<Layout, Failure> {
    let identities = graph.identities(&seed_of(&source.text));
    layout(graph, &identities, tree).map_err(|error| match error {
        LayoutError::Tree { .. } => Failure::failed(error),
        error => Failure::Wrong(format!("{}: {error}", source.name)),
    })
}

fn unmade(source: &Source, error: &RealiseError) -> Failure {
    match error {
        RealiseError::Cancelled(_) => Failure::failed("cancelled"),
        RealiseError::NeedsKernel { .. } => Failure::Wrong(format!("{}: {error}", source.name)),
        error => Failure::failed(error),
    }
}

fn unseen(error: ViewError) -> Failure {
    Failure::failed(error)
}

/// The file of each disk: the first has the name that was asked for.
fn outputs(graph: &Graph, first: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let Some(name) = first.file_name() else {
        return Err(Failure::wrong(format!("`{}` is no name of a file", first.display())));
    };
    let name = Path::new(name);
    let stem = match name.extension() {
        Some(extension) if extension == "raw" => name.with_extension(""),
        _ => name.to_owned(),
    };
    let mut outputs = BTreeMap::new();
    for (i, disk) in graph.disks().iter().enumerate() {
        let path = if i == 0 {
            first.to_owned()
        } else {
            let mut name = stem.clone().into_os_string();
            name.push(format!(".{}.raw", disk.node));
            parent(first).join(name)
        };
        let there = fs::symlink_metadata(&path);
        if there.is_ok_and(|there| !there.is_file()) {
            return Err(Failure::wrong(format!(
                "`{}` is there and no file\n  help: name a new file; devices are written by `dibhost block-device install`",
                path.display()
            )));
        }
        outputs.insert(disk.node.clone(), path);
    }
    Ok(outputs)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Nothing in the disks is younger: `SOURCE_DATE_EPOCH`, else now.
fn time() -> Result<i64, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Failure::failed)?;
        return i64::try_from(now.as_secs()).map_err(Failure::failed);
    };
    match text.trim().parse::<i64>() {
        Ok(time) if (0..1 << 40).contains(&time) => Ok(time),
        _ => Err(Failure::wrong(format!(
            "the variable `SOURCE_DATE_EPOCH` is `{text}`, which is no number of seconds since 1970"
        ))),
    }
}

/// What only the finished disk tells.
fn show_hashes(realised: &Realised) -> Result<(), Failure> {
    let hashes = realised.root_hashes.iter();
    let text: String =
        hashes.map(|(node, hash)| format!("root hash of {node}: {hash}\n")).collect();
    super::show(&text)
}

/// Secrets of `--secret NAME=FILE`.
struct FileSecrets(BTreeMap<String, PathBuf>);

impl FileSecrets {
    fn of(args: &TreeArgs) -> Result<Self, Failure> {
        let mut secrets = BTreeMap::new();
        for secret in &args.secret {
            let Some((name, file)) = secret.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                let problem =
                    "`--secret` needs a name and a file: `--secret disk-passphrase=key.txt`";
                return Err(Failure::wrong(problem));
            };
            if secrets.insert(name.to_owned(), PathBuf::from(file)).is_some() {
                return Err(Failure::wrong(format!("`--secret {name}=` is there twice")));
            }
        }
        Ok(Self(secrets))
    }
}

impl Secrets for FileSecrets {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let missing = || io::Error::other(format!("say where it is: `--secret {name}=FILE`"));
        let path = self.0.get(name).ok_or_else(missing)?;
        leave_no_core()?;
        let context =
            |e: io::Error| io::Error::new(e.kind(), format!("reading {}: {e}", path.display()));
        let mut file = File::open(path).map_err(context)?;
        let secret = SecretBytes::read_from(&mut file, LARGEST_SECRET).map_err(context)?;
        if secret.expose().is_empty() {
            return Err(io::Error::other(format!("{} is empty", path.display())));
        }
        Ok(Arc::new(secret))
    }
}
