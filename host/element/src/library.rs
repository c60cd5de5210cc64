//! The elements at hand: found by name in folders or by path, known by digest, described once.

mod record;
mod stocked;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dibhost_check::Check;
use dibhost_definition::{Limit, Limits};
use dibhost_plan::description::Description;
use dibhost_plan::digest::sha256;
use dibhost_plan::planner::{Described, ElementFailure, Planner, StepAnswer, StepCall};
use dibhost_sys::{Program, read_regular};
use dibhost_tree::Target;
use serde::{Deserialize, Serialize};

use crate::component::{CONTRACT, Code, Loader, refuse_others};
use crate::engine::Compiler;
use crate::invoke::{self, Prepared, RunCall};
use crate::limits::{LoadLimits, spoken_bytes};
use crate::observer::Observer;
use crate::outcome::RunAnswer;
use crate::record::Tape;
use crate::runner::Runner;
use crate::side_by_side::{ReadyStep, SideBySide, run_side_by_side};
use crate::trusted::TrustedFolder;
use dibhost_text::{harmless, near_file, quoted_list};
pub use stocked::Stocked;

/// Where elements are and how they are made to run.
#[derive(Debug, Clone, Default)]
pub struct LibraryOptions {
    /// Folders of `NAME.wasm`; the first that has a name wins.
    pub folders: Vec<PathBuf>,
    /// Digests (`sha256:…`) of the elements shipped with this host.
    pub first_party: BTreeSet<String>,
    /// A folder for compiled code, made with mode 0700 when it is not there; its parents too.
    /// None: everything is compiled each time.
    pub cache: Option<PathBuf>,
    /// Which compiler is tried first.
    pub compiler: Compiler,
    /// Bounds of making a component ready.
    pub load: LoadLimits,
    /// How long a step may run, whatever the limits of a call say.
    pub step_time: Option<Duration>,
    /// A program that calls [`compile_component`](crate::compile_component) with the arguments that
    /// come after its own; none: components are compiled in this process.
    pub compile: Option<Program>,
}

/// An element as `dibhost element inspect` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// What it says of itself.
    #[serde(serialize_with = "shared::serialize")]
    pub description: Arc<Description>,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Bytes of the component.
    pub size: u64,
    /// The file it is.
    pub origin: PathBuf,
    /// It was shipped with this host.
    pub first_party: bool,
    /// Interfaces of `dib:element` it imports, without the package: `rootfs`, `exec`.
    pub imports: Vec<String>,
    /// Everything else it imports: inert WASI.
    pub other_imports: Vec<String>,
}

/// A file in one of the folders, as `dibhost element list` shows it.
#[derive(Debug)]
pub struct Listed {
    /// The file's stem.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it is, or why it is no sound element.
    pub inspection: Result<Inspection, ElementFailure>,
}

/// The elements at hand. Threads may share it.
pub struct Library {
    folders: Vec<PathBuf>,
    first_party: BTreeSet<String>,
    load: LoadLimits,
    step_time: Option<Duration>,
    loader: Loader,
    known: Mutex<Known>,
    /// Elements of registries that may be used, by what the definition names each by.
    stocked: Mutex<BTreeMap<String, Stocked>>,
    /// Elements whose code is at hand, the one loaded last at the end.
    at_hand: Mutex<VecDeque<Arc<Element>>>,
}

/// Elements whose code is at hand at once: each maps some 500 KiB, or 5 MiB where its language
/// brings an interpreter, and is loaded again in less than a millisecond.
const AT_HAND: usize = 32;

#[derive(Default)]
struct Known {
    by_path: BTreeMap<PathBuf, Arc<Element>>,
    /// Those a build asked for: a name means one of them from then on.
    by_name: BTreeMap<String, Arc<Element>>,
}

struct Element {
    path: PathBuf,
    /// Where it was found, for people: the path, or the reference to a registry.
    origin: String,
    digest: String,
    size: u64,
    first_party: bool,
    about: About,
    /// By whether it is metered.
    code: Mutex<BTreeMap<bool, Arc<Code>>>,
}

/// What is known of a component without its code, kept beside the code under its digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    /// The contract of the host that asked.
    contract: String,
    #[serde(with = "shared")]
    description: Arc<Description>,
    imports: Vec<String>,
    other_imports: Vec<String>,
}

