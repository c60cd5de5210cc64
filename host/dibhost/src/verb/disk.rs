//! `dibhost block-device build` and `install`: disks of a tree, without elements.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dibhost_block_device::{
    Backend, Device, DeviceError, Graph, InstallError, InstallTo, Installation, Layout,
    LayoutOptions, NodeKind, Realise, RealiseError, Realised, ViewError, layout_for, seed_of,
    with_parts,
};
use dibhost_dib::Written;
use dibhost_engine::{Event, Level};
use dibhost_filesystems::Tree;
use dibhost_image::{Placed, Scratch, put_in_place};
use dibhost_sys::Cancel;

use super::block_device::{Source, made_for};
use super::build::cancelled_by_signals;
use super::disk_secrets::FileSecrets;
use crate::cli::{BlockDeviceBuildArgs, BlockDeviceInstallArgs};
use crate::failure::Failure;
use crate::report::Reporter;

/// Makes the disks of a tree as files.
pub(crate) fn build(args: &BlockDeviceBuildArgs, reporter: &Reporter) -> Result<(), Failure> {
    let source = Source::read(&args.what.file, args.size.as_deref())?;
    let written = source.written(reporter)?;
    let graph = source.graph(&written, reporter)?;
    let backend = args.backend.map(Backend::from).or(written.settings.backend).unwrap_or_default();
    backend.check_graph(&graph).map_err(|wrong| source.wrong(&[written.locate(&wrong)]))?;
    backend.check_machine(&graph).map_err(Failure::failed)?;
    let secrets = FileSecrets::read(&args.what.secret, &graph, &source.name)?;
    let time = time()?;
    let outputs = outputs(&graph, &args.output)?;
    let options = made_for(args.what.optimise, &written);
    let cancel = Cancel::new();
    cancelled_by_signals(&cancel)?;
    // Beside the output, where there is room; what is in it is renamed once it is whole.
    let beside = parent(&args.output);
    let scratch = Scratch::create(beside).map_err(Failure::failed)?;
    let said = |failure: Failure| failure.map_text(&|text| scratch.in_words(text));
    let disks: BTreeMap<String, PathBuf> =
        outputs.keys().map(|node| (node.clone(), scratch.path().join(node))).collect();
    let made = with_parts(&args.what.tree, &mounts(&graph), scratch.path(), &cancel, |tree| {
        let layout = lay_out(&source, &written, &graph, options, tree)?;
        let to = Realise { disks: &disks, secrets: &secrets, time, cancel: &cancel };
        backend.realise(&layout, tree, &to).map_err(|error| unmade(&source, &written, &error))
    });
    let realised = made.map_err(unseen).flatten().map_err(said)?;
    let placed = |(node, output): (&String, &PathBuf)| Placed {
        from: disks[node].clone(),
        to: output.clone(),
    };
    let placed: Vec<_> = outputs.iter().map(placed).collect();
    put_in_place(&placed, &scratch, &cancel).map_err(Failure::failed).map_err(said)?;
    show_hashes(&realised)
}

/// Writes a tree to a device.
pub(crate) fn install(args: &BlockDeviceInstallArgs, reporter: &Reporter) -> Result<(), Failure> {
    let source = Source::read(&args.what.file, None)?;
    let mut written = source.written(reporter)?;
    let time = time()?;
    let device = Device::open(&args.device, !args.dry_run).map_err(Failure::failed)?;
    for node in &mut written.nodes {
        // A stated size is the least: the device's end is where the table's end belongs.
        if let NodeKind::Disk { size, sector_size } = &mut node.kind {
            let whole = device.size() - device.size() % u64::from(*sector_size);
            *size = Some(size.unwrap_or(0).max(whole));
        }
    }
    let graph = source.graph(&written, reporter)?;
    let secrets = FileSecrets::read(&args.what.secret, &graph, &source.name)?;
    let options = made_for(args.what.optimise, &written);
    let cancel = Cancel::new();
    cancelled_by_signals(&cancel)?;
    let folder = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let held = Scratch::create(&folder).map_err(Failure::failed)?;
    let scratch = held.path();
    let done = with_parts(&args.what.tree, &mounts(&graph), scratch, &cancel, |tree| {
        let layout = lay_out(&source, &written, &graph, options, tree)?;
        let installation = Installation::new(&layout, &device).map_err(|error| match error {
            DeviceError::Node { device, node, problem, help } => {
                let problem = format!("{problem}; {device} is not written");
                source.wrong(&[written.at_node(&node, &problem, &help)])
            }
            error => Failure::failed(error),
        })?;
        super::show(&installation.to_text())?;
        let overwrite = args.overwrite.as_deref();
        if args.dry_run {
            super::show(&installation.layout().to_text())?;
            device.may_be_overwritten(overwrite).map_err(Failure::failed)?;
            return Ok(None);
        }
        let to = InstallTo { scratch, secrets: &secrets, time, cancel: &cancel };
        let installed = installation.write(tree, overwrite, &to);
        installed.map(Some).map_err(|error| match error {
            InstallError::Realise(error) => unmade(&source, &written, &error),
            InstallError::Half { device, state, source } if source.is_cancelled() => {
                Failure::failed(format!("cancelled\n  {device} is half written: {state}"))
            }
            error => Failure::failed(error),
        })
    });
    let done = done.map_err(unseen).flatten();
    let done = done.map_err(|failure| failure.map_text(&|text| held.in_words(text)));
    let Some(installed) = done? else { return Ok(()) };
    for note in installed.notes {
        let source = args.device.clone();
        reporter.event(&Event::Line { level: Level::Warning, source, text: note });
    }
    show_hashes(&installed.realised)
}

fn mounts(graph: &Graph) -> Vec<&str> {
    graph.mounts().iter().map(|mount| mount.at.as_str()).collect()
}

fn lay_out(
    source: &Source,
    written: &Written,
    graph: &Graph,
    options: LayoutOptions,
    tree: &mut dyn Tree,
) -> Result<Layout, Failure> {
    let identities = graph.identities(&seed_of(&source.text));
    layout_for(graph, &identities, tree, options).map_err(|error| source.unlaid(written, error))
}

fn unmade(source: &Source, written: &Written, error: &RealiseError) -> Failure {
    match error {
        RealiseError::Cancelled(_) => Failure::failed("cancelled"),
        RealiseError::NeedsKernel { node, kind, why } => {
            let problem = format!("the back-end `file` cannot fill this {kind}: {why}");
            source.wrong(&[written.at_node(node, &problem, "use the back-end `loop`, or ext4")])
        }
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
