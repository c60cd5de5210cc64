//! What a verb is about: a definition in a file, or one that was typed, and what was typed beside
//! it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dibhost_block_device::config::DiskSettings;
use dibhost_block_device::{Backend, Optimise};
use dibhost_definition::{
    Additions, Chosen, CommandLine, Definition, DibSurroundings, Format, Spanned, Typed,
};
use dibhost_dib::words::{
    DibGiven, DibRemark, DibRequest, Environment, Fate, Here, element, not_obeyed, option, request,
};
use dibhost_engine::{Event, Level};
use dibhost_plan::planner::Planner;
use dibhost_plan::{Texts, set_typed};

use crate::cli::{ElementOptions, Subject, SubjectOptions};
use crate::failure::Failure;
use crate::report::Reporter;
use crate::surroundings;

/// Puts what a definition names of registries at hand, before an element is asked for.
pub(crate) type Fill<'a> = &'a dyn Fn(&Definition) -> Result<(), Failure>;

/// A definition, and where its outputs go.
pub(crate) struct Resolved {
    pub(crate) definition: Definition,
    /// Folder and name without extension.
    pub(crate) stem: PathBuf,
    /// What was typed.
    pub(crate) typed: Typed,
}

/// What was typed and set, with what DIB's words in it come to.
pub(crate) struct Asked<'a> {
    what: &'a [String],
    options: &'a SubjectOptions,
    environment: Environment,
    request: DibRequest,
    /// The definition's file; none: elements were typed.
    file: Option<&'a Path>,
}

impl<'a> Asked<'a> {
    /// Takes what was typed together with the variables of the environment, of which a definition
    /// obeys none; tells what becomes of each.
    pub(crate) fn of(subject: &'a Subject, reporter: &Reporter) -> Result<Self, Failure> {
        Self::with(&subject.what, &subject.options, &environment(), reporter)
    }

