//! Sources that diskimage-builder's files `source-repository-*` name: git repositories, archives,
//! files. The host fetches them, keeps them, and builds after the first take the same ones.

mod repository;
mod variables;

use std::collections::BTreeMap;

use dibhost_element_sdk::{
    Change, Context as _, Description, Element, Finding, Input, Outcome, Parameters, Phase, Plan,
    Result, Run, Step, Tree, description, export_element,
};

use crate::repository::{Kind, Repository};

/// The element.
#[derive(Parameters)]
pub struct SourceRepositories {
    /// Inputs: files like `source-repository-NAME`, or folders with such files in them.
    #[parameter(default = [])]
    sources: Vec<String>,
    /// Variables of these files, and DIB's that come before what they say:
    /// `{ DIB_REPOREF_ironic = "stable/2025.2" }`.
    #[parameter(json, default = {})]
    environment: BTreeMap<String, String>,
    /// Digests of archives and files by the name of the source, `sha256:…`; without one the first
    /// build says what it is.
    #[parameter(json, default = {})]
    digests: BTreeMap<String, String>,
}

const BEGUN: &str = "source-repository-";

/// What is in the image and where it came from, for whoever looks at it later.
const LIST: &str = "/etc/dib-source-repositories";

const UNPINNED: &str = "a branch, or an archive without a digest, is what `dib.lock` says it was";

impl Element for SourceRepositories {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("inputs", "parameter sources", "the files that name the sources")
            .request("fetch", "*", "the definition's files say from where")
            .request("fetch", "unpinned", UNPINNED)
            .request("rootfs", "write /", "the definition's files say where")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if self.sources.is_empty() {
            plan.find(
                Finding::warning("`source-repositories` fetches nothing: no input is named.")
                    .about("sources")
                    .help("Name inputs of the definition: `[inputs.mine] path = \"elements\"`."),
            );
        }
        let (repositories, problems) = self.read(|name| plan.input(name))?;
        for problem in problems {
            let help = "Correct the file, or set what comes before it in `environment`.";
            plan.find(Finding::refusal(problem).about("sources").help(help));
        }
        for name in self.digests.keys() {
            if !repositories
                .iter()
                .any(|known| known.name == *name && !matches!(known.kind, Kind::Git(_)))
            {
                let message = format!("No archive or file is called `{}`.", name.escape_debug());
                let help = "Name it as its line does; a git repository has its commit as REF.";
                plan.find(Finding::refusal(message).about("digests").help(help));
            }
        }
        for moving in repositories.iter().filter(|repository| repository.moves()) {
            plan.log(format!(
                "`{}` is of a branch or tag: `dib.lock` keeps its commit",
                moving.name
            ));
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let (repositories, problems) = self.read(|name| run.input(name))?;
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem.into());
        }
        if repositories.is_empty() {
            return Ok(Outcome::Done);
        }
        let tree = run.rootfs()?;
        let mut list = String::new();
        for repository in &repositories {
            let Repository { name, destination, location, .. } = repository;
            let fetched = self.fetch(run, &tree, repository);
            fetched.with_context(|| format!("fetching `{name}` for `{destination}`"))?;
            let (kind, reference) = match &repository.kind {
                Kind::Git(reference) => ("git", format!(" {reference}")),
                Kind::Tar(_) => ("tar", String::new()),
                Kind::File => ("file", String::new()),
            };
            list.push_str(&format!("{name} {kind} {destination} {location}{reference}\n"));
        }
        tree.write(LIST, list)?;
        Ok(Outcome::Done)
    }
}

impl SourceRepositories {
    /// What all files say, ordered by input and file; and what is wrong with them.
    fn read(&self, open: impl Fn(&str) -> Result<Input>) -> Result<(Vec<Repository>, Vec<String>)> {
        let (mut repositories, mut problems) = (Vec::<Repository>::new(), Vec::new());
        for source in &self.sources {
            let input = open(source)?;
            let nodes = input.nodes()?;
            let named = |path: &str| {
                path.is_empty()
                    || path.rsplit('/').next().is_some_and(|name| name.starts_with(BEGUN))
            };
            let files: Vec<_> = nodes.iter().filter(|node| named(&node.path)).collect();
            if files.is_empty() {
                problems.push(format!("The input `{source}` has no `{BEGUN}NAME` in it."));
            }
            for file in files {
                let called = [source.as_str(), file.path.as_str()].join("/");
                let called = called.trim_end_matches('/');
                let text = input.read_text(&file.path)?;
                let lines = text.lines().map(str::trim);
                for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    let read = match Repository::parse(line, &self.environment) {
                        Ok(None) => continue,
                        Ok(Some(read)) => read,
                        Err(problem) => {
                            problems.push(format!("`{called}`: {problem}."));
                            continue;
                        }
                    };
                    if let Some(other) =
                        repositories.iter().find(|other| other.destination == read.destination)
                    {
                        problems.push(format!(
                            "`{called}`: `{}` goes to `{}`, where `{}` goes.",
                            read.name, read.destination, other.name
                        ));
                        continue;
                    }
                    repositories.push(read);
                }
            }
        }
        Ok((repositories, problems))
    }

    fn fetch(&self, run: &Run<'_>, tree: &Tree, repository: &Repository) -> Result<()> {
        let Repository { name, destination, location, kind } = repository;
        let above = match kind {
            Kind::File => destination.rsplit_once('/').map_or("", |(above, _)| above),
            _ => destination,
        };
        if !above.is_empty() && !tree.exists(above)? {
            tree.apply([Change::directory(above)])?;
        }
        let blob = match (kind, self.digests.get(name)) {
            (Kind::Git(revision), _) => {
                return tree.unpack(&run.fetch_commit(location, revision)?, destination, 0);
            }
            (_, Some(digest)) => run.fetch(location, digest)?,
            (_, None) => run.fetch_unpinned(location)?,
        };
        match kind {
            Kind::Tar(strip) => tree.unpack(&blob, destination, *strip),
            _ => tree.place(&blob, destination),
        }
    }
}

export_element!(SourceRepositories);
