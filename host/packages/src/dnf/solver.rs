//! The builder's dnf, asked what to install. It solves; it fetches, installs and configures nothing.

use std::collections::BTreeMap;

use dibhost_sys::{Cancel, Program};
use dibhost_tree::Workshop;

use super::build::Dnf;
use super::question::{Asked, Problem, ProblemKind, Question, Told};
use crate::error::PackageError;
use crate::rpm::database::Database;
use crate::rpm::keys::not_run;
use crate::rpm::resolution::Solution;

/// By dnf's own Python: Debian's, whichever else there is.
const PYTHON: &str = "/usr/bin/python3";
const SOLVE: &str = include_str!("solve.py");

/// Most lines of dnf's that an error repeats.
const SHOWN: usize = 4;

/// What dnf is shown of a tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) database: Database,
    /// Files of `/etc/dnf/modules.d`, by name.
    pub(super) modules: BTreeMap<String, Vec<u8>>,
}

impl Dnf {
    /// Asks dnf. Whoever does holds the lock.
    pub(super) fn ask(
        &self,
        tree: Option<&mut dyn Workshop>,
        asked: &Asked,
        shown: &Shown,
        doing: &str,
        cancel: &Cancel,
    ) -> Result<Solution, PackageError> {
        let desk = self.build.desk(tree)?;
        desk.make("database")?;
        let home = desk.make("home")?;
        desk.make("etc/dnf/modules.d")?;
        for (name, content) in &shown.database.files {
            desk.write(&format!("database/{name}"), content)?;
        }
        for (name, content) in &shown.modules {
            desk.write(&format!("etc/dnf/modules.d/{name}"), content)?;
        }
        // rpm's own place for it differs, and Debian's is the home folder.
        let kind = if shown.database.kind.is_empty() { "sqlite" } else { shown.database.kind };
        let macros = format!("%_dbpath /database\n%_db_backend {kind}\n");
        desk.write("home/.rpmmacros", macros.as_bytes())?;
        let mut asked = asked.clone();
        for offering in &mut asked.repositories {
            if let Some(repository) = self.build.repository(&offering.name) {
                offering.folder = desk.offered(repository)?;
            }
        }
        let question = Question { root: desk.seen.clone(), cache: desk.cache.clone(), of: &asked };
        let text = serde_json::to_vec(&question).map_err(|e| odd(doing, &e.to_string()))?;
        let script = desk.write("solve.py", SOLVE.as_bytes())?;
        let file = desk.write("question.json", &text)?;
        let program = Program::new(PYTHON).arg("-I").arg(script).arg(file).env("HOME", home);
        let said = desk.run(&program, cancel).map_err(|error| not_solved(error, doing))?;
        let Told { solution, problem } =
            serde_json::from_slice(&said.stdout).map_err(|e| odd(doing, &e.to_string()))?;
        match problem {
            Some(problem) => Err(explain(&problem, doing)),
            None => Ok(solution),
        }
    }
}

fn odd(doing: &str, why: &str) -> PackageError {
    PackageError::Rpm {
        doing: doing.to_owned(),
        detail: format!("dnf's answer is none that is understood: {why}"),
    }
}

fn not_solved(error: dibhost_sys::ProgramError, doing: &str) -> PackageError {
    let text = error.to_string();
    if text.contains("No module named 'dnf'") {
        return PackageError::Rpm {
            doing: doing.to_owned(),
            detail: "this machine has no dnf; install the Debian package `dnf`".to_owned(),
        };
    }
    not_run(error, doing, "dnf")
}

/// What cannot be had, and what to do.
fn explain(problem: &Problem, doing: &str) -> PackageError {
    let Problem { kind, what } = problem;
    PackageError::Unresolvable(match kind {
        ProblemKind::Package => format!(
            "no repository has a package `{what}`; see whether the name and the release are right, and whether it belongs to a module that is not enabled"
        ),
        ProblemKind::Version => format!("no repository has the package `{what}`"),
        ProblemKind::Module => format!("no repository has the module `{what}`"),
        ProblemKind::Group => format!("no repository has the group of packages `{what}`"),
        ProblemKind::Unsolvable => {
            format!("the packages cannot be installed together ({})", condensed(what))
        }
        ProblemKind::Repository => {
            return PackageError::Rpm { doing: doing.to_owned(), detail: condensed(what) };
        }
    })
}

/// dnf's lines without its bullets; what says nothing is left out.
fn condensed(said: &str) -> String {
    let line = |line: &str| {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("Problem: ").trim();
        (!line.is_empty() && line != "conflicting requests").then(|| line.to_owned())
    };
    said.lines().filter_map(line).take(SHOWN).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_is_missing_and_who_wants_it() {
        let what = "\n Problem: package a-1-1.noarch requires b, but none of the providers can be installed\n  \
                    - conflicting requests\n  - nothing provides c needed by b-1-1.noarch";
        let problem = Problem { kind: ProblemKind::Unsolvable, what: what.to_owned() };
        assert_eq!(
            explain(&problem, "x").to_string(),
            "the packages cannot be installed together (package a-1-1.noarch requires b, but none of the providers can be installed; nothing provides c needed by b-1-1.noarch)"
        );
    }
}
