//! One attack: how it is made, what has to stop it, and what happens where its check is taken out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_check::{Check, TAKE_OUT};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::{Dibhost, Outcome, dibhost};
use serde_json::Value;

use crate::peak::{ABOVE, IDLE, Peak};
use crate::script::{SUCCEEDED, Script};

/// How long an attack may take: one that is stopped takes a second, on a busy machine some more.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so long an attack is taken to go on for ever.
const FOR_EVER: Duration = Duration::from_secs(20);

/// What happens where the check is taken out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Without {
    /// The attack succeeds.
    Succeeds,
    /// A second wall stops it, and says this.
    SecondWall(&'static str),
    /// It succeeds or fails, as the machine is, but not by the check.
    Otherwise,
    /// The attack goes on until it is killed.
    GoesOn,
}

/// Names the program whose checks can be taken out.
pub(crate) const TAKEN_OUT: &str = "DIBHOST_TAKEN_OUT";

type Arrange = Box<dyn Fn(&mut Dibhost) -> Result<()> + Send + Sync>;
type Around = Box<dyn Fn() -> Result<String> + Send + Sync>;
type Look = Box<dyn Fn(&Path, &Outcome) -> bool + Send + Sync>;

/// An attack.
pub(crate) struct Case {
    /// A sentence with underscores.
    pub(crate) name: &'static str,
    /// The check it is for. None: a library's own, which nothing here can take out.
    pub(crate) check: Option<Check>,
    /// That library.
    pub(crate) library: &'static str,
    pub(crate) without: Without,
    scripts: Vec<Script>,
    nameless: bool,
    harmless: bool,
    grants: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    definition: String,
    args: Vec<&'static str>,
    says: Vec<String>,
    arrange: Option<Arrange>,
    around: Option<Around>,
    got_out: Option<Look>,
    root: Option<&'static str>,
}

/// The element that attacks, where a case has but one.
pub(crate) const HOSTILE: &str = "hostile";
/// One that has what it wants; its name comes before, so it runs before.
const VICTIM: &str = "a-victim";
/// The phase it does so in.
const PHASE: &str = "Root";

/// A call of a script: its name and argument.
pub(crate) fn call(name: &str, argument: impl Into<Value>) -> Value {
    Value::Object([(name.to_owned(), argument.into())].into_iter().collect())
}

/// A call without argument.
pub(crate) fn bare(name: &str) -> Value {
    name.into()
}

impl Case {
    /// An attack on `check`.
    pub(crate) fn on(check: Check, name: &'static str) -> Self {
        Self { check: Some(check), ..Self::held_by("", name) }
    }

    /// An attack on what a library of the host holds.
    pub(crate) fn held_by(library: &'static str, name: &'static str) -> Self {
        Self {
            name,
            check: None,
            library,
            without: Without::Succeeds,
            scripts: vec![Script::new(HOSTILE)],
            nameless: false,
            harmless: false,
            grants: BTreeMap::new(),
            definition: String::new(),
            args: Vec::new(),
            says: Vec::new(),
            arrange: None,
            around: None,
            got_out: None,
            root: None,
        }
    }

    fn script(&mut self) -> &mut Script {
        let last = self.scripts.len() - 1;
        &mut self.scripts[last]
    }

    /// What it does while planning.
    pub(crate) fn plans(self, calls: impl Into<Vec<Value>>) -> Self {
        self.plans_in(PHASE, calls)
    }

    pub(crate) fn plans_in(mut self, phase: &str, calls: impl Into<Vec<Value>>) -> Self {
        self.script().part("Plan", phase, calls.into(), "Loudly");
        self
    }

    /// What it does while planning, without saying at its end that it could.
    pub(crate) fn plans_quietly(mut self, calls: impl Into<Vec<Value>>) -> Self {
        self.script().part("Plan", PHASE, calls.into(), "Quietly");
        self
    }

    /// The same in another phase.
    pub(crate) fn plans_quietly_in(mut self, phase: &str, calls: impl Into<Vec<Value>>) -> Self {
        self.script().part("Plan", phase, calls.into(), "Quietly");
        self
    }

    /// What it does while building.
    pub(crate) fn runs(self, calls: impl Into<Vec<Value>>) -> Self {
        self.runs_in(PHASE, calls)
    }

    pub(crate) fn runs_in(mut self, phase: &str, calls: impl Into<Vec<Value>>) -> Self {
        self.script().part("Run", phase, calls.into(), "Loudly");
        self
    }

    /// What it does while building, without saying at its end that it could.
    pub(crate) fn runs_quietly(mut self, calls: impl Into<Vec<Value>>) -> Self {
        self.script().part("Run", PHASE, calls.into(), "Quietly");
        self
    }

    /// It has a step and does nothing in it but tell that it was run.
    pub(crate) fn has_a_step(self) -> Self {
        self.runs([])
    }

