//! Packages that diskimage-builder's files say: `package-installs.yaml`, and `pkg-map` beside it.
//!
//! An element of DIB's is a folder with these files in it. Such a folder, or one with many, is an
//! input of the definition; what its files say becomes wishes, like those of any element.

mod entry;
mod pkg_map;
mod when;

use std::collections::BTreeMap;

use dib_files::yaml::{self, Node};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Description, Element, Finding, Input, Package, Parameters, Phase, Plan, Result, Step, Want,
    description, export_element,
};

use crate::when::Variables;

/// The element.
#[derive(Parameters)]
pub struct PackageInstalls {
    /// Inputs: files like `package-installs.yaml`, or folders with such files in them.
    #[parameter(default = [])]
    sources: Vec<String>,
    /// Variables that conditions ask for: `{ DIB_FEATURE = "1" }`. `ARCH`, `DISTRO_NAME`,
    /// `DIB_RELEASE` and `DIB_PYTHON_VERSION` are known.
    #[parameter(json, default = {})]
    environment: BTreeMap<String, String>,
}

const PHASES: [Phase; 3] = [Phase::PreInstall, Phase::Install, Phase::PostInstall];
const FILES: [&str; 2] = ["package-installs.yaml", "package-installs.json"];

impl Element for PackageInstalls {
    fn describe() -> Description {
        let described = PHASES.iter().fold(description!(), |described, phase| {
            described.step(Step::planning(*phase).consumes::<Distribution>())
        });
        described
            .request("inputs", "parameter sources", "the files that say which packages")
            .request("packages", "*", "the definition's files say which")
    }

    fn plan(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        let mut wanted: BTreeMap<String, (Want, String)> = BTreeMap::new();
        let mut wrong = Vec::new();
        for source in &self.sources {
            for listed in self.listed(plan, &plan.input(source)?, source, &system)? {
                match listed {
                    Ok((phase, name, want, file)) if phase == plan.phase() => {
                        let before = wanted.get(&name).map(|(want, _)| *want);
                        // What is wanted in the image stays there, whoever needs it for the build.
                        if !(before == Some(Want::Install) && want == Want::BuildOnly) {
                            wanted.insert(name, (want, file));
                        }
                    }
                    Ok(_) => {}
                    Err(problem) => wrong.push(problem),
                }
            }
        }
        // Each step reads all files; the first one tells what is wrong with them.
        if plan.phase() == PHASES[0] {
            if self.sources.is_empty() {
                plan.find(
                    Finding::warning("`package-installs` installs nothing: no input is named.")
                        .about("sources")
                        .help(
                            "Name inputs of the definition: `[inputs.mine] path = \"elements\"`.",
                        ),
                );
            }
            for (message, help) in wrong {
                plan.find(Finding::refusal(message).about("sources").help(help));
            }
        }
        plan.packages(wanted.into_iter().map(|(name, (want, file))| {
            let (name, version) = match name.split_once('=') {
                Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
                None => (name, None),
            };
            let mut package = Package::new(name, format!("`{file}` lists it")).want(want);
            package.version = version;
            package
        }))
    }
}

/// A package, or what is wrong and what to do.
type Listed = std::result::Result<(Phase, String, Want, String), (String, &'static str)>;

const CORRECT: &str = "Correct the file; docs of diskimage-builder's `package-installs` say how.";

impl PackageInstalls {
    /// What all files of an input list.
    fn listed(
        &self,
        plan: &Plan<'_>,
        input: &Input,
        source: &str,
        system: &Distribution,
    ) -> Result<Vec<Listed>> {
        let files = dib_files::named(input, |name| FILES.contains(&name))?;
        if files.is_empty() {
            let message = format!("The input `{source}` has no `{}` in it.", FILES[0]);
            return Ok(vec![Err((
                message,
                "Name the folder of an element of DIB's, or the file.",
            ))]);
        }
        let mut listed = Vec::new();
        for file in files {
            listed.extend(self.of_file(plan, input, source, &file, system)?);
        }
        Ok(listed)
    }

    fn of_file(
        &self,
        plan: &Plan<'_>,
        input: &Input,
        source: &str,
        file: &str,
        system: &Distribution,
    ) -> Result<Vec<Listed>> {
        let called = if file.is_empty() { source.to_owned() } else { format!("{source}/{file}") };
        let refused =
            |called: &str, problem: &str| vec![Err((format!("`{called}`: {problem}."), CORRECT))];
        let arch = plan.machine().arch;
        let entries = match yaml::read(&input.read_text(file)?) {
            Ok(read) => entry::entries(&read, &arch, &self.variables(&arch, system)),
            Err(problem) => return Ok(refused(&called, &problem)),
        };
        let entries = match entries {
            Ok(entries) => entries,
            Err(wrong) => {
                return Ok(wrong.iter().flat_map(|wrong| refused(&called, wrong)).collect());
            }
        };
        // The map of the folder that the file lies in.
        let folder = file.rfind('/').map_or("", |end| &file[..=end]);
        let map_file = format!("{folder}pkg-map");
        let has_map = !file.is_empty() && input.nodes()?.iter().any(|node| node.path == map_file);
        let map = match has_map.then(|| input.read_text(&map_file)).transpose()? {
            None => Node::Null,
            Some(text) => match yaml::read(&text) {
                Ok(map) => map,
                Err(problem) => return Ok(refused(&format!("{source}/{map_file}"), &problem)),
            },
        };
        let mut listed = Vec::new();
        for entry in entries {
            match pkg_map::names(&map, system, &entry.name) {
                Ok(names) => listed.extend(
                    names
                        .into_iter()
                        .map(|name| Ok((entry.phase, name, entry.want, called.clone()))),
                ),
                Err(problem) => {
                    listed.extend(refused(&format!("{source}/{map_file}"), &problem));
                }
            }
        }
        Ok(listed)
    }

    /// What DIB sets by itself, and what the parameter says, which counts.
    fn variables(&self, arch: &str, system: &Distribution) -> Variables {
        let own = [
            ("ARCH", arch),
            ("DIB_INIT_SYSTEM", &system.init),
            ("DIB_PYTHON_VERSION", "3"),
            ("DIB_RELEASE", &system.codename),
            ("DISTRO_NAME", &system.id),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.into_iter().chain(self.environment.clone()).collect()
    }
}

export_element!(PackageInstalls);
