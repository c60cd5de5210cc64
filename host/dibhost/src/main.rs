//! `dibhost`: parses, dispatches, reports. What is done is done below.

mod boot;
mod cli;
mod dib_options;
mod failure;
mod first_party;
mod in_tree;
mod lock;
mod registries;
mod report;
mod role;
mod stock;
mod subject;
mod surroundings;
mod terminal;
mod trust;
mod verb;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use dibhost_block_device::Filling;
use dibhost_filesystems::ExtFilling;
use dibhost_sys::Cancel;

use crate::cli::{BlockDeviceVerb, Cli, ElementVerb, Verb};
use crate::report::Reporter;
use crate::role::{COMPILE_COMPONENT, FILL_FILESYSTEM, TARGET_WORKER};

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|arg| arg == TARGET_WORKER) {
        return dibhost_tree::worker::main();
    }
    if std::env::args_os().nth(1).is_some_and(|arg| arg == COMPILE_COMPONENT) {
        return dibhost_element::compile_component(std::env::args_os().skip(2));
    }
    if std::env::args_os().nth(1).is_some_and(|arg| arg == FILL_FILESYSTEM) {
        return fill(&std::env::args_os().skip(2).collect::<Vec<_>>());
    }
    let cli = Cli::parse();
    let reporter = Reporter::new(&cli.messages);
    if let Err(failure) = reporter.also(false, cli.messages.logfile.as_deref()) {
        reporter.failure(failure.message());
        return failure.code();
    }
    let result = match &cli.verb {
        Verb::Build(args) => verb::build::run(args, &reporter),
        Verb::Shell(args) => return verb::shell::run(args, &reporter),
        Verb::Plan(args) => verb::plan::run(args, cli.messages.verbose, &reporter),
        Verb::Init(args) => verb::init::run(args, &reporter),
        Verb::Convert(args) => verb::convert::run(args, &reporter),
        Verb::Grant(args) => verb::grant::run(args),
        Verb::BlockDevice(BlockDeviceVerb::Plan(args)) => verb::block_device::plan(args, &reporter),
        Verb::BlockDevice(BlockDeviceVerb::Build(args)) => verb::disk::build(args, &reporter),
        Verb::BlockDevice(BlockDeviceVerb::Install(args)) => verb::disk::install(args, &reporter),
        Verb::BlockDevice(BlockDeviceVerb::Inspect(args)) => {
            verb::block_device_inspect::inspect(args)
        }
        Verb::Element(ElementVerb::List { format, elements }) => {
            verb::element::list(elements, *format)
        }
        Verb::Element(ElementVerb::Inspect { element, format, elements }) => {
            verb::element::inspect(elements, element, *format)
        }
        Verb::Element(ElementVerb::Author(verb)) => verb::author::run(verb, &reporter),
        Verb::Element(ElementVerb::Run(args)) => verb::element_run::run(args, &reporter),
        Verb::Element(ElementVerb::Trust(verb)) => verb::trust::run(verb),
        Verb::Element(ElementVerb::Share(verb)) => verb::share::run(verb, &reporter),
        Verb::Update(args) => verb::update::run(args, &reporter),
        Verb::Fetch(args) => verb::fetch::run(args, &reporter),
        Verb::Verify(args) => verb::verify::run(args, &reporter),
        Verb::Cache(verb) => verb::cache::run(verb),
        Verb::Doctor(args) => verb::doctor::run(args),
        Verb::Completions { shell } => verb::completions::completions(*shell),
        Verb::Schema => verb::completions::schema(),
        Verb::ManPages { folder } => verb::completions::man_pages(folder),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            reporter.failure(failure.message());
            failure.code()
        }
    }
}

/// What goes wrong is all that it says.
fn fill(arguments: &[OsString]) -> ExitCode {
    let filled = match (arguments, ExtFilling::carry_out(arguments)) {
        (_, Some(filled)) => filled,
        ([file], None) => Filling::carry_out(Path::new(file), &Cancel::new()),
        _ => return ExitCode::FAILURE,
    };
    match filled {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}