    /// What it requests and is granted.
    pub(crate) fn may(mut self, capability: &str, scope: &str) -> Self {
        self.script().request(capability, scope);
        let name = self.script().file.clone();
        self.grant(&name, capability, scope)
    }

    /// What it requests.
    pub(crate) fn requests(mut self, capability: &str, scope: &str) -> Self {
        self.script().request(capability, scope);
        self
    }

    /// What the definition grants.
    pub(crate) fn grant(mut self, element: &str, capability: &str, scope: &str) -> Self {
        let section = self.grants.entry(element.to_owned()).or_default();
        section.entry(capability.to_owned()).or_default().push(scope.to_owned());
        self
    }

    /// Changes the component.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Script)) -> Self {
        change(self.script());
        self
    }

    /// Another component; what follows is of it.
    pub(crate) fn and(mut self, name: &str) -> Self {
        self.scripts.push(Script::new(name));
        self
    }

    /// Text added to the definition.
    pub(crate) fn defines(mut self, text: &str) -> Self {
        self.definition += text;
        self
    }

    /// Arguments added to the command.
    pub(crate) fn args(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }

    /// The attacker's program is at hand for `WriteProgram`.
    pub(crate) fn armed(self) -> Self {
        self.with(|script| script.program = true)
    }

    /// What the host has to say.
    pub(crate) fn says(mut self, words: &str) -> Self {
        self.says.push(words.to_owned());
        self
    }

    /// What is done before the program is started.
    pub(crate) fn arranged(
        mut self,
        arrange: impl Fn(&mut Dibhost) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.arrange = Some(Box::new(arrange));
        self
    }

    /// On another machine than this: the program is started in mount and network namespaces of its
    /// own, when this script of `sh` has been run there.
    pub(crate) fn after_script(self, script: &str) -> Self {
        let script = script.to_owned();
        self.after_script_of(move || Ok(script.clone()))
    }

    /// The same, of a script that is made when it is needed.
    pub(crate) fn after_script_of(
        mut self,
        script: impl Fn() -> Result<String> + Send + Sync + 'static,
    ) -> Self {
        self.around = Some(Box::new(script));
        self
    }

    /// Without its check: that the attack had its effect, seen from the work folder.
    pub(crate) fn gets_out(
        mut self,
        look: impl Fn(&Path, &Outcome) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.got_out = Some(Box::new(look));
        self
    }

    /// What stops it knows no element yet.
    pub(crate) fn nameless(mut self) -> Self {
        self.nameless = true;
        self
    }

    /// The host does as it is asked, and the attack has no effect all the same.
    pub(crate) fn harmless(mut self) -> Self {
        self.harmless = true;
        self
    }

    /// It cannot be made by a user without privileges, for this reason.
    pub(crate) fn needs_root(mut self, why: &'static str) -> Self {
        self.root = Some(why);
        self
    }

    /// Why root alone can make it; none: everybody.
    pub(crate) fn why_root(&self) -> Option<&'static str> {
        self.root
            .or_else(|| self.around.as_ref().map(|_| "it is made on another machine than this"))
    }

    /// Whether an element of it starts programs in the target.
    fn starts_programs(&self) -> bool {
        self.grants.values().any(|grants| grants.contains_key("exec"))
    }

    /// An element that does the same in the same build before this one does anything, and may.
    pub(crate) fn after_victim(mut self, calls: impl Into<Vec<Value>>) -> Self {
        let mut victim = Script::new(VICTIM);
        victim.request("rootfs", "write /");
        victim.part("Run", PHASE, calls.into(), "Quietly");
        self.scripts.insert(0, victim);
        self.grant(VICTIM, "rootfs", "write /")
    }

    /// Without its check a second wall stops it.
    pub(crate) fn second_wall(mut self, says: &'static str) -> Self {
        self.without = Without::SecondWall(says);
        self
    }

    /// Without its check it depends on the machine what becomes of it.
    pub(crate) fn otherwise(mut self) -> Self {
        self.without = Without::Otherwise;
        self
    }

    /// Without its check it goes on.
    pub(crate) fn goes_on(mut self) -> Self {
        self.without = Without::GoesOn;
        self
    }

    /// Where nothing limits the programs of a user, elements that start some are refused whatever they do:
    /// what else holds them is seen on a host without that check.
    fn for_a_user(&self) -> Result<Option<(PathBuf, Check)>> {
        if rustix::process::geteuid().is_root()
            || !self.starts_programs()
            || self.check == Some(Check::ProgramUnlimited)
        {
            return Ok(None);
        }
        let program = std::env::var_os(TAKEN_OUT).map(PathBuf::from);
        let program =
            program.context("no host without checks: run `scripts/test-hostile --as-user`")?;
        Ok(Some((program, Check::ProgramUnlimited)))
    }

    /// Runs it on the real program: stopped, in the right words, the host as before, and with no more
    /// memory than an attack may cost.
    pub(crate) fn is_stopped(&self) -> Result<()> {
        let without = self.for_a_user()?;
        let mut dibhost =
            self.scene(without.as_ref().map(|(program, check)| (&**program, *check)))?;
        let watched = [dibhost.folder().join("out"), dibhost.folder().join("home")];
        let before = Snapshot::take(&[&watched[0], &watched[1]])?;
        let host = HostState::look(dibhost.folder())?;
        let running = dibhost.spawn(&self.arguments())?;
        let id = running.id();
        let peak = Peak::of(id);
        let outcome = running.wait(PATIENCE).context("the attack was not stopped")?;
        if !self.harmless {
            self.stopped(&outcome)?;
        }
        self.said(&outcome)?;
        let (peak, most) = (peak.end() >> 10, (IDLE + ABOVE) >> 10);
        ensure!(peak <= most, "the engine had {peak} MiB of memory, and {most} are its most");
        before.assert_none_left()?;
        host.unchanged(dibhost.folder())?;
        let left = control_groups_of(id);
        ensure!(left.is_empty(), "control groups are left: {left:?}");
        if let Some(got_out) = &self.got_out {
            ensure!(!got_out(dibhost.folder(), &outcome), "it had its effect:\n{}", outcome.stderr);
        }
        // So that the folder goes before the next snapshot is taken.
        drop(std::mem::replace(&mut dibhost, dibhost_tests::dibhost()?));
        Ok(())
    }

    /// Runs it on a program without its check and says what came of it.
    ///
    /// # Errors
    /// When it is stopped by the same sentence, or otherwise than the case says.
    pub(crate) fn is_not_stopped(&self, program: &Path) -> Result<String> {
        let check = self.check.context("what wasmtime holds cannot be taken out")?;
        let dibhost = self.scene(Some((program, check)))?;
        let running = dibhost.spawn(&self.arguments())?;
        let patience = if matches!(self.without, Without::GoesOn) { FOR_EVER } else { PATIENCE };
        let outcome = match (running.wait(patience), self.without) {
            (Err(_), Without::GoesOn) => return Ok("goes on".to_owned()),
            (outcome, _) => outcome?,
        };
        if !self.harmless && self.stopped(&outcome).and_then(|()| self.said(&outcome)).is_ok() {
            bail!("`{}` stops it all the same:\n{}", check.name(), outcome.stderr);
        }
        match self.without {
            Without::SecondWall(says) => {
                ensure!(outcome.stderr.contains(says), "no `{says}` in:\n{}", outcome.stderr);
                Ok(format!("second wall: {says}"))
            }
            Without::Otherwise => Ok("ends otherwise".to_owned()),
            Without::Succeeds | Without::GoesOn => {
                let done = match &self.got_out {
                    Some(got_out) => got_out(dibhost.folder(), &outcome),
                    None => outcome.stderr.contains(SUCCEEDED) || outcome.code() == 0,
                };
                ensure!(done, "it did not succeed:\n{}", outcome.stderr);
                Ok("succeeds".to_owned())
            }
        }
    }

    /// Whether the program refused, naming the element and in the words of the case.
    fn stopped(&self, outcome: &Outcome) -> Result<()> {
        ensure!(
            matches!(outcome.code(), 1 | 2),
            "it ended with {} and not as a refusal:\n{}",
            outcome.status,
            outcome.stderr
        );
        ensure!(!outcome.stderr.contains(SUCCEEDED), "nothing stopped it:\n{}", outcome.stderr);
        Ok(())
    }

    /// Whether it said what the case says, and nothing that a terminal obeys.
    fn said(&self, outcome: &Outcome) -> Result<()> {
        for words in &self.says {
            ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
        }
        let name = self.scripts.last().map_or(HOSTILE, Script::name);
        let named = self.nameless || self.harmless || outcome.stderr.contains(name);
        ensure!(named, "no `{name}` in:\n{}", outcome.stderr);
        let odd = outcome.stderr.chars().find(|c| c.is_control() && *c != '\n');
        ensure!(odd.is_none(), "{odd:?} reached the terminal:\n{:?}", outcome.stderr);
        Ok(())
    }

    fn arguments(&self) -> Vec<&'static str> {
        let mut args = vec!["build", "image.toml", "-o", "out/x"];
        args.extend(&self.args);
        args
    }

    /// Surroundings with the components and the definition in them, and a home to be robbed.
    fn scene(&self, without: Option<(&Path, Check)>) -> Result<Dibhost> {
        let mut dibhost = dibhost()?.empty_cache();
        if let Some((program, check)) = without {
            dibhost = dibhost.program(program).env(TAKE_OUT, check.name());
        }
        std::fs::create_dir(dibhost.folder().join("out"))?;
        dibhost.write("home/.ssh/authorized_keys", &format!("{}\n", loot::KEY))?;
        dibhost.write("home/canary", loot::CANARY)?;
        dibhost = dibhost.env(loot::VARIABLE, loot::CANARY).env("http_proxy", loot::PROXY);
        let mut elements = Vec::new();
        for script in &self.scripts {
            let path = dibhost.folder().join(&script.file);
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            script.write(dibhost.folder())?;
            elements.push(format!("\"./{}.wasm\"", script.file));
        }
        let mut text = format!(
            "[image]\nname = \"x\"\nformats = [\"raw\"]\nelements = [{}]\n",
            elements.join(", ")
        );
        for (element, grants) in &self.grants {
            text += &format!("[grants.{element}]\n");
            for (capability, scopes) in grants {
                text += &match scopes.iter().all(String::is_empty) {
                    true => format!("{capability} = true\n"),
                    false => format!("{capability} = {scopes:?}\n"),
                };
            }
        }
        dibhost.write("image.toml", &format!("{text}{}", self.definition))?;
        if let Some(arrange) = &self.arrange {
            arrange(&mut dibhost)?;
        }
        match &self.around {
            Some(script) => around(dibhost, &script()?),
            None => Ok(dibhost),
        }
    }
}

