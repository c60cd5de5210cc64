//! Layers: what earlier builds made of the tree, and what this one leaves for later ones.
//!
//! ```text
//!  action 1 ─► action 2 ─► action 3 ─► action 4 ─► action 5
//!             └ a layer ┘             └ a layer ┘            a cut is behind an action that took
//!               its key: the action's own, which chains all   longer than making its tree of
//!               that is planned; the packages that were       layers would
//!               chosen; and what the layer below brought
//!               to light
//! ```
//!
//! A build begins at the deepest layer whose key it has. What cannot be looked for or kept is told and
//! costs time, and no build fails of it.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dibhost_image::Output as ImageFile;
use dibhost_layers::layer::Limits;
use dibhost_layers::store::{
    Claim, Committed, Digest, Entry, Found, Key, Lease, Policy, Store, StoreError, Writing,
};
use dibhost_packages::Resolution;
use dibhost_plan::action::{Action, Work};
use dibhost_plan::digest::canonical;
use dibhost_plan::{Observed, Plan};
use dibhost_tree::{LayerFiles, Layered as _, TargetError};
use serde_json::{Value, json};

use crate::checked::Checked;
use crate::event::Level;
use crate::failure::BuildFailure;
use crate::furnished::Furnished;
use crate::kept::{Kept, MOST};
use crate::layer_store::usable;
use crate::output::Files;
use crate::teller::Teller;
use crate::unchanged::{Outputs, noted_at};
use crate::versions;

/// Part of every key: changed whenever the same key would stand for something else.
const VERSION: u32 = 1;

/// A layer of what took less saves nothing: looking at the tree and writing the layer take as long.
pub const WORTH: Duration = Duration::from_millis(250);

/// Of so many outputs of one image everything stays.
const LAST_OUTPUTS: usize = 2;

/// What all layers may have: some tens of images.
const MOST_OF_ALL: u64 = 20 << 30;

/// A build that still writes what nothing has yet is done in a day.
const USELESS: Duration = Duration::from_secs(24 * 3600);

/// How often layers are looked for that turn out to be damaged.
const ATTEMPTS: usize = 3;

const MANIFEST: &str = "manifest";
const PACK: &str = "pack";
const STATE: &str = "state";

/// What of earlier builds is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reuse {
    /// All that fits.
    #[default]
    All,
    /// What was made before the first action that is called so, or the first step of that element.
    Before(String),
    /// Nothing: all is made again, and compared with what there is.
    Compared,
}

/// Where layers are kept, and how they are used.
#[derive(Debug, Clone)]
pub struct LayerSettings {
    /// Where.
    pub store: Store,
    /// What is used of it.
    pub reuse: Reuse,
    /// Folder and name of the outputs, without extension.
    pub outputs: PathBuf,
    /// The folder where it is noted what outputs are.
    pub noted: PathBuf,
    /// How long an action takes at least whose layer is kept: see [`WORTH`].
    pub worth: Duration,
}

/// The layers of a build that is under way.
pub(crate) struct Layers<'a> {
    pub(crate) actions: &'a [Action],
    settings: LayerSettings,
    lease: Lease,
    /// This very program: another one may do another thing with the same plan.
    host: String,
    /// Which packages the first tree is made of.
    resolved: Value,
    /// What was on offer when later packages were chosen.
    indexes: Option<String>,
    /// The layers that the tree stands on, the lowest first.
    below: Vec<Entry>,
    /// What was found, and has not been made use of.
    found: Option<Resumed>,
    /// Others who want the same tree wait.
    claim: Option<Claim>,
    since: Instant,
    keeping: bool,
    /// No layer of more actions than these is looked for.
    until: usize,
    /// Where all is made again.
    checked: Option<Checked>,
}

/// Where a build goes on.
pub(crate) struct Resumed {
    /// How many of the actions are done.
    pub(crate) done: usize,
    /// What was kept with the tree.
    pub(crate) kept: Kept,
    /// What they brought to light.
    pub(crate) observed: Observed,
}