/// A shared value in JSON is the value.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        shared: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(shared, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// The form of the kept descriptions. Another number makes every element describe itself anew;
/// it has to change when [`About`] or `Description` do.
const ABOUT_FORM: u32 = 4;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Library {
    /// A library of the elements in `options.folders`. Looks at no element yet.
    ///
    /// # Errors
    /// When the folder for compiled code cannot be made, or is not the effective user's alone.
    pub fn new(options: LibraryOptions) -> Result<Self, ElementFailure> {
        let folder = options.cache.as_deref().map(TrustedFolder::open).transpose()?;
        Ok(Self {
            folders: options.folders,
            first_party: options.first_party,
            loader: Loader::new(options.compiler, folder, options.load.clone(), options.compile),
            load: options.load,
            step_time: options.step_time,
            known: Mutex::default(),
            stocked: Mutex::default(),
            at_hand: Mutex::default(),
        })
    }

    /// How many components were compiled by this library, as opposed to taken from its cache.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.loader.compiled()
    }

    /// Every `NAME.wasm` of the folders, by name; of one name the first only.
    ///
    /// # Errors
    /// When a folder that is there cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ElementFailure> {
        let mut found = BTreeMap::new();
        for folder in &self.folders {
            for (name, path) in wasm_files(folder)? {
                found.entry(name).or_insert(path);
            }
        }
        let inspect = |(name, path): (String, PathBuf)| {
            let inspection = self.load(&path).map(|element| element.inspection());
            Listed { name, path, inspection }
        };
        Ok(found.into_iter().map(inspect).collect())
    }

    /// Looks at an element by the name or path written in a definition; a path is relative to
    /// `base`.
    ///
    /// # Errors
    /// When there is none of that name, or it is not a sound element.
    pub fn inspect(&self, reference: &str, base: &Path) -> Result<Inspection, ElementFailure> {
        Ok(self.named(reference, base)?.inspection())
    }

    /// Looks at a component that is not under its name anywhere: just pulled, or to be pushed.
    ///
    /// # Errors
    /// When it is not a sound element.
    pub fn inspect_component(
        &self,
        bytes: &[u8],
        shown: &Path,
    ) -> Result<Inspection, ElementFailure> {
        refuse_others(bytes, &shown.display().to_string())?;
        Ok(self.examine(bytes, sha256(bytes), None, shown)?.inspection())
    }

    /// Takes in an element that a definition names by `reference`: it is found from now on.
    pub fn stock(&self, reference: &str, element: Stocked) {
        lock(&self.stocked).insert(reference.to_owned(), element);
    }

    fn of_stock(&self, reference: &str) -> Result<Arc<Element>, ElementFailure> {
        let stocked = lock(&self.stocked).get(reference).cloned();
        let stocked = stocked.ok_or_else(|| {
            ElementFailure::new(format!("`{}` is not in the store", harmless(reference, 200)))
                .with_help("`dibhost fetch DEFINITION` gets what a definition names of registries")
        })?;
        let key = PathBuf::from(reference);
        if let Some(element) = lock(&self.known).by_path.get(&key) {
            return Ok(Arc::clone(element));
        }
        let bytes = read(&stocked.path, reference, self.load.component)?;
        let digest = sha256(&bytes);
        // Before anything of it is looked at.
        if digest != stocked.digest {
            return Err(ElementFailure::new(format!(
                "`{reference}` was changed in the store: it is {digest}, and {} was kept",
                stocked.digest
            ))
            .with_help(
                "somebody writes into the cache: look who may, and `dibhost fetch` it anew",
            ));
        }
        refuse_others(&bytes, reference)?;
        let mut element = self.examine(&bytes, digest, Some(&stocked.name), &stocked.path)?;
        // What is on a shelf of digests is told by what one typed.
        element.origin = reference.to_owned();
        let element = Arc::new(element);
        Ok(Arc::clone(lock(&self.known).by_path.entry(key).or_insert(element)))
    }

    /// Calls `run(step)` of a described element. Its effects on `target`, and what it tells
    /// `observer`, happen on this thread; the element runs on another one.
    ///
    /// # Errors
    /// When the element fails, traps, oversteps or is cancelled.
    pub fn run_step(
        &self,
        call: &RunCall<'_>,
        target: &mut dyn Target,
        observer: &mut dyn Observer,
    ) -> Result<RunAnswer, ElementFailure> {
        run_alone(self.prepare(call)?, target, observer)
    }

    /// Makes a call of `run(step)` ready for [`run_side_by_side`].
    ///
    /// # Errors
    /// When the element was not described, has no such step to run, or does not load.
    pub fn prepare(&self, call: &RunCall<'_>) -> Result<Prepared, ElementFailure> {
        let element = self.described(call.element)?;
        let description = &element.about.description;
        let declared = description.step(call.step).filter(|step| step.phase == call.phase);
        if declared.is_none_or(|step| step.plan_only) {
            let (step, phase) = (harmless(call.step, 100), call.phase);
            return Err(ElementFailure::new(match step == phase.name() {
                true => format!("declares nothing to run in phase `{phase}`"),
                false => format!("declares no step `{step}` to run in phase `{phase}`"),
            }));
        }
        let mut limits = call.limits.clone();
        if let Some(time) = self.step_time {
            let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            limits = limits.with(Limit::StepTime, time);
        }
        let code = self.code(&element, metered(&limits))?;
        let limits = invoke::RunLimits { limits, time_is_ours: self.step_time.is_some() };
        Ok(Prepared::new(code, description, call, limits))
    }

    /// The element that is named so.
    fn named(&self, reference: &str, base: &Path) -> Result<Arc<Element>, ElementFailure> {
        match stocked::is_elsewhere(reference) {
            true => self.of_stock(reference),
            false => self.load(&self.find(reference, base)?),
        }
    }

    /// The file an element is in.
    fn find(&self, reference: &str, base: &Path) -> Result<PathBuf, ElementFailure> {
        if reference.contains('/') {
            let path = base.join(reference);
            return match path.try_exists() {
                Ok(true) => Ok(path),
                Ok(false) => {
                    Err(ElementFailure::new(format!("there is no file `{}`", path.display()))
                        .with_help(near_file(&path).unwrap_or_else(|| {
                            "a path of an element is relative to the folder of the image definition"
                                .to_owned()
                        })))
                }
                Err(error) => {
                    Err(ElementFailure::new(format!("looking for `{}`: {error}", path.display())))
                }
            };
        }
        if !is_name(reference) {
            let shown = harmless(reference, 100);
            return Err(ElementFailure::new(format!("`{shown}` is no name of an element")).with_help(
                "a name has small letters, digits and `-`; a path has a `/` in it: `./motd.wasm`",
            ));
        }
        let file = format!("{reference}.wasm");
        let path = self.folders.iter().map(|f| f.join(&file)).find(|p| p.is_file());
        path.ok_or_else(|| {
            let places: Vec<_> = self.folders.iter().map(|f| f.display().to_string()).collect();
            let places = match places.is_empty() {
                true => "there is no folder of elements".to_owned(),
                false => format!("it was looked for in {}", quoted_list(&places)),
            };
            ElementFailure::new(format!("there is no element `{reference}`"))
                .with_help(format!("`dibhost element list` lists those that there are; {places}"))
        })
    }

    /// Reads a file, if it was not read before, and has it described.
    fn load(&self, path: &Path) -> Result<Arc<Element>, ElementFailure> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(element) = lock(&self.known).by_path.get(&key) {
            return Ok(Arc::clone(element));
        }
        let shown = path.display().to_string();
        let bytes = read(path, &shown, self.load.component)?;
        refuse_others(&bytes, &shown)?;
        let digest = sha256(&bytes);
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let element = Arc::new(self.examine(&bytes, digest, Some(stem), path)?);
        // Another thread may have been as quick; both read the same file.
        Ok(Arc::clone(lock(&self.known).by_path.entry(key).or_insert(element)))
    }

    /// What a component is.
    fn examine(
        &self,
        bytes: &[u8],
        digest: String,
        stem: Option<&str>,
        path: &Path,
    ) -> Result<Element, ElementFailure> {
        let (mut about, code) = self.about(bytes, &digest, stem, &path.display().to_string())?;
        // What is kept is what it said itself: an older host may have kept it.
        let description = Arc::unwrap_or_clone(about.description);
        about.description = Arc::new(description.with_implied_requests());
        Ok(Element {
            path: path.to_owned(),
            origin: path.display().to_string(),
            size: bytes.len() as u64,
            first_party: !Check::FirstPartyDigest.holds() || self.first_party.contains(&digest),
            digest,
            about,
            code: Mutex::new(code.map(|code| (false, code)).into_iter().collect()),
        })
    }

    /// The description, from the cache or from the element; and its code, when it was needed.
    /// Without a `stem` it is called as it calls itself.
    fn about(
        &self,
        bytes: &[u8],
        digest: &str,
        stem: Option<&str>,
        shown: &str,
    ) -> Result<(About, Option<Arc<Code>>), ElementFailure> {
        let file = format!("{}.describe-{ABOUT_FORM}.json", digest.replace(':', "-"));
        let kept = self.loader.folder.as_ref().and_then(|f| f.read(&file));
        let kept = kept.and_then(|text| serde_json::from_slice::<About>(&text).ok());
        if let Some(about) = kept.filter(|a| a.contract == CONTRACT.to_string()) {
            named(&about.description, stem, shown)?;
            return Ok((about, None));
        }
        let code = self.loader.load(bytes, digest, shown, false)?;
        let description = invoke::describe(&code, stem.unwrap_or(shown), self.load.describe)
            .map_err(|mut failure| {
                failure.message = format!("`{shown}` {}", failure.message);
                failure
            })?;
        named(&description, stem, shown)?;
        let about = About {
            contract: CONTRACT.to_string(),
            description: Arc::new(description),
            imports: code.examined.imports.clone(),
            other_imports: code.examined.others.clone(),
        };
        if let Some(folder) = &self.loader.folder {
            let text = serde_json::to_vec(&about).map_err(|e| {
                ElementFailure::new(format!("keeping the description of `{shown}`: {e}"))
            })?;
            folder.write(&file, &text)?;
        }
        Ok((about, Some(Arc::new(code))))
    }

    /// The code of an element, made once; `metered` code counts what it does.
    fn code(&self, element: &Arc<Element>, metered: bool) -> Result<Arc<Code>, ElementFailure> {
        let mut made = lock(&element.code);
        if let Some(code) = made.get(&metered) {
            return Ok(Arc::clone(code));
        }
        let shown = element.origin.clone();
        let code = match self.loader.kept(&element.digest, &shown, metered)? {
            Some(code) => code,
            None => {
                // Read again, for a hundred components would be much to hold, and nearly always
                // for nothing.
                let bytes = read(&element.path, &shown, self.load.component)?;
                if sha256(&bytes) != element.digest {
                    let why = format!("`{shown}` changed while it was in use");
                    return Err(ElementFailure::new(why).with_help("start again"));
                }
                self.loader.load(&bytes, &element.digest, &shown, metered)?
            }
        };
        let code = Arc::new(code);
        made.insert(metered, Arc::clone(&code));
        drop(made);
        self.make_room(element);
        Ok(code)
    }

    /// Notes that the code of an element was loaded, and lets go of the one loaded first when
    /// there are many. Whoever runs it keeps it for as long.
    fn make_room(&self, loaded: &Arc<Element>) {
        // Without a cache it would have to be compiled again.
        if self.loader.folder.is_none() {
            return;
        }
        let mut at_hand = lock(&self.at_hand);
        at_hand.retain(|there| !Arc::ptr_eq(there, loaded));
        at_hand.push_back(Arc::clone(loaded));
        let first = if at_hand.len() > AT_HAND { at_hand.pop_front() } else { None };
        drop(at_hand);
        if let Some(first) = first {
            lock(&first.code).clear();
        }
    }

    fn described(&self, name: &str) -> Result<Arc<Element>, ElementFailure> {
        lock(&self.known).by_name.get(name).cloned().ok_or_else(|| {
            ElementFailure::new(format!(
                "element `{}` was not described before",
                harmless(name, 100)
            ))
        })
    }
}