    /// The same with other variables than the environment's.
    pub(crate) fn with(
        what: &'a [String],
        options: &'a SubjectOptions,
        variables: &BTreeMap<String, String>,
        reporter: &Reporter,
    ) -> Result<Self, Failure> {
        let file = match what {
            [file] if Path::new(file).extension().is_some_and(|e| e == "toml") => {
                Some(Path::new(file.as_str()))
            }
            _ => None,
        };
        let typed = given(options);
        let clear = typed.iter().any(|given| given.option.id() == "c");
        let mut environment = Environment::default();
        if file.is_some() {
            let set = variables.iter().filter(|(_, value)| !value.is_empty());
            let remark = not_obeyed(set.map(|(name, _)| name.as_str()));
            environment.remarks.extend(remark.map(DibRemark::warned));
        } else if !clear {
            environment = Environment::of(variables, &typed);
        }
        let all: Vec<DibGiven> = environment.given.iter().cloned().chain(typed).collect();
        let kind = environment.aliases.iter().find(|(name, _)| name == "FS_TYPE");
        let kind = kind.map_or("ext4", |(_, kind)| kind.as_str());
        let request = request(&all, kind).map_err(|refused| {
            Failure::Wrong(refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        reporter.also(request.verbose, request.logfile.as_deref().map(Path::new))?;
        tell(&environment.remarks, reporter);
        tell(&request.remarks, reporter);
        Ok(Self { what, options, environment, request, file })
    }

    /// Where elements are, and how they run.
    pub(crate) fn elements(&self, options: &ElementOptions) -> ElementOptions {
        let cache = self.request.cache.as_ref().map(PathBuf::from);
        ElementOptions { cache: options.cache.clone().or(cache), ..options.clone() }
    }

    /// No memory for the tree that is being built.
    pub(crate) fn no_tmpfs(&self) -> bool {
        self.request.no_tmpfs
    }

    /// Reads the definition that was named, or makes one of what was typed.
    pub(crate) fn resolve(
        &self,
        library: &dyn Planner,
        fill: Fill<'_>,
        reporter: &Reporter,
    ) -> Result<Resolved, Failure> {
        match self.file {
            Some(file) => self.of_file(file, library, fill, reporter),
            None => self.typed(library, fill, reporter),
        }
    }

    fn of_file(
        &self,
        file: &Path,
        library: &dyn Planner,
        fill: Fill<'_>,
        reporter: &Reporter,
    ) -> Result<Resolved, Failure> {
        let mut typed = Typed::default();
        typed.merge(&self.request.definition);
        self.content(&mut typed)?;
        let folder = std::env::current_dir().map_err(Failure::failed)?;
        let load = |typed: &Typed| {
            let variant = self.options.variant.as_deref();
            let typed = (!typed.is_empty()).then_some(typed);
            let chosen = Chosen { variant, typed, folder: Some(&folder) };
            Definition::load_chosen(file, chosen).map_err(Failure::wrong)
        };
        let mut definition = load(&typed)?;
        fill(&definition)?;
        if !self.options.settings.is_empty() {
            self.settings(&definition, library, &mut typed, reporter)?;
            definition = load(&typed)?;
            fill(&definition)?;
        }
        // What was typed beside a definition goes through the same checks as a definition that
        // consists of nothing else.
        let name = definition.image.name.value.clone();
        let output = self.request.output.as_ref().map_or(PathBuf::from(&name), PathBuf::from);
        let elements: Vec<_> = definition.image.elements.iter().map(|e| e.value.clone()).collect();
        let over = self.line(&output, &elements).typed().map_err(Failure::wrong)?;
        let over = Definition::of_typed(&over, Path::new(".")).map_err(Failure::wrong)?;
        let file_name = output.file_name().and_then(|name| name.to_str());
        let typed_format = file_name.and_then(Format::of_file_name);
        if self.request.formats.is_some() || typed_format.is_some() {
            let kept = self.request.formats.is_none();
            let mut formats: Vec<Spanned<Format>> =
                if kept { definition.image.formats } else { Vec::new() };
            for format in over.image.formats {
                if !formats.iter().any(|f| f.value == format.value) {
                    formats.push(format);
                }
            }
            definition.image.formats = formats;
        }
        if over.image.arch.is_some() {
            definition.image.arch = over.image.arch;
        }
        definition.disks.backend = over.disks.backend.or(definition.disks.backend);
        definition.disks.optimise = over.disks.optimise.or(definition.disks.optimise);
        let stem = stem(&output, &over.image.name.value);
        Ok(Resolved { definition, stem, typed })
    }

    fn typed(
        &self,
        library: &dyn Planner,
        fill: Fill<'_>,
        reporter: &Reporter,
    ) -> Result<Resolved, Failure> {
        let output = PathBuf::from(self.request.output.as_deref().unwrap_or("image"));
        let Elements { names, devuser } = elements(self.what, library, reporter);
        let mut typed = self.line(&output, &names).typed().map_err(Failure::wrong)?;
        typed.merge(&self.request.definition);
        let builder_keys = surroundings::builder().authorized_keys;
        let around = DibSurroundings { elements: &names, devuser, builder_keys: &builder_keys };
        let remarks = typed.obey(&self.environment.keys, around).map_err(Failure::wrong)?;
        tell(&remarks, reporter);
        self.content(&mut typed)?;
        let here = Path::new(".");
        let definition = Definition::of_typed(&typed, here).map_err(Failure::wrong)?;
        fill(&definition)?;
        self.settings(&definition, library, &mut typed, reporter)?;
        let definition = Definition::of_typed(&typed, here).map_err(Failure::wrong)?;
        fill(&definition)?;
        if self.options.variant.is_some() {
            return Err(Failure::wrong(
                "`--variant` names a variant of a definition, and elements were typed\n  help: name \
                 a definition, as `image.toml`, or leave it out",
            ));
        }
        let stem = stem(&output, &definition.image.name.value);
        Ok(Resolved { definition, stem, typed })
    }

    fn line<'l>(&'l self, output: &'l Path, elements: &'l [String]) -> CommandLine<'l> {
        CommandLine {
            output,
            formats: self.request.formats.as_deref(),
            arch: self.request.arch.as_deref(),
            disks: DiskSettings {
                backend: self.options.backend.map(Backend::from),
                optimise: self.options.optimise.map(Optimise::from),
            },
            elements,
            base: Path::new("."),
        }
    }

    /// What was typed of the image's content.
    fn content(&self, typed: &mut Typed) -> Result<(), Failure> {
        let options = self.options;
        let builder_keys = match options.users.is_empty() {
            true => Vec::new(),
            false => surroundings::builder().authorized_keys,
        };
        let additions = Additions {
            packages: &self.request.packages,
            files: &options.files,
            commands: &options.commands,
            users: &options.users,
            secrets: &options.secrets,
            size: options.size.as_deref(),
            builder_keys: &builder_keys,
        };
        typed.add_content(&additions).map_err(Failure::wrong)
    }

    fn settings(
        &self,
        definition: &Definition,
        library: &dyn Planner,
        typed: &mut Typed,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let (variables, settings) = (&self.environment.aliases, &self.options.settings);
        let texts = Texts { variables, settings };
        let remarks = set_typed(definition, library, texts, typed).map_err(Failure::wrong)?;
        tell(&remarks, reporter);
        Ok(())
    }
}

/// The variables of the environment; what is no text is nobody's of these.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// The options of DIB's that were typed, those among them that the program has itself.
fn given(options: &SubjectOptions) -> Vec<DibGiven> {
    let output = options.output.as_ref().map(|path| path.display().to_string());
    let own = [("o", output), ("t", options.formats.clone()), ("a", options.arch.clone())];
    let packages = options.packages.iter().map(|list| ("p", Some(list.clone())));
    let own = own.into_iter().chain(packages).filter_map(|(id, value)| {
        let option = option(id)?;
        Some(DibGiven { option, value: value?, by: option.typed() })
    });
    own.chain(options.dib.given.iter().cloned()).collect()
}

/// Elements that were typed.
struct Elements {
    names: Vec<String>,
    /// DIB's `devuser` was among them: a user of the definition's.
    devuser: bool,
}

/// Elements by the names that they have here; what DIB's come to is told.
fn elements(typed: &[String], library: &dyn Planner, reporter: &Reporter) -> Elements {
    let known = library.known_names();
    let mut elements = Elements { names: Vec::new(), devuser: false };
    let mut remarks = Vec::new();
    for name in typed {
        // Where `devuser` is typed, variables describe whom it makes: an element would not see them.
        let here = element(name).map(|element| element.here);
        let here = here.filter(|here| !known.contains(name) || matches!(here, Here::User));
        match here {
            Some(Here::Is(other)) => {
                remarks.push(DibRemark::told(format!("`{name}` is `{other}` here")));
                if !elements.names.iter().any(|name| name == other) {
                    elements.names.push(other.to_owned());
                }
            }
            Some(Here::User) => elements.devuser = true,
            Some(Here::Fate(Fate::Nothing(why))) => {
                remarks.push(DibRemark::told(format!("`{name}` is left out: {why}")));
            }
            // What cannot be done is refused when elements are looked for.
            _ => elements.names.push(name.clone()),
        }
    }
    tell(&remarks, reporter);
    elements
}

fn tell(remarks: &[DibRemark], reporter: &Reporter) {
    for remark in remarks {
        let level = if remark.warns { Level::Warning } else { Level::Info };
        let source = "diskimage-builder's words".to_owned();
        reporter.event(&Event::Line { level, source, text: remark.text.clone() });
    }
}

fn stem(output: &Path, name: &str) -> PathBuf {
    match output.parent() {
        Some(folder) if folder != Path::new("") => folder.join(name),
        _ => PathBuf::from(name),
    }
}

#[cfg(test)]
mod tests;