impl<'a> Layers<'a> {
    /// None, and told: the store cannot be used.
    pub(crate) fn of(
        settings: &LayerSettings,
        actions: &'a [Action],
        resolved: Option<&Resolution>,
        youngest: i64,
        teller: &mut Teller<'_>,
    ) -> Result<Option<Self>, BuildFailure> {
        let Some(lease) = usable(settings.store.lease(), teller)? else { return Ok(None) };
        Ok(Some(Self {
            actions,
            settings: settings.clone(),
            lease,
            host: versions::own(),
            resolved: resolved.map_or(Value::Null, chosen),
            indexes: None,
            below: Vec::new(),
            found: None,
            claim: None,
            since: Instant::now(),
            keeping: true,
            until: actions.len(),
            checked: (settings.reuse == Reuse::Compared).then(|| Checked::new(youngest)),
        }))
    }

    /// So many actions are to be done, and no more.
    pub(crate) fn until(&mut self, actions: usize) {
        self.until = actions;
    }

    /// What is on offer to transactions behind the first, which choose when the tree is there.
    pub(crate) fn offered(&mut self, indexes: Option<String>) {
        self.indexes = indexes;
    }

    /// What a layer behind that action is found by.
    fn key(&self, at: usize) -> Key {
        self.key_of(at, &json!({ "action": self.actions[at].key }))
    }

    /// What the outputs are made of, and where it is noted what they are: once for each place.
    fn key_of_outputs(&self) -> (Key, PathBuf) {
        let is = |action: &&Action| matches!(action.work, Work::Disk | Work::Output { .. });
        let last: Vec<&str> = self.actions.iter().filter(is).map(|a| a.key.as_str()).collect();
        let key = self.key_of(self.actions.len().saturating_sub(1), &json!(last));
        (key, noted_at(&self.settings.noted, &self.settings.outputs))
    }

    fn key_of(&self, at: usize, what: &Value) -> Key {
        let packages = |action: &&Action| matches!(action.work, Work::Packages { .. });
        let chosen_first = usize::from(!self.resolved.is_null());
        let chosen_later = self.actions.iter().take(at + 1).filter(packages).count() > chosen_first;
        let key = json!({
            "version": VERSION,
            "host": self.host,
            "of": what,
            "packages": self.resolved,
            "indexes": if chosen_later { json!(self.indexes) } else { Value::Null },
            // Which layer, and what it brought to light: what stands on it stands on no other.
            "below": self.below.last().map(|entry| json!([entry.key(), entry.digest(STATE).ok()])),
        });
        Key::new(Digest::of(canonical(&key).as_bytes()))
    }

    /// Behind which action a layer may be that has what that action made, and what is done with it: of
    /// the steps of one phase the last. None: the action changes no tree.
    fn cut(&self, at: usize) -> Option<usize> {
        match &self.actions[at].work {
            Work::EmptyTree | Work::Disk | Work::Output { .. } => None,
            Work::Step { phase, .. } => {
                let of_phase = |next: &&Action| matches!(&next.work, Work::Step { phase: other, .. } if other == phase);
                let more = self.actions[at + 1..].iter().take_while(of_phase).count();
                Some(at + more)
            }
            _ => Some(at),
        }
    }

    fn cuts(&self) -> Vec<usize> {
        (0..self.actions.len()).filter(|at| self.cut(*at) == Some(*at)).collect()
    }

    /// The files of an earlier build of the very same, where they are as it left them.
    pub(crate) fn outputs(
        &mut self,
        teller: &mut Teller<'_>,
    ) -> Result<Option<Files>, BuildFailure> {
        if self.settings.reuse != Reuse::All {
            return Ok(None);
        }
        self.found = self.look(teller)?;
        let (key, at) = self.key_of_outputs();
        Ok(Outputs::read(&at, &key).and_then(Outputs::unchanged))
    }

