//! One call of an element on a [`TestHost`], and the rules a real host holds it to.

use crate::change::Change;
use crate::command::{Command, Output};
use crate::description::{Description, ParameterKind, Request, Step};
use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::fact::{Provided, RawFact, Timing};
use crate::file::File;
use crate::level::Level;
use crate::stat::{Entry, Stat};

use super::fake_tree::touched;
use super::state::{Planned, State};

/// One call that goes on.
pub(crate) struct Call {
    pub(crate) host: State,
    pub(crate) description: Description,
    pub(crate) step: Step,
    pub(crate) planning: bool,
    pub(crate) planned: Planned,
    pub(crate) facts: Vec<(String, Provided<String>)>,
    pub(crate) changes: Vec<Change>,
    pub(crate) commands: Vec<Command>,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) outputs: Vec<(String, Vec<u8>)>,
}

fn denied(message: String) -> Error {
    Error::with_code(ErrorCode::Denied, message)
}

impl Call {
    pub(crate) fn new(host: State, description: Description, step: Step, planning: bool) -> Self {
        Self {
            host,
            description,
            step,
            planning,
            planned: Planned::default(),
            facts: Vec::new(),
            changes: Vec::new(),
            commands: Vec::new(),
            log: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Result<Option<serde_json::Value>> {
        let declared = self.description.parameters.iter().find(|p| p.name == name);
        let Some(declared) = declared else {
            let message = format!("the parameter `{name}` was not declared");
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        };
        match (self.host.parameters.get(name), &declared.default) {
            (Some(value), _) => Ok(Some(value.clone())),
            (None, Some(default)) => Ok(Some(serde_json::from_str(default)?)),
            (None, None) => Ok(None),
        }
    }

    /// Whether a parameter names a secret.
    pub(crate) fn secret(&self, parameter: &str) -> Result<()> {
        let declared = self.description.parameters.iter().find(|p| p.name == parameter);
        let added = self.host.added_secrets.contains(parameter);
        if !added && !declared.is_some_and(|p| p.kind == ParameterKind::Secret) {
            let message = format!("the parameter `{parameter}` is no secret");
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        }
        match self.host.secrets.contains_key(parameter) {
            true => Ok(()),
            false => Err(crate::parameters::wrong(parameter, None, "the name of a secret")),
        }
    }

    /// The bytes of a secret that was requested for `place` or `open`, which includes `place`.
    pub(crate) fn use_secret(&self, verb: &str, parameter: &str) -> Result<Vec<u8>> {
        if self.requested("secret", &format!("open {parameter}")).is_err() {
            self.requested("secret", &format!("{verb} {parameter}"))?;
        }
        self.secret(parameter)?;
        Ok(self.host.secrets[parameter].clone())
    }

    pub(crate) fn provide(&mut self, slot: &str, key: &str, value: &str) -> Result<()> {
        let Some(declared) = self.step.provides.iter().find(|s| s.name == slot) else {
            let message = format!("the step does not declare that it provides `{slot}`");
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        };
        if (declared.timing == Timing::Planned) != self.planning {
            let when = if self.planning { "running" } else { "planning" };
            return Err(denied(format!("values of `{slot}` are provided while {when}")));
        }
        let same = |f: &RawFact| f.key == key && f.value != value;
        if self.facts.iter().any(|(s, f)| s == slot && same(f)) {
            let message = format!("`{slot}` has another value with the key `{key}`");
            return Err(Error::with_code(ErrorCode::Conflict, message));
        }
        let fact = Provided {
            provider: self.description.name.clone(),
            step: self.step.name.clone(),
            phase: self.step.phase,
            key: key.to_owned(),
            value: value.to_owned(),
            extensions: Extensions::default(),
        };
        self.facts.push((slot.to_owned(), fact.clone()));
        self.host.add_fact(slot, fact);
        Ok(())
    }

    pub(crate) fn consume(&self, slot: &str) -> Result<Vec<RawFact>> {
        if !self.step.consumes.iter().any(|s| s.name == slot) {
            let message = format!("the step does not declare that it consumes `{slot}`");
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        }
        let of_slot = self.host.facts.iter().filter(|(s, _)| s == slot);
        Ok(of_slot.map(|(_, fact)| fact.clone()).collect())
    }

    /// A wish is made while planning, within what was requested.
    pub(crate) fn wish(&mut self, capability: &str, subject: &str) -> Result<&mut Planned> {
        if !self.planning {
            return Err(denied(format!("`{capability}` is wished for while planning only")));
        }
        self.requested(capability, subject)?;
        Ok(&mut self.planned)
    }

    /// A file is there as soon as it is wished for: what runs later finds it.
    pub(crate) fn wish_file(&mut self, file: File) -> Result<()> {
        if !self.planning {
            return Err(denied("files are wished for while planning only".to_owned()));
        }
        let odd = |part: &str| matches!(part, "" | "." | "..");
        if file.path.strip_prefix('/').is_none_or(|rest| rest.split('/').any(odd)) {
            let message = format!("`{}` is no path of a file", file.path);
            return Err(Error::with_code(ErrorCode::InvalidArgument, message));
        }
        self.within(&file.path, true)?;
        self.host.tree.put(&file);
        self.planned.files.push(file);
        Ok(())
    }

    /// An input that was requested by its name, or by a parameter that names it.
    pub(crate) fn open_input(&self, name: &str) -> Result<()> {
        let by_parameter = |scope: &str| {
            let parameter = scope.strip_prefix("parameter ")?;
            let value = self.parameter(parameter).ok().flatten()?;
            let named = value.as_str() == Some(name)
                || value.as_array().is_some_and(|all| all.iter().any(|v| v.as_str() == Some(name)));
            named.then_some(())
        };
        let mut requests = self.description.requests.iter().filter(|r| r.capability == "inputs");
        if !requests.any(|r| by_parameter(&r.scope).is_some()) {
            self.requested("inputs", name)?;
        }
        self.host.input(name).map(drop)
    }

    /// Applies changes in which folders that are there stay as they are.
    pub(crate) fn apply_to_folders_there(&mut self, changes: Vec<Change>) -> Result<()> {
        let there = |change: &Change| match change {
            Change::Directory { path, .. } => self.host.tree.stat(path).is_ok_and(|s| s.is_some()),
            _ => false,
        };
        let changes = changes.into_iter().filter(|change| !there(change)).collect();
        self.apply(changes)
    }

    pub(crate) fn effect(&self, capability: &str) -> Result<()> {
        if self.planning {
            return Err(denied(format!("`{capability}` has effects, and planning has none")));
        }
        let held = self.requests(capability).next().is_some();
        if held { Ok(()) } else { Err(denied(format!("`{capability}` was not requested"))) }
    }

    /// What of a capability it asks for, of the system that the facts tell of.
    fn requests(&self, capability: &str) -> impl Iterator<Item = &Request> {
        let asked = self.description.requests.iter().filter(move |r| r.capability == capability);
        asked.filter(|request| request.when.iter().all(|condition| self.host.is(condition)))
    }

    pub(super) fn requested(&self, capability: &str, subject: &str) -> Result<()> {
        // Whether the key is the one that was requested is for the real host to say.
        let place = |scope: &str| match capability {
            "repositories" => scope.split_once(" key:").map_or("", |(url, _)| url).to_owned(),
            _ => scope.to_owned(),
        };
        let fits = |scope: &str| matches(&place(scope), subject);
        if self.requests(capability).any(|r| fits(&r.scope)) {
            return Ok(());
        }
        Err(denied(format!("`{capability}` was not requested for `{subject}`")))
    }

    /// Whether the path, links on the way to it followed, is within a requested scope.
    fn reach(&self, path: &str, write: bool, follow: bool) -> Result<()> {
        self.effect("rootfs")?;
        self.within(&self.host.tree.resolve(path, follow)?, write)
    }

    /// Whether a resolved path is within a requested scope.
    fn within(&self, resolved: &str, write: bool) -> Result<()> {
        let fits = |scope: &str| {
            let Some((verb, folder)) = scope.split_once(' ') else { return false };
            let folder = folder.trim_end_matches('/');
            let below = resolved == folder
                || resolved.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
            below && (verb == "write" || (verb == "read" && !write))
        };
        if self.requests("rootfs").any(|r| fits(&r.scope)) {
            return Ok(());
        }
        let verb = if write { "write" } else { "read" };
        Err(denied(format!("`rootfs` was not requested for `{verb} {resolved}`")))
    }

    pub(crate) fn open(&self) -> Result<()> {
        self.effect("rootfs")
    }

    pub(crate) fn read(&self, path: &str, offset: u64) -> Result<Vec<u8>> {
        self.reach(path, false, true)?;
        let content = self.host.tree.read(path)?;
        Ok(content.get(usize::try_from(offset)?..).unwrap_or_default().to_vec())
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>> {
        self.reach(path, false, false)?;
        self.host.tree.stat(path)
    }

    pub(crate) fn walk(
        &self,
        path: &str,
        recursive: bool,
        after: Option<&str>,
    ) -> Result<Vec<Entry>> {
        self.reach(path, false, true)?;
        let entries = self.host.tree.walk(path, recursive)?;
        Ok(entries.into_iter().filter(|e| after.is_none_or(|after| &*e.path > after)).collect())
    }

    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<()> {
        let before = self.host.tree.clone();
        let result = changes.iter().try_for_each(|change| self.change(change));
        match result {
            Ok(()) => self.changes.extend(changes),
            Err(_) => self.host.tree = before,
        }
        result
    }

    fn change(&mut self, change: &Change) -> Result<()> {
        for (path, write) in touched(change) {
            // What is written is the link itself; what is appended to is what it leads to.
            let follow = !write || matches!(change, Change::Append { .. });
            self.reach(path, write, follow)?;
        }
        self.host.tree.apply(change)
    }

    pub(crate) fn exec(&mut self, command: Command) -> Result<Output> {
        self.effect("exec")?;
        self.requested("exec", &command.program)?;
        if command.network {
            self.requested("exec", "network")?;
        }
        let program = command.program.clone();
        let Some(answer) = self.host.answers.get_mut(&program) else {
            let message = format!("the program `{program}` is not in the target");
            let help = format!("Script it: `TestHost::answer(\"{program}\", …)`.");
            return Err(Error::with_code(ErrorCode::NotFound, message).help(help));
        };
        let mut output = answer(&command, &mut self.host.tree);
        let allow_failure = command.allow_failure;
        if !command.capture {
            output.stdout.clear();
        }
        self.commands.push(command);
        if output.status != 0 && !allow_failure {
            let message = format!("`{program}` ended with status {}", output.status);
            return Err(Error::with_code(ErrorCode::ExitStatus(output.status), message));
        }
        Ok(output)
    }

    pub(crate) fn emit(&mut self, suffix: &str, content: &[u8]) -> Result<()> {
        self.effect("outputs")?;
        self.requested("outputs", suffix)?;
        self.outputs.push((suffix.to_owned(), content.to_vec()));
        Ok(())
    }
}

/// Whether `subject` fits `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, subject: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == subject };
    let Some(mut left) = subject.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
        rest = after;
    }
    left.ends_with(rest)
}
