//! One function per verb.

pub(crate) mod author;
mod author_check;
pub(crate) mod block_device;
pub(crate) mod block_device_inspect;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod disk;
mod disk_secrets;
pub(crate) mod doctor;
pub(crate) mod element;
pub(crate) mod element_run;
mod element_tree;
pub(crate) mod fetch;
pub(crate) mod grant;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod share;
mod share_told;
pub(crate) mod shell;
pub(crate) mod trust;
pub(crate) mod update;
pub(crate) mod verify;

use std::time::Duration;

use dibhost_definition::{Definition, InputPlace, LockedImage};
use dibhost_element::{Compiler, Library, LibraryOptions, LoadLimits};
use dibhost_engine::Secrets;
use dibhost_inputs::{Inputs, Known};
use dibhost_plan::{DEFAULT_SOURCE_DATE_EPOCH, Plan, PlanInputs, plan};
use dibhost_sys::Program;
use dibhost_text::{for_terminal, json_for_terminal};

use crate::cli::{CompilerName, ElementOptions};
use crate::failure::Failure;
pub(crate) use crate::failure::{said, sentence, wrong_element};
use crate::lock::Kept;
use crate::role::COMPILE_COMPONENT;
use crate::stock::Stock;
use crate::{first_party, surroundings};

/// Opens the library of elements.
pub(crate) fn library(options: &ElementOptions) -> Result<Library, Failure> {
    if let Some(folder) = options.folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::wrong(format!(
            "`--elements {}` names no folder\n  help: name the folder that the `.wasm` files are in",
            folder.display()
        )));
    }
    Library::new(LibraryOptions {
        folders: surroundings::element_folders(options),
        first_party: first_party::digests(),
        cache: Some(surroundings::cache_folder(options).join("elements")),
        load: LoadLimits::default(),
        step_time: options.step_timeout.map(Duration::from_secs),
        compile: Some(Program::new("/proc/self/exe").arg(COMPILE_COMPONENT)),
        compiler: match options.compiler {
            CompilerName::Winch => Compiler::Winch,
            CompilerName::Cranelift => Compiler::Cranelift,
        },
    })
    .map_err(said)
}

/// Opens and reads the inputs of a definition. What large files of them are is kept in the cache;
/// where it cannot be, they are read again the next time.
pub(crate) fn inputs(definition: &Definition, options: &ElementOptions) -> Inputs {
    let places = definition.all_inputs();
    let place = |i: &InputPlace| (i.name.value.clone(), definition.base.join(&i.path.value));
    let places: Vec<_> = places.values().map(place).collect();
    if places.is_empty() {
        return Inputs::default();
    }
    let kept = surroundings::cache_folder(options).join("elements/inputs");
    let mut known = Known::load(&kept);
    let places = places.iter().map(|(name, path)| (name.as_str(), path.as_path()));
    let inputs = Inputs::open(places, &mut known);
    let _ = known.save(&kept);
    inputs
}

/// Plans a definition: no root, no network, no effect.
pub(crate) fn planned(
    definition: &Definition,
    library: &Library,
    stock: &Stock,
    inputs: Inputs,
) -> Result<Plan, Failure> {
    let lock = Kept::of(definition)?.and_then(|kept| kept.image().cloned());
    let inputs = plan_inputs(definition, lock, stock, inputs)?;
    plan(definition, library, &inputs).map_err(Failure::wrong)
}

/// What a plan depends on besides the definition and the elements.
pub(crate) fn plan_inputs(
    definition: &Definition,
    lock: Option<LockedImage>,
    stock: &Stock,
    inputs: Inputs,
) -> Result<PlanInputs, Failure> {
    let epoch = said_epoch()?.unwrap_or(DEFAULT_SOURCE_DATE_EPOCH);
    Ok(PlanInputs {
        builder: surroundings::builder(),
        builder_arch: dibhost_sys::own_machine().to_owned(),
        cannot_run: cannot_run(definition),
        source_date_epoch: epoch,
        lock,
        kept_slots: stock.kept_slots()?,
        inputs,
        missing_secrets: Secrets::of(definition).missing(),
    })
}

/// Seconds since 1970, as `SOURCE_DATE_EPOCH` says them.
pub(crate) fn said_epoch() -> Result<Option<u64>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        Failure::wrong(format!(
            "the variable `SOURCE_DATE_EPOCH` is `{text}`, which is no number of seconds since 1970"
        ))
    })
}

/// Why this machine cannot run the programs of the image; none: it can.
fn cannot_run(definition: &Definition) -> Option<String> {
    let arch = definition.image.arch.as_ref()?;
    dibhost_sys::can_run(&arch.value).err().map(|why| why.to_string())
}

/// Writes text to standard output, and nothing in it that a terminal would obey.
pub(crate) fn show(text: &str) -> Result<(), Failure> {
    put(&for_terminal(text))
}

/// The same of JSON.
pub(crate) fn show_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    put(&json_for_terminal(&format!("{json}\n")))
}

/// Writes to standard output. Whoever closes it early (`| head`) has read what they wanted: that is
/// no failure.
fn put(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("writing to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