/// What an attack is measured against: a build whose element does nothing.
///
/// # Errors
/// When it has more than is taken for that.
pub(crate) fn idle() -> Result<()> {
    let case = Case::held_by("nothing", "an_element_that_does_nothing").runs_quietly([]);
    let dibhost = case.scene(None)?;
    let running = dibhost.spawn(&case.arguments())?;
    let peak = Peak::of(running.id());
    running.wait(PATIENCE)?.expect_code(0)?;
    let peak = peak.end();
    ensure!((1..=IDLE).contains(&peak), "{peak} KiB, and {IDLE} are its most");
    Ok(())
}

/// The program, behind a script that makes its machine another one. It stays one process.
fn around(dibhost: Dibhost, script: &str) -> Result<Dibhost> {
    let text = format!(
        "#!/bin/sh\nexec unshare --mount --net -- sh -ec '{script}\nexec \"$0\" \"$@\"' {} \"$@\"\n",
        dibhost.path().display()
    );
    let path = dibhost.write("around", &text)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(dibhost.program(&path))
}

/// What there is to be had on the host.
pub(crate) mod loot {
    /// In the builder's home and environment.
    pub(crate) const CANARY: &str = "the-builder-s-own";
    /// In the definition's secrets.
    pub(crate) const SECRET: &str = "hunter2-and-more";
    pub(crate) const VARIABLE: &str = "DIBHOST_TEST_CANARY";
    pub(crate) const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhvc3RpbGUtY2FuYXJ5LWhvc3RpbGUtY2FuYXJ5 builder";
    pub(crate) const PROXY: &str = "http://proxy.invalid:3128";
}

