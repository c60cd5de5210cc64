//! `dibhost block-device`: the block device by itself, without elements.

use std::path::Path;

use dibhost_block_device::config::is_image_definition;
use dibhost_block_device::{
    FileError, Graph, Layout, LayoutError, LayoutOptions, Optimise, layout_without_files, seed_of,
};
use dibhost_definition::Definition;
use dibhost_dib::{Diagnostic, Dib, DibParameters};
use dibhost_dib::{Syntax, Written};
use dibhost_engine::{Event, Level};
use dibhost_text::parse_size;

use crate::cli::{BlockDevicePlanArgs, LayoutFormat, Purpose};
use crate::failure::Failure;
use crate::report::Reporter;
use crate::stock::Stock;

/// Shows the graph of a file, or where everything will lie.
pub(crate) fn plan(args: &BlockDevicePlanArgs, reporter: &Reporter) -> Result<(), Failure> {
    let source = Source::read(&args.file, args.size.as_deref())?;
    if source.is_image() {
        return plan_image(args);
    }
    if args.graph {
        return source.show_graph(args.format, reporter);
    }
    let written = source.written(reporter)?;
    let graph = source.graph(&written, reporter)?;
    let identities = graph.identities(&seed_of(&source.text));
    let optimise = made_for(args.optimise, &written);
    // Nothing is in it yet: what takes its size from its content is as small as can be.
    let layout = layout_without_files(&graph, &identities, optimise)
        .map_err(|error| source.unlaid(&written, error))?;
    show(&layout, args.format)
}

/// Shows the disks of an image definition, with the nodes that its elements add.
fn plan_image(args: &BlockDevicePlanArgs) -> Result<(), Failure> {
    if args.size.is_some() {
        let help = "state it in the definition, `size` of the node that is the disk";
        return Err(Failure::wrong(format!(
            "`--size` is for a file that says a block device alone\n  help: {help}"
        )));
    }
    let definition = Definition::load(&args.file).map_err(Failure::wrong)?;
    let library = super::library(&args.elements)?;
    let stock = Stock::offline(&args.elements);
    stock.fill(&definition, &library)?;
    let inputs = super::inputs(&definition, &args.elements);
    let device = super::planned(&definition, &library, &stock, inputs)?.block_device;
    let graph = Graph::of_image(device.nodes.clone()).map_err(Failure::wrong)?;
    if args.graph {
        return match args.format {
            LayoutFormat::Svg => Err(no_picture()),
            LayoutFormat::Text => super::show(&graph.to_text()),
            LayoutFormat::Json => super::show_json(&device.nodes),
        };
    }
    let identities = graph.identities(&device.seed_bytes());
    let optimise = args.optimise.map(Optimise::from).or(device.optimise);
    let layout = layout_without_files(&graph, &identities, LayoutOptions { optimise })
        .map_err(|error| Failure::Wrong(format!("{}: {error}", args.file.display())))?;
    show(&layout, args.format)
}

fn show(layout: &Layout, format: LayoutFormat) -> Result<(), Failure> {
    match format {
        LayoutFormat::Text => super::show(&layout.to_text()),
        LayoutFormat::Json => super::show_json(layout),
        LayoutFormat::Svg => super::show(&layout.to_svg()),
    }
}

fn no_picture() -> Failure {
    Failure::wrong("`--format svg` draws a layout, and `--graph` stops before it: leave one out")
}

/// What the layout is made for: what was typed counts before what the file says.
pub(super) fn made_for(typed: Option<Purpose>, written: &Written) -> LayoutOptions {
    LayoutOptions { optimise: typed.map(Optimise::from).or(written.settings.optimise) }
}

/// A file that says a block device.
pub(super) struct Source {
    /// As the person named it.
    pub(super) name: String,
    /// What UUIDs are derived from, for no plan has a digest.
    pub(super) text: String,
    syntax: Syntax,
    parameters: DibParameters,
}

impl Source {
    pub(super) fn read(file: &Path, size: Option<&str>) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let text = dibhost_sys::read_written(file)
            .map_err(|error| Failure::wrong(format!("reading `{name}`: {error}")))?;
        let size = size.map(parse_size).transpose();
        let image_size = size.map_err(|why| Failure::wrong(format!("`--size`: {why}")))?;
        let parameters = DibParameters { image_size, ..DibParameters::default() };
        Ok(Self { name, text, syntax: Syntax::of(file), parameters })
    }

    /// Its nodes; what its reader should know is told.
    pub(super) fn written(&self, reporter: &Reporter) -> Result<Written, Failure> {
        let written = Written::parse(&self.text, self.syntax, &self.parameters)
            .map_err(|wrong| self.wrong(&wrong))?;
        self.warn(&written.diagnostics, reporter);
        Ok(written)
    }

    /// Whether it says more than a block device: an image.
    fn is_image(&self) -> bool {
        self.syntax == Syntax::Toml && is_image_definition(&self.text)
    }

    /// The graph of its nodes; what is hardly meant is told.
    pub(super) fn graph(&self, written: &Written, reporter: &Reporter) -> Result<Graph, Failure> {
        let graph = written.graph().map_err(|wrong| self.wrong(&[wrong]))?;
        self.warn(&written.doubts(&graph), reporter);
        Ok(graph)
    }

    /// What a layout has against being made, at the place of its node.
    pub(super) fn unlaid(&self, written: &Written, error: LayoutError) -> Failure {
        match error {
            LayoutError::Refused { node, problem, help } => {
                self.wrong(&[written.at_node(&node, &problem, &help)])
            }
            error @ LayoutError::Tree { .. } => Failure::failed(error),
        }
    }

    /// DIB's graph of DIB's files, which keeps DIB's names and order; of ours, the nodes.
    fn show_graph(&self, format: LayoutFormat, reporter: &Reporter) -> Result<(), Failure> {
        if format == LayoutFormat::Svg {
            return Err(no_picture());
        }
        if self.syntax == Syntax::DibYaml {
            let dib = Dib::parse(&self.text, &self.parameters).map_err(|e| self.wrong(&[e]))?;
            self.warn(dib.diagnostics(), reporter);
            return match format {
                LayoutFormat::Text | LayoutFormat::Svg => super::show(&dib.graph().to_string()),
                LayoutFormat::Json => super::show_json(dib.graph()),
            };
        }
        let written = self.written(reporter)?;
        let graph = self.graph(&written, reporter)?;
        match format {
            LayoutFormat::Text | LayoutFormat::Svg => super::show(&graph.to_text()),
            LayoutFormat::Json => super::show_json(&written.nodes),
        }
    }

    pub(super) fn wrong(&self, wrong: &[FileError]) -> Failure {
        let told = |FileError { at, problem, help }: &FileError| {
            format!("{}:{at}: {problem}\n  help: {help}", self.name)
        };
        Failure::Wrong(wrong.iter().map(told).collect::<Vec<_>>().join("\n"))
    }

    fn warn(&self, said: &[Diagnostic], reporter: &Reporter) {
        for said in said {
            reporter.event(&Event::Line {
                level: Level::Warning,
                source: format!("{}:{}", self.name, said.at),
                text: format!("{}: {}", said.problem, said.help),
            });
        }
    }
}