/// One step with nothing beside it.
struct Alone<'a> {
    prepared: Option<Prepared>,
    observer: &'a mut dyn Observer,
    answer: Option<Result<RunAnswer, ElementFailure>>,
}

/// Runs one step, and nothing beside it.
fn run_alone(
    prepared: Prepared,
    target: &mut dyn Target,
    observer: &mut dyn Observer,
) -> Result<RunAnswer, ElementFailure> {
    let mut alone = Alone { prepared: Some(prepared), observer, answer: None };
    run_side_by_side(target, &mut alone);
    let gone = || ElementFailure::new("its thread ended without an answer");
    alone.answer.unwrap_or_else(|| Err(gone()))
}

impl SideBySide for Alone<'_> {
    fn next(&mut self) -> Option<(usize, Box<dyn ReadyStep>)> {
        self.prepared.take().map(|prepared| (0, Box::new(prepared) as Box<dyn ReadyStep>))
    }

    fn lend_observer(&mut self, _step: usize, to: &mut dyn FnMut(&mut dyn Observer)) {
        to(&mut *self.observer);
    }

    fn ended(&mut self, _step: usize, answer: Result<RunAnswer, ElementFailure>) {
        self.answer = Some(answer);
    }

    fn wanted(&self, _step: usize) -> bool {
        true
    }
}

