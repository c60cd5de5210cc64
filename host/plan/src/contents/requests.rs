//! What the element that carries out the definition's own keys holds: what they say, scope by scope.

use std::collections::BTreeMap;

use dibhost_definition::{
    Capability, Definition, Diagnostic, Diagnostics, InputPlace, SYSCTL, Spanned, StatedProgram,
    StatedRepository,
};
use dibhost_inputs::Inputs;

use super::settings::{interpreter, password_of};
use crate::description::{Condition, Request};
use crate::grant::{Access, Right, SecretUse, Signed, Start, below};
use crate::validate;

/// Where scripts lie while they run; nothing of it is left.
const SCRIPTS: &str = "/var/tmp/dibhost-definition";
/// A key may be some KiB; what is larger is no key.
const KEY: usize = 1 << 20;

/// Folders that are links to those of their name in `/usr`, where that is merged.
const MERGED: [&str; 6] = ["/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"];

struct Asking<'a> {
    definition: &'a Definition,
    inputs: &'a Inputs,
    names: BTreeMap<String, InputPlace>,
    requests: Vec<Request>,
}

/// All of it.
pub(super) fn of(
    definition: &Definition,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) -> Vec<Request> {
    let names = definition.stated_inputs();
    let mut asking = Asking { definition, inputs, names, requests: Vec::new() };
    asking.packages(wrong);
    asking.files();
    asking.accounts();
    asking.units();
    asking.names();
    asking.commands();
    let inputs: Vec<String> = asking.names.values().map(|i| i.name.value.clone()).collect();
    for name in inputs {
        asking.scope(Capability::Inputs, &name, "a file beside the definition");
    }
    asking.requests.sort();
    asking.requests.dedup();
    asking.requests
}

/// As the steps of `root` say what the system is.
fn family(names: &[&str]) -> Vec<Condition> {
    vec![Condition {
        slot: "dib:os/distribution@1".to_owned(),
        field: "family".to_owned(),
        one_of: names.iter().map(|name| (*name).to_owned()).collect(),
    }]
}