/// What an attack may not change: the machine's configuration, the home.
#[derive(PartialEq, Eq)]
struct HostState {
    files: BTreeMap<PathBuf, (u64, i64, u64)>,
    canary: String,
}

impl HostState {
    fn look(folder: &Path) -> Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let mut files = BTreeMap::new();
        visit(Path::new("/etc"), &mut |path, stat| {
            files.insert(path.to_owned(), (stat.size(), stat.mtime(), stat.ino()));
        });
        let canary = std::fs::read_to_string(folder.join("home/canary")).context("the canary")?;
        Ok(Self { files, canary })
    }

    fn unchanged(&self, folder: &Path) -> Result<()> {
        let now = Self::look(folder)?;
        let changed = now.files.iter().find(|(path, stat)| self.files.get(*path) != Some(stat));
        ensure!(changed.is_none(), "`/etc` is not as before: {changed:?}");
        let gone = self.files.keys().find(|path| !now.files.contains_key(*path));
        ensure!(gone.is_none(), "`/etc` is not as before: no {gone:?}");
        ensure!(now.canary == self.canary, "the canary says {:?}", now.canary);
        Ok(())
    }
}

/// Control groups of one build, which have its process id in their names.
fn control_groups_of(id: u32) -> Vec<PathBuf> {
    let mut groups = Vec::new();
    visit(Path::new("/sys/fs/cgroup"), &mut |path, stat| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if stat.is_dir() && name.starts_with(&format!("dibhost-{id}-")) {
            groups.push(path.to_owned());
        }
    });
    groups
}

/// All below a folder; what cannot be looked at is left out, before and after.
fn visit(folder: &Path, tell: &mut dyn FnMut(&Path, &std::fs::Metadata)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(stat) = entry.metadata() else { continue };
        tell(&entry.path(), &stat);
        if stat.is_dir() {
            visit(&entry.path(), tell);
        }
    }
}