impl Element {
    fn inspection(&self) -> Inspection {
        Inspection {
            description: Arc::clone(&self.about.description),
            digest: self.digest.clone(),
            size: self.size,
            origin: PathBuf::from(&self.origin),
            first_party: self.first_party,
            imports: self.about.imports.clone(),
            other_imports: self.about.other_imports.clone(),
        }
    }
}

impl Runner for Library {
    fn prepare(&self, call: &RunCall<'_>) -> Result<Box<dyn ReadyStep>, ElementFailure> {
        Ok(Box::new(Self::prepare(self, call)?))
    }
}

impl Planner for Library {
    fn describe(&self, reference: &str, base: &Path) -> Result<Described, ElementFailure> {
        let element = self.named(reference, base)?;
        let name = element.about.description.name.clone();
        let mut known = lock(&self.known);
        let first = known.by_name.entry(name.clone()).or_insert_with(|| Arc::clone(&element));
        if Check::ElementTwin.holds() && first.digest != element.digest {
            return Err(ElementFailure::new(format!(
                "two different elements are called `{name}`: `{}` and `{}`",
                first.origin, element.origin
            ))
            .with_help("name one of them only, everywhere by the same path"));
        }
        drop(known);
        Ok(Described {
            description: Arc::clone(&element.about.description),
            digest: element.digest.clone(),
            origin: element.origin.clone(),
            first_party: element.first_party,
            imports: element.about.imports.clone(),
        })
    }

