//! `dibhost element new|build|test|check|watch|sdk`: for who writes elements.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_author::{
    AuthorError, NewProject, Project, Sdk, Watch, build, new_project, parts, test, unpack_kit,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::author_check::{Finding, Weight, check};
use crate::cli::{AuthorVerb, CheckArgs, DataFormat, NewArgs, ProjectArgs, WatchArgs};
use crate::failure::Failure;
use crate::report::Reporter;
use crate::surroundings;

/// How often files are looked at: sooner than a person notices, and seldom enough to cost nothing.
const LOOK: Duration = Duration::from_millis(300);

/// The most bytes of a component that is looked at: more than a host loads.
const LARGEST: u64 = 256 << 20;

pub(crate) fn run(verb: &AuthorVerb, reporter: &Reporter) -> Result<(), Failure> {
    match verb {
        AuthorVerb::New(args) => new(args),
        AuthorVerb::Build(args) => {
            let project = open(&args.project)?;
            let into = args.out.clone().unwrap_or_else(|| project.folder.clone());
            built(&project, &into, &cache(&args.project), reporter)
        }
        AuthorVerb::Test(args) => tested(&open(args)?, &cache(args), reporter),
        AuthorVerb::Check(args) => checked(args),
        AuthorVerb::Watch(args) => watch(args, reporter),
        AuthorVerb::Sdk { folder } => unpack_kit("", folder).map_err(failure),
    }
}

fn failure(error: AuthorError) -> Failure {
    match error.wrong {
        true => Failure::wrong(error),
        false => Failure::failed(error),
    }
}

fn cache(args: &ProjectArgs) -> PathBuf {
    surroundings::cache_of(args.cache.as_ref())
}

fn open(args: &ProjectArgs) -> Result<Project, Failure> {
    Project::open(&args.project).map_err(failure)
}

fn new(args: &NewArgs) -> Result<(), Failure> {
    let sdk = args.sdk.as_deref().map_or(Ok(Sdk::Own), Sdk::parse).map_err(failure)?;
    let wanted = NewProject {
        name: &args.name,
        language: args.lang.into(),
        kind: args.kind.into(),
        sdk: &sdk,
        into: Path::new("."),
    };
    new_project(&wanted).map_err(failure)?;
    let name = &args.name;
    super::show(&format!(
        "{name}: a project, with a test that passes\nnext:\n  cd {name}\n  dibhost element test\n  dibhost element build\n  dibhost element check {name}.wasm\n"
    ))
}

fn built(project: &Project, into: &Path, cache: &Path, reporter: &Reporter) -> Result<(), Failure> {
    std::fs::create_dir_all(into)
        .map_err(|e| Failure::failed(format!("making `{}`: {e}", into.display())))?;
    let made = build(project, into, cache, &mut |line| reporter.tool(line)).map_err(failure)?;
    let digest: String = Sha256::digest(&made.bytes).iter().map(|b| format!("{b:02x}")).collect();
    let size = dibhost_text::readable_size(made.bytes.len() as u64);
    let mut text = format!("{}  {size}  sha256:{digest}\n", made.file.display());
    for note in &made.notes {
        let _ = writeln!(text, "note: {note}");
    }
    super::show(&text)
}

fn tested(project: &Project, cache: &Path, reporter: &Reporter) -> Result<(), Failure> {
    test(project, cache, &mut |line| reporter.tool(line)).map_err(failure)?;
    super::show(&format!("{}: its tests pass\n", project.name))
}

fn checked(args: &CheckArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let about = std::fs::metadata(&args.file).map_err(|e| {
        Failure::wrong(format!(
            "reading `{shown}`: {e}\n  help: name a component, as `dibhost element build` makes it"
        ))
    })?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(Failure::wrong(format!(
            "`{shown}` is no component\n  help: name a file of at most {}",
            dibhost_text::readable_size(LARGEST)
        )));
    }
    let bytes = std::fs::read(&args.file)
        .map_err(|e| Failure::failed(format!("reading `{shown}`: {e}")))?;
    let parts = parts(&bytes).map_err(failure)?;
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    // A path: a bare name would mean one of the folders of elements.
    let path = Path::new(".").join(&args.file);
    let inspected =
        super::library(&args.elements)?.inspect(&path.to_string_lossy(), Path::new("."));
    let described = inspected.as_ref().ok().map(|found| &*found.description);
    let mut found = check(&file, bytes.len(), &parts, described);
    // What the host says, unless it was found already, in the author's words.
    if let Err(refused) = inspected
        && !found.iter().any(|finding| finding.weight == Weight::Error)
    {
        let help = refused.help.clone().unwrap_or_else(|| "mend it, and build it again".to_owned());
        found.insert(0, Finding { weight: Weight::Error, message: refused.message.clone(), help });
    }
    super::show(&match args.format {
        DataFormat::Text => as_text(&found, &file),
        DataFormat::Json => as_json(&found),
    })?;
    let errors = found.iter().filter(|finding| finding.weight == Weight::Error).count();
    match errors {
        0 => Ok(()),
        1 => Err(Failure::failed(format!("a host would refuse `{shown}`: one error"))),
        many => Err(Failure::failed(format!("a host would refuse `{shown}`: {many} errors"))),
    }
}

fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
    }
}

fn as_text(found: &[Finding], file: &str) -> String {
    if found.is_empty() {
        return format!("{file}: nothing to mend\n");
    }
    found.iter().fold(String::new(), |mut text, finding| {
        let _ = writeln!(
            text,
            "{}: {}\n  help: {}",
            word(finding.weight),
            finding.message,
            finding.help
        );
        text
    })
}

fn as_json(found: &[Finding]) -> String {
    let all: Vec<_> = found
        .iter()
        .map(|f| json!({ "weight": word(f.weight), "message": f.message, "help": f.help }))
        .collect();
    format!("{:#}\n", serde_json::Value::from(all))
}

/// Tests and builds, again and again. A failure is told and waited on: its author is about to mend it.
fn watch(args: &WatchArgs, reporter: &Reporter) -> Result<(), Failure> {
    let project = open(&args.project)?;
    let cache = cache(&args.project);
    let once = |project: &Project| {
        tested(project, &cache, reporter)?;
        built(project, &project.folder, &cache, reporter)
    };
    if args.once {
        return once(&project);
    }
    let cancel = dibhost_sys::Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    let mut watch = Watch::new(&project.folder);
    loop {
        // It may be what changed that says what the project is.
        let ended = Project::open(&project.folder).map_err(failure).and_then(|p| once(&p));
        if let Err(error) = ended {
            reporter.failure(error.message());
        }
        let changed = loop {
            if cancel.is_cancelled() {
                return Ok(());
            }
            if let Some(path) = watch.changed() {
                break path;
            }
            std::thread::sleep(LOOK);
        };
        reporter.write(&format!("{} changed", changed.display()));
    }
}
