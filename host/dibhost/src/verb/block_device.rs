//! `dibhost block-device`: the block device by itself, without elements.

use dibhost_block_device::dib::{Diagnostic, Dib, DibError, DibParameters};
use dibhost_block_device::{FolderTree, Graph, layout};
use dibhost_build::{Event, Level};
use dibhost_definition::parse_size;
use dibhost_sys::Cancel;

use crate::cli::{BlockDevicePlanArgs, DataFormat};
use crate::failure::Failure;
use crate::report::Reporter;

/// What the UUIDs of a layout are derived from where no plan has a digest.
const SEED: [u8; 32] = *b"dibhost block-device plan, seed1";

/// Shows DIB's graph of a file, or where everything will lie.
pub(crate) fn plan(args: &BlockDevicePlanArgs, reporter: &Reporter) -> Result<(), Failure> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::wrong(format!("reading `{file}`: {error}")))?;
    let image_size = match args.size.as_deref().map(parse_size) {
        None => None,
        Some(Ok(size)) => Some(size),
        Some(Err(why)) => return Err(Failure::wrong(format!("`--size`: {why}"))),
    };
    let parameters = DibParameters { image_size, ..DibParameters::default() };
    let wrong = |wrong: DibError| {
        let (at, problem, help) = (wrong.at, wrong.problem, wrong.help);
        Failure::Wrong(format!("{file}:{at}: {problem}\n  help: {help}"))
    };
    let warn = |said: &[Diagnostic]| {
        for said in said {
            reporter.event(&Event::Line {
                level: Level::Warning,
                source: format!("{file}:{}", said.at),
                text: format!("{}: {}", said.problem, said.help),
            });
        }
    };
    let dib = Dib::parse(&text, &parameters).map_err(wrong)?;
    if args.graph {
        warn(dib.diagnostics());
        return match args.format {
            DataFormat::Text => super::show(&dib.graph().to_string()),
            DataFormat::Json => super::show(&json(dib.graph())?),
        };
    }
    let meant = dib.layout().map_err(wrong)?;
    warn(&meant.diagnostics);
    let graph = Graph::new(meant.nodes.clone()).map_err(|error| wrong(meant.locate(&error)))?;
    // Nothing is in it yet: what takes its size from its content is as small as can be.
    let empty = tempfile::tempdir().map_err(Failure::failed)?;
    let parts = graph.mounts().iter().map(|mount| (mount.at.as_str(), empty.path()));
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).map_err(Failure::failed)?;
    let layout = layout(&graph, &graph.identities(&SEED), &mut tree)
        .map_err(|error| Failure::Wrong(format!("{file}: {error}")))?;
    match args.format {
        DataFormat::Text => super::show(&layout.to_text()),
        DataFormat::Json => super::show(&json(&layout)?),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    Ok(format!("{json}\n"))
}