impl Asking<'_> {
    fn scope(&mut self, capability: Capability, scope: &str, reason: &str) {
        self.scope_where(capability, scope, reason, Vec::new());
    }

    fn scope_where(
        &mut self,
        capability: Capability,
        scope: &str,
        reason: &str,
        when: Vec<Condition>,
    ) {
        let capability = capability.name().to_owned();
        let (scope, reason) = (scope.to_owned(), format!("the definition says so: {reason}"));
        self.requests.push(Request { capability, scope, reason, when });
    }

    fn right(&mut self, right: &Right, reason: &str) {
        self.scope(right.capability(), &right.text(), reason);
    }

    fn write(&mut self, path: &str, reason: &str) {
        self.right(&Right::Rootfs(Access::Write, path.to_owned()), reason);
    }

    fn packages(&mut self, wrong: &mut Diagnostics) {
        for package in &self.definition.contents.packages {
            self.scope(Capability::Packages, &package.name, "`packages`");
        }
        for repository in &self.definition.contents.repositories {
            for key in &repository.keys {
                match self.fingerprints(key) {
                    Ok(fingerprints) => self.signed(repository, &fingerprints),
                    Err(diagnostic) => wrong.push(*diagnostic),
                }
            }
        }
    }

    fn signed(&mut self, repository: &StatedRepository, fingerprints: &[String]) {
        for fingerprint in fingerprints {
            let signed = Signed::by(&repository.url, fingerprint);
            self.right(&Right::Repositories(signed), "`[[repositories]]`");
        }
    }

    /// The keys in a file; of one that cannot be read the failure of the input is told.
    fn fingerprints(&self, key: &Spanned<String>) -> Result<Vec<String>, Box<Diagnostic>> {
        let Some(input) = self.names.get(&key.value).and_then(|place| self.inputs.get(&place.name))
        else {
            return Ok(Vec::new());
        };
        let wrong = |why: String| {
            Box::new(
                Diagnostic::new(format!("the key `{}` {why}", key.value))
                    .at(key.location.as_ref())
                    .with_help("it has to be an armoured public key: `gpg --armor --export KEY > FILE` writes one"),
            )
        };
        if !input.manifest().is_file() {
            return Err(wrong("is a folder".to_owned()));
        }
        let content = input.read("", 0, KEY).map_err(|changed| wrong(changed.to_string()))?;
        let text = String::from_utf8(content).map_err(|_| wrong("is no text".to_owned()))?;
        validate::armoured_key(&text).map_err(wrong)?;
        crate::openpgp::fingerprints(&text).map_err(wrong)
    }

    fn files(&mut self) {
        for file in &self.definition.contents.files {
            self.write(&file.path, "`[[files]]`");
            // A link of the tree leads there.
            if MERGED.iter().any(|folder| file.path.starts_with(&format!("{folder}/"))) {
                self.write(&format!("/usr{}", file.path.value), "`[[files]]`");
            }
        }
        if !self.definition.contents.sysctl.is_empty() {
            self.write(SYSCTL, "`[sysctl]`");
        }
        if !self.definition.contents.kernel_arguments.is_empty() {
            self.scope(Capability::Facts, "dib:boot/kernel-argument@1", "`[kernel]`");
        }
    }

    fn accounts(&mut self) {
        let reason = "`[[users]]`";
        for user in &self.definition.contents.users {
            self.scope(Capability::Accounts, &user.name, reason);
            for group in &user.groups {
                self.scope(Capability::Accounts, group, reason);
            }
            let own = format!("/home/{}", user.name.value);
            if let Some(gid) = user.gid {
                self.scope(Capability::Accounts, &gid.to_string(), reason);
            }
            if let Some(home) = user.home.as_ref().filter(|home| !below(&own, home)) {
                self.write(home, reason);
            }
            if user.sudo.as_ref().is_some_and(|sudo| sudo != "none") {
                self.scope(Capability::AccountsSudo, &user.name, reason);
            }
            if user.password.is_some() {
                let parameter = password_of(&user.name);
                self.right(&Right::Secret(SecretUse::Place, parameter.as_str().into()), reason);
            }
        }
    }

    fn units(&mut self) {
        for unit in &self.definition.contents.units {
            if unit.text.is_some() {
                self.scope(Capability::ServicesDefine, &unit.name, "`[[units]]`");
            }
            if unit.state.is_some() {
                self.scope(Capability::Services, &unit.name, "`[[units]]`");
            }
        }
    }

    fn names(&mut self) {
        let contents = &self.definition.contents;
        if contents.hostname.is_some() {
            self.write("/etc/hostname", "`hostname`");
            self.write("/etc/hosts", "`hostname`");
        }
        if contents.timezone.is_some() {
            let reason = "`timezone`";
            self.write("/etc/localtime", reason);
            self.right(&Right::Rootfs(Access::Read, "/usr/share/zoneinfo".to_owned()), reason);
            let debian = || family(&["debian"]);
            self.scope_where(Capability::Rootfs, "write /etc/timezone", reason, debian());
            // zypper's has another name.
            self.scope_where(Capability::Packages, "tzdata", reason, family(&["debian", "fedora"]));
            self.scope_where(Capability::Packages, "timezone", reason, family(&["suse"]));
        }
        if let Some(locale) = &contents.locale {
            let reason = "`locale`";
            let built_in = !locale.needs_package();
            let language = locale.language().to_owned();
            self.scope_where(
                Capability::Rootfs,
                "write /etc/default/locale",
                reason,
                family(&["debian"]),
            );
            self.scope_where(
                Capability::Rootfs,
                "write /etc/locale.conf",
                reason,
                family(&["fedora", "suse"]),
            );
            if !built_in {
                self.scope_where(Capability::Packages, "locales", reason, family(&["debian"]));
                self.scope_where(
                    Capability::Packages,
                    &format!("glibc-langpack-{language}"),
                    reason,
                    family(&["fedora"]),
                );
                self.scope_where(Capability::Packages, "glibc-locale", reason, family(&["suse"]));
            }
        }
    }

    fn commands(&mut self) {
        let reason = "`[[commands]]`";
        for command in &self.definition.contents.commands {
            let program = match &command.program {
                StatedProgram::Run(words) => words.first().cloned(),
                StatedProgram::Script(path) => {
                    self.write(SCRIPTS, "a script runs from there, and is gone then");
                    // What is wrong with it is told where its parameter is made.
                    let said = interpreter(path, &self.names, self.inputs).unwrap_or_default();
                    said.into_iter().next()
                }
            };
            if let Some(program) = program {
                self.right(&Right::Exec(Start::Program(program.as_str().into())), reason);
            }
            if command.network {
                self.right(&Right::Exec(Start::Network), reason);
            }
        }
    }
}