    /// Notes what the files of this build are, so that a later one need not make them again, and that
    /// what they are made of is to stay.
    pub(crate) fn made(
        &self,
        plan: &Plan,
        files: &Files,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let (key, at) = self.key_of_outputs();
        if let Err(error) = Outputs::of(files).and_then(|outputs| outputs.write(&at, &key, plan)) {
            let text = format!("noting what the image files are, in `{}`: {error}", at.display());
            teller.line(Level::Warning, "layers", &text);
        }
        let store = &self.settings.store;
        let held: Vec<Key> = self.below.iter().map(|entry| *entry.key()).collect();
        usable(store.set_root(&root_name(&plan.image.name), held, LAST_OUTPUTS), teller)?;
        let policy =
            Policy { most_bytes: Some(MOST_OF_ALL), useless: Some(USELESS), ..Policy::default() };
        usable(store.gc(&policy), teller)?;
        Ok(())
    }

    /// The layers of the tree as deep as there are any, and how many actions they are of.
    fn look(&mut self, teller: &mut Teller<'_>) -> Result<Option<Resumed>, BuildFailure> {
        let end = match &self.settings.reuse {
            Reuse::All => self.actions.len(),
            Reuse::Compared => 0,
            Reuse::Before(name) => {
                self.actions.iter().position(|action| is_called(action, name)).unwrap_or(0)
            }
        };
        let mut found = None;
        self.below = Vec::new();
        let (before, behind): (Vec<_>, Vec<_>) = self.cuts().into_iter().partition(|at| *at < end);
        for at in before.into_iter().take_while(|at| *at < self.until) {
            let Some(looked) = usable(self.lease.get(&self.key(at)), teller)? else { break };
            let entry = match looked {
                Found::Here(entry) => entry,
                Found::Absent => continue,
                Found::Dropped(dropped) => {
                    for one in dropped {
                        dropped_line(&one.why, teller);
                    }
                    continue;
                }
            };
            let Some(bytes) = usable(entry.read(STATE, MOST), teller)? else { continue };
            let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { continue };
            let Some(observed) = kept.observed() else { continue };
            self.below.push(entry);
            found = Some(Resumed { done: at + 1, kept, observed });
        }
        if matches!(self.settings.reuse, Reuse::Before(_)) {
            // What is made anew takes the place of what was made before.
            for at in behind {
                usable(self.settings.store.remove(&self.key(at)), teller)?;
            }
        }
        Ok(found)
    }