    fn known_names(&self) -> Vec<String> {
        let files = self.folders.iter().filter_map(|f| wasm_files(f).ok()).flatten();
        let names: BTreeSet<_> = files.map(|(name, _)| name).collect();
        names.into_iter().collect()
    }

    fn plan_step(&self, call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
        let element = self.described(call.element)?;
        let code = self.code(&element, metered(call.limits))?;
        invoke::plan(&code, call.description, call, &mut Tape::Off)
    }
}

/// The element calls itself as its file is called: else a file could pass for another element.
fn named(description: &Description, stem: Option<&str>, shown: &str) -> Result<(), ElementFailure> {
    let stem = stem.unwrap_or(&description.name);
    if !Check::ElementName.holds() || (description.name == stem && is_name(stem)) {
        return Ok(());
    }
    let name = harmless(&description.name, 100);
    let failure = ElementFailure::new(format!("`{shown}` calls itself `{name}` and not `{stem}`"));
    Err(if is_name(&description.name) {
        failure.with_help(format!("rename the file to `{name}.wasm`"))
    } else {
        failure.with_help("a name of an element has small letters, digits and `-`")
    })
}

/// Kebab-case, as an element's name has to be.
fn is_name(text: &str) -> bool {
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(word)
}

/// Names and files of the elements in a folder; a folder that is not there has none.
fn wasm_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, ElementFailure> {
    let failed = |error: std::io::Error| {
        ElementFailure::new(format!(
            "reading the folder of elements `{}`: {error}",
            folder.display()
        ))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let stem = path.file_stem().and_then(|s| s.to_str()).filter(|s| is_name(s));
        if let Some(stem) = stem
            && path.extension().is_some_and(|e| e == "wasm")
            && path.is_file()
        {
            files.push((stem.to_owned(), path));
        }
    }
    Ok(files)
}

/// Whether what wasm does has to be counted.
fn metered(limits: &Limits) -> bool {
    limits.counted(Limit::Fuel).is_some()
}

fn read(path: &Path, shown: &str, most: u64) -> Result<Vec<u8>, ElementFailure> {
    let failed = |e: std::io::Error| ElementFailure::new(format!("reading `{shown}`: {e}"));
    let bounded = if Check::ComponentBytes.holds() { most } else { u64::MAX };
    read_regular(path, bounded).map_err(|error| {
        if error.kind() != std::io::ErrorKind::FileTooLarge {
            return failed(error);
        }
        let why = format!("`{shown}` is too large: a component is at most {}", spoken_bytes(most));
        ElementFailure::new(why).with_help(
            "strip its debugging information (`wasm-tools strip`), and let it fetch large data",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case() {
        for name in ["debian", "debian-minimal", "a1", "x-2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "1a", "a_b", "../a", "a.b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
