//! Bootstraps a tree and tells how long each step took.
//!
//! `cargo run --example bootstrap -- WORK CACHE [SUITE [PACKAGE…]]`, as root; `MIRROR` in the
//! environment names another mirror than the builder's own.
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::path::PathBuf;
use std::time::Instant;

use dibhost_packages::apt::{Apt, AptOptions};
use dibhost_packages::{PackageManager as _, PackageSpec, Wanted};
use dibhost_sys::Cancel;
use dibhost_tree::{
    HostLimits, HostPrograms as _, Ids, ProgramLimits, Tree as _, Worker, WorkerOptions,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).collect::<Vec<_>>();
    if args.first().is_some_and(|a| a == "worker") {
        std::process::exit(i32::from(
            dibhost_tree::worker::main() != std::process::ExitCode::SUCCESS,
        ));
    }
    if args.len() < 2 {
        return Err("say WORK CACHE [SUITE [PACKAGE…]]".into());
    }
    let (work, cache) = (PathBuf::from(&args[0]), PathBuf::from(&args[1]));
    let suite = args.get(2).cloned().unwrap_or_else(|| "bookworm".to_owned());
    let wanted: Vec<_> = args.drain(..).skip(3).map(|n| PackageSpec::newest(&n)).collect();
    let verbose = std::env::var_os("VERBOSE").is_some();

    let mut started = Instant::now();
    let begun = started;
    let mut lap = |what: &str| {
        println!("{:8.2} s  {what}", started.elapsed().as_secs_f64());
        started = Instant::now();
    };
    let cancel = Cancel::new();
    let tree = work.join("tree");
    std::fs::create_dir_all(&tree)?;
    let mut worker = Worker::start(
        &WorkerOptions {
            program: "/proc/self/exe".into(),
            args: vec!["worker".into()],
            work: tree.clone(),
            tmpfs: Some(8 << 30),
            source_date_epoch: 1_700_000_000,
            limits: ProgramLimits::default(),
            host: HostLimits::default(),
            ids: Ids::mapped()?,
        },
        &cancel,
    )?;
    lap("starting the worker");
    let mut apt = Apt::new(AptOptions {
        suite,
        mirror: std::env::var("MIRROR").ok(),
        components: vec!["main".to_owned()],
        keys: Vec::new(),
        arch: "amd64".to_owned(),
        cache,
        work: work.join("build"),
        packages: tree.join("packages"),
        sources: Vec::new(),
    })?;
    apt.refresh(&cancel)?;
    lap("updating");
    let wanted = Wanted { bootstrap: true, install: wanted, ..Wanted::default() };
    let resolution = apt.resolve(Some(&mut worker), &wanted, &[], &cancel)?;
    lap("resolving");
    apt.fetch(&resolution, &cancel, &mut |_, _| ())?;
    lap("downloading");
    let installed = apt.apply(&mut worker, &resolution, &[], &mut |line| {
        if verbose {
            println!("{} {}", if line.error { "!" } else { "|" }, line.text);
        }
    })?;
    for (what, took) in &installed.timings {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes")]
        let seconds = *took as f64 / 1000.0;
        println!("         {seconds:8.2} s  {what}");
    }
    lap("installing");
    println!("deferred: {:?}; {} packages", installed.deferred, resolution.packages.len());
    apt.run_deferred(&mut worker, &mut |line| {
        if verbose {
            println!("{} {}", if line.error { "!" } else { "|" }, line.text);
        }
    })?;
    lap("running what was deferred");
    worker.clamp_times(1_700_000_000)?;
    lap("clamping times");
    if let Ok(shell) = std::env::var("HOST") {
        let program = dibhost_sys::Program::new("sh").args(["-c", &shell, "sh"]).arg(worker.tree());
        println!("{}", worker.run_on_host(&program)?.text());
    }
    worker.stop()?;
    lap("stopping");
    println!("{:8.2} s  in all", begun.elapsed().as_secs_f64());
    Ok(())
}