    /// Makes an empty tree what it was behind as many actions as there are layers of.
    pub(crate) fn resume(
        &mut self,
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<Option<Resumed>, BuildFailure> {
        for _ in 0..ATTEMPTS {
            let found = match self.found.take() {
                Some(found) => Some(found),
                None => self.look(teller)?,
            };
            let Some(resumed) = found else {
                if self.claims(teller)? {
                    continue;
                }
                self.mark(tree)?;
                return Ok(None);
            };
            self.claim = None;
            let running = teller.begin(format!("restore what {} actions made", resumed.done));
            let files = self.below.iter().map(files).collect::<Result<Vec<_>, _>>();
            let restored = match usable(files, teller)? {
                Some(files) => tree.restore(files),
                // What cannot be opened is dropped, and not found again.
                None => Err(TargetError::Corrupt("a file of it is not there".to_owned())),
            };
            teller.end(running);
            match restored {
                Ok(()) => {
                    self.since = Instant::now();
                    return Ok(Some(resumed));
                }
                Err(TargetError::Corrupt(why)) => {
                    dropped_line(&why, teller);
                    self.drop_all(&why, teller)?;
                }
                Err(error) => {
                    return Err(BuildFailure::new(error).doing("making the tree of its layers"));
                }
            }
        }
        // What is damaged cannot be dropped either: this build does without.
        (self.below, self.keeping) = (Vec::new(), false);
        Ok(None)
    }

    /// Claims the first tree, which many images have: whether it has to be looked for again, for another
    /// build may have made it meanwhile.
    fn claims(&mut self, teller: &mut Teller<'_>) -> Result<bool, BuildFailure> {
        let is_first = |at: &usize| matches!(self.actions[*at].work, Work::Packages { .. });
        let Some(at) = self.cuts().into_iter().find(is_first).filter(|_| self.claim.is_none())
        else {
            return Ok(false);
        };
        let key = self.key(at);
        match usable(self.settings.store.try_claim(&key), teller)? {
            Some(None) => {
                let running = teller.begin("wait for another build that makes the same tree");
                self.claim = usable(self.settings.store.claim(&key), teller)?;
                teller.end(running);
            }
            free => self.claim = free.flatten(),
        }
        // Somebody may have made it since it was looked for.
        Ok(self.claim.is_some())
    }

    /// Has none of the layers below found again: one of them is not what was kept.
    fn drop_all(&self, why: &str, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        if let Some(lowest) = self.below.first() {
            usable(lowest.spoilt(PACK, why), teller)?;
        }
        Ok(())
    }

    fn mark(&mut self, tree: &mut Furnished<'_>) -> Result<(), BuildFailure> {
        self.since = Instant::now();
        tree.mark().map_err(|e| BuildFailure::new(e).doing("looking at the empty tree"))
    }

    /// Keeps what became of the tree by that action and those before it, if that is worth it. `kept` is
    /// asked when it is; none: nothing may be kept any more.
    pub(crate) fn keep(
        &mut self,
        at: usize,
        tree: &mut Furnished<'_>,
        kept: impl FnOnce() -> Option<Kept>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let took = self.since.elapsed();
        let Some(at) = self.cut(at) else { return Ok(()) };
        // Given up at the end: whoever waits for it finds it then, or makes it.
        let _claim = self.claim.take();
        if let Some(checked) = self.checked.take() {
            self.checked = self.compare(checked, at, tree, kept, teller)?;
            return Ok(());
        }
        if !self.keeping || took < self.settings.worth {
            return Ok(());
        }
        let Some(kept) = kept() else {
            self.keeping = false;
            return Ok(());
        };
        let running = teller.begin("keep a layer");
        let committed = self.commit(at, tree, &kept, took);
        teller.end(running);
        match committed {
            Ok(Committed::Kept(entry)) => {
                self.below.push(entry);
                self.since = Instant::now();
            }
            // Another build made the same and it is there already; what comes next is not made on that.
            Ok(Committed::Other(_)) => self.keeping = false,
            Err(Unkept::Tree(error)) => {
                return Err(BuildFailure::new(error).doing("packing what became of the tree"));
            }
            Err(Unkept::Store(error)) => {
                self.keeping = false;
                usable::<()>(Err(error), teller)?;
            }
        }
        Ok(())
    }

    /// Packs what became of the tree by that action beside the layer that is kept of it, and compares;
    /// none: what the action brought to light may not be kept, and so nothing was.
    fn compare(
        &mut self,
        mut checked: Checked,
        at: usize,
        tree: &mut Furnished<'_>,
        kept: impl FnOnce() -> Option<Kept>,
        teller: &mut Teller<'_>,
    ) -> Result<Option<Checked>, BuildFailure> {
        let Some(Found::Here(entry)) = usable(self.lease.get(&self.key(at)), teller)? else {
            return Ok(Some(checked));
        };
        let Some(kept) = kept() else { return Ok(Some(checked)) };
        let running = teller.begin("compare with the layer that is kept");
        let name = &self.actions[at].name;
        let compared = self.packed(tree).and_then(|mut writing| {
            let mut made = Vec::new();
            let file = writing.file(MANIFEST)?;
            file.rewind().and_then(|()| file.read_to_end(&mut made)).map_err(unkept)?;
            let before = entry.read(MANIFEST, Limits::default().manifest)?;
            let compared = checked.compare(name, &before, &made);
            compared.map_err(|error| unkept(std::io::Error::other(error)))?;
            if entry.read(STATE, MOST)? != state(&kept)? {
                checked.observed_otherwise(name);
            }
            Ok(())
        });
        teller.end(running);
        match compared {
            Ok(()) => self.below.push(entry),
            Err(Unkept::Tree(error)) => {
                return Err(BuildFailure::new(error).doing("packing what became of the tree"));
            }
            Err(Unkept::Store(error)) => {
                usable::<()>(Err(error), teller)?;
            }
        }
        Ok(Some(checked))
    }

    /// Where all was made again: whether the image files are those that were made before.
    pub(crate) fn judge(
        &self,
        made: &[ImageFile],
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let Some(checked) = &self.checked else { return Ok(()) };
        let (key, at) = self.key_of_outputs();
        let Some(before) = Outputs::read(&at, &key) else {
            let text = "there is nothing to compare with: no build of this very plan is known whose \
                        image files were put here";
            teller.line(Level::Warning, "layers", text);
            return Ok(());
        };
        checked.judge(before.images(), made, tree)?;
        teller.line(Level::Info, "layers", &checked.is_well());
        Ok(())
    }

    /// A layer of what became of the tree, on its way into the store.
    fn packed(&self, tree: &mut Furnished<'_>) -> Result<Writing, Unkept> {
        let mut writing = self.lease.begin();
        let copied = |file: &std::fs::File| {
            file.try_clone().map_err(|e| Unkept::Tree(TargetError::Invalid(e.to_string())))
        };
        let into = LayerFiles {
            manifest: copied(writing.file(MANIFEST)?)?,
            pack: copied(writing.file(PACK)?)?,
        };
        match tree.pack(into) {
            Ok(()) => Ok(writing),
            Err(TargetError::Os { doing, name, message }) if is_full(&name) => {
                let why = std::io::Error::other(format!("{doing}: {message}"));
                Err(Unkept::Store(unkept(why)))
            }
            Err(error) => Err(Unkept::Tree(error)),
        }
    }

    fn commit(
        &self,
        at: usize,
        tree: &mut Furnished<'_>,
        kept: &Kept,
        took: Duration,
    ) -> Result<Committed, Unkept> {
        let key = self.key(at);
        let mut writing = self.packed(tree)?;
        writing.file(STATE)?.write_all(&state(kept)?).map_err(unkept)?;
        let note = json!({ "action": self.actions[at].name });
        let below: Vec<&Entry> = self.below.last().into_iter().collect();
        Ok(writing.commit(&key, &below, note, took)?)
    }
}

/// What is kept beside a tree, as it is written.
fn state(kept: &Kept) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(kept).map_err(|error| unkept(error.into()))
}

/// Why a layer was not kept.
enum Unkept {
    Tree(TargetError),
    Store(StoreError),
}

impl From<StoreError> for Unkept {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn unkept(source: std::io::Error) -> StoreError {
    StoreError::Io { doing: "keeping a layer".to_owned(), source }
}

/// The name of the root that holds what the last outputs of an image are made of.
fn root_name(image: &str) -> String {
    Digest::of(image.as_bytes()).to_string()
}

/// No place is left, which is the store's: the tree's own errors are of another call.
fn is_full(name: &str) -> bool {
    matches!(name, "ENOSPC" | "EDQUOT" | "EFBIG")
}

/// The manifest is the one that was kept, and says of each frame of the pack what it has to be.
fn files(entry: &Entry) -> Result<LayerFiles, StoreError> {
    entry.read(MANIFEST, Limits::default().manifest)?;
    Ok(LayerFiles { manifest: entry.open(MANIFEST)?, pack: entry.open(PACK)? })
}

fn dropped_line(why: &str, teller: &mut Teller<'_>) {
    let text = format!("a layer is dropped and made anew: {why}");
    teller.line(Level::Warning, "layers", &text);
}

/// What of a resolution shapes the tree: not where the packages come from.
fn chosen(resolution: &Resolution) -> Value {
    let package = |p: &dibhost_packages::Package| {
        json!([p.name, p.version, p.arch, p.sha256, p.essential, p.requested, p.upgrade])
    };
    let packages: Vec<_> = resolution.packages.iter().map(package).collect();
    json!([
        packages,
        resolution.order,
        resolution.removals,
        resolution.requested,
        resolution.modules
    ])
}

/// Whether an action is meant: by its name, or as a step of that element.
#[must_use]
pub fn is_called(action: &Action, name: &str) -> bool {
    let of_element = match &action.work {
        Work::Step { element, step, .. } => {
            element == name || step.as_ref().is_some_and(|step| format!("{element}/{step}") == name)
        }
        _ => false,
    };
    action.name == name || of_element
}
