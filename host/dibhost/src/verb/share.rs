//! `dibhost element push|pull|tags|copy|save|load`: elements in registries.

use std::io::Write as _;
use std::path::Path;

use dibhost_element::{Library, interfaces};
use dibhost_registry::oci::{
    Bundles, Element, ElementStore, Form, MOST_COMPONENT, Pointer, Pulled, Reference, Registries,
    Registry, Repository, SCHEME, StoreError, is_tag, layout,
};
use dibhost_registry::trust::Policy;
use dibhost_sys::read_regular;
use dibhost_text::harmless;
use semver::Version;
use serde_json::json;

use super::share_told::Told;
use crate::cli::{
    CopyArgs, DataFormat, LoadArgs, PullArgs, PushArgs, SaveArgs, ShareVerb, TagsArgs,
};
use crate::failure::Failure;
use crate::registries::{of_registry, of_store, open_store, registries};
use crate::report::Reporter;
use crate::trust;

/// One of the verbs.
pub(crate) fn run(verb: &ShareVerb, reporter: &Reporter) -> Result<(), Failure> {
    match verb {
        ShareVerb::Push(args) => push(args),
        ShareVerb::Pull(args) => pull(args, reporter),
        ShareVerb::Tags(args) => tags(args),
        ShareVerb::Copy(args) => copy(args),
        ShareVerb::Save(args) => save(args, reporter),
        ShareVerb::Load(args) => load(args),
    }
}

fn push(args: &PushArgs) -> Result<(), Failure> {
    let library = super::library(&args.elements)?;
    let shown = args.file.display();
    let component = read_regular(&args.file, MOST_COMPONENT)
        .map_err(|e| Failure::wrong(format!("reading `{shown}`: {e}")))?;
    let found = library.inspect_component(&component, &args.file).map_err(super::wrong_element)?;
    let names = interfaces(&component).map_err(super::wrong_element)?;
    let description = &found.description;
    let tag = match &args.to.pointer {
        Some(Pointer::Tag(tag)) => tag.clone(),
        None if is_tag(&description.version) => description.version.clone(),
        None => {
            return Err(Failure::wrong(format!(
                "the version `{}` of `{}` makes no tag\n  help: say one: `{}:TAG`",
                harmless(&description.version, 130),
                description.name,
                args.to
            )));
        }
        Some(Pointer::Digest(_)) => {
            return Err(Failure::wrong(format!(
                "`{}` names a digest, which what is pushed has by itself\n  help: say a tag, or nothing: \
                 the version is the tag then",
                args.to
            )));
        }
    };
    // A version has one name; `latest` and its like are nobody's version.
    if Version::parse(&tag).is_ok() && tag != description.version {
        return Err(Failure::wrong(format!(
            "the tag `{tag}` is a version, and `{}` is version `{}`\n  help: leave the tag out, or give \
             the element that version",
            description.name, description.version
        )));
    }
    let element = Element {
        name: description.name.clone(),
        version: description.version.clone(),
        license: description.license.clone(),
        summary: description.summary.clone(),
        imports: names.imports,
        exports: names.exports,
        component,
        created: super::said_epoch()?.unwrap_or(0),
    };
    let repository = &args.to.repository;
    let registry = registries(&args.registries).of(repository).map_err(of_registry)?;
    let pushed =
        registry.push_element(repository, &tag, &element, args.replace).map_err(of_registry)?;
    if args.format == DataFormat::Json {
        return super::show_json(&json!({
            "name": element.name,
            "version": element.version,
            "repository": repository.to_string(),
            "tag": tag,
            "manifest-digest": pushed.manifest.digest,
            "component-digest": pushed.component,
            "was-there": pushed.was_there,
            "empty-config": pushed.form == Form::EmptyConfig,
        }));
    }
    let there = if pushed.was_there { " was there already" } else { "" };
    let form = match pushed.form {
        Form::Wasm => "",
        Form::EmptyConfig => "  (with the empty configuration: the registry takes no other)\n",
    };
    super::show(&format!(
        "{} {}{there}: oci://{repository}:{tag}\n  manifest   {}\n  component  {}\n{form}",
        element.name, element.version, pushed.manifest.digest, pushed.component
    ))
}

fn pull(args: &PullArgs, reporter: &Reporter) -> Result<(), Failure> {
    let registries = registries(&args.registries);
    let library = super::library(&args.elements)?;
    let store = open_store(&args.elements)?;
    let (policy, _) = trust::policy(&args.elements)?;
    let (told, component) = take(&registries, &store, &library, &policy, &args.from, reporter)?;
    if let Some(output) = &args.output {
        write_whole(output, |file| file.write_all(&component))?;
    }
    match args.format {
        DataFormat::Json => super::show_json(&told.json()),
        DataFormat::Text => super::show(&told.text()),
    }
}

/// Pulls an element into the store, unless it is there; what it is, and its bytes.
fn take(
    registries: &Registries,
    store: &ElementStore,
    library: &Library,
    policy: &Policy,
    from: &Reference,
    reporter: &Reporter,
) -> Result<(Told, Vec<u8>), Failure> {
    let repository = &from.repository;
    if let Some(Pointer::Digest(digest)) = &from.pointer {
        match store.parts(repository, digest) {
            Ok(Some((pulled, bundles))) => {
                let found = Bundles { bundles, unusable: Vec::new() };
                let told = settle(store, library, policy, repository, &pulled, &found)?;
                return Ok((told, pulled.component));
            }
            Ok(None) => {}
            // It is gone, and comes anew.
            Err(spoilt @ StoreError::Spoilt { .. }) => {
                reporter.advice("the cache was changed", &[spoilt.to_string()]);
            }
            Err(error) => return Err(of_store(error)),
        }
    }
    let registry = registries.of(repository).map_err(of_registry)?;
    let pointer = match &from.pointer {
        Some(pointer) => pointer.clone(),
        None => Pointer::Tag(highest(&registry, repository)?),
    };
    let pulled = registry.pull_element(repository, &pointer).map_err(of_registry)?;
    let found = crate::stock::signatures(&registry, repository, &pulled.manifest.digest)?;
    let told = settle(store, library, policy, repository, &pulled, &found)?;
    Ok((told, pulled.component))
}

/// Looks at what came, and keeps it: first whether it is trusted, then what it says of itself.
fn settle(
    store: &ElementStore,
    library: &Library,
    policy: &Policy,
    repository: &Repository,
    pulled: &Pulled,
    found: &Bundles,
) -> Result<Told, Failure> {
    trusted(policy, repository, pulled, &found.bundles)?;
    let shown = format!("oci://{repository}@{}", pulled.manifest.digest);
    let is =
        library.inspect_component(&pulled.component, Path::new(&shown)).map_err(super::said)?;
    let version = &is.description.version;
    let tag = pulled.tag.as_ref().filter(|tag| Version::parse(tag).is_ok());
    if let Some(said) = tag.or(pulled.version.as_ref()).filter(|said| *said != version) {
        return Err(Failure::failed(format!(
            "`{shown}` is called version `{}` there, and says itself that it is `{}`: it is not used\n  \
             help: ask its publisher; it may be an older version under the name of a newer one",
            harmless(said, 130),
            harmless(version, 130)
        )));
    }
    let told = Told::new(store, library, repository, pulled, found, is)?;
    store.keep(repository, pulled, &found.bundles).map_err(of_store)?;
    Ok(told)
}

/// Whether an element may be used at all: the one place where the policy is asked, before anything of
/// the component is compiled, run or kept.
fn trusted(
    policy: &Policy,
    repository: &Repository,
    pulled: &Pulled,
    bundles: &[Vec<u8>],
) -> Result<(), Failure> {
    let shown = format!("oci://{repository}@{}", pulled.manifest.digest);
    let refused = |error| trust::refused(&shown, &error);
    let name = format!("{SCHEME}{repository}");
    let verdict =
        trust::decide(policy, &name, &pulled.manifest.digest, bundles).map_err(refused)?;
    let version = pulled.tag.as_ref().filter(|tag| Version::parse(tag).is_ok());
    match &verdict.claim {
        Some(signed) => signed
            .is_of(repository.last(), version.map(String::as_str), &pulled.component_digest)
            .map_err(refused),
        None => Ok(()),
    }
}

/// The highest version of a repository, and no preview where there is another one.
fn highest(registry: &Registry, repository: &Repository) -> Result<String, Failure> {
    let tags = registry.tags(repository).map_err(of_registry)?;
    let mut versions: Vec<Version> = tags.iter().filter_map(|t| Version::parse(t).ok()).collect();
    versions.sort_by(|a, b| (a.pre.is_empty(), a).cmp(&(b.pre.is_empty(), b)));
    let highest = versions.last().map(ToString::to_string);
    highest.ok_or_else(|| {
        Failure::failed(format!(
            "`{repository}` has no tag that is a version\n  help: say a tag: `dibhost element tags \
             oci://{repository}` lists them"
        ))
    })
}

fn tags(args: &TagsArgs) -> Result<(), Failure> {
    let repository = &args.of.repository;
    if args.of.pointer.is_some() {
        return Err(Failure::wrong(format!(
            "`{}` names one version, and all are listed\n  help: leave out what comes after the repository",
            args.of
        )));
    }
    let registry = registries(&args.registries).of(repository).map_err(of_registry)?;
    let mut tags = registry.tags(repository).map_err(of_registry)?;
    // What stands in for the referrers API is no version.
    tags.retain(|tag| !tag.starts_with("sha256-"));
    tags.sort_by_cached_key(|tag| {
        let version = Version::parse(tag).ok();
        (version.is_none(), version, tag.clone())
    });
    match args.format {
        DataFormat::Json => super::show_json(&tags),
        DataFormat::Text => {
            super::show(&tags.iter().map(|tag| format!("{tag}\n")).collect::<String>())
        }
    }
}

fn copy(args: &CopyArgs) -> Result<(), Failure> {
    let registries = registries(&args.registries);
    let (from, to) = (&args.from.repository, &args.to.repository);
    let source = registries.of(from).map_err(of_registry)?;
    let target = registries.of(to).map_err(of_registry)?;
    let pointer = match &args.from.pointer {
        Some(pointer) => pointer.clone(),
        None => Pointer::Tag(highest(&source, from)?),
    };
    let tag = match (&args.to.pointer, &pointer) {
        (Some(Pointer::Digest(_)), _) => {
            return Err(Failure::wrong(format!(
                "`{}` names a digest, which a copy has by itself\n  help: say a tag, or nothing",
                args.to
            )));
        }
        (Some(Pointer::Tag(tag)), _) | (None, Pointer::Tag(tag)) => Some(tag.as_str()),
        (None, Pointer::Digest(_)) => None,
    };
    let copied = source
        .copy_element((from, &pointer), &target, (to, tag), args.replace)
        .map_err(of_registry)?;
    if args.format == DataFormat::Json {
        return super::show_json(&json!({
            "from": from.to_string(),
            "to": to.to_string(),
            "tag": tag,
            "manifest-digest": copied.manifest,
            "referrers": copied.referrers,
        }));
    }
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    super::show(&format!(
        "oci://{to}{tag}\n  manifest    {}\n  signatures and the like  {}\n",
        copied.manifest, copied.referrers
    ))
}

fn save(args: &SaveArgs, reporter: &Reporter) -> Result<(), Failure> {
    let registries = registries(&args.registries);
    let library = super::library(&args.elements)?;
    let store = open_store(&args.elements)?;
    let (policy, _) = trust::policy(&args.elements)?;
    let mut carried = Vec::new();
    for from in &args.elements_of {
        let (told, _) = take(&registries, &store, &library, &policy, from, reporter)?;
        let parts = store.parts(&from.repository, &told.manifest).map_err(of_store)?;
        let Some((mut pulled, bundles)) = parts else {
            return Err(Failure::failed(format!(
                "`{from}` was pulled and is gone again\n  help: somebody empties the cache: try again"
            )));
        };
        pulled.tag = match &from.pointer {
            Some(Pointer::Tag(tag)) => Some(tag.clone()),
            _ => None,
        };
        carried.push(layout::Carried { repository: from.repository.clone(), pulled, bundles });
    }
    write_whole(&args.output, |file| layout::write(&carried, file))?;
    let word = if carried.len() == 1 { "element" } else { "elements" };
    super::show(&format!("{}: {} {word}\n", args.output.display(), carried.len()))
}

fn load(args: &LoadArgs) -> Result<(), Failure> {
    let library = super::library(&args.elements)?;
    let store = open_store(&args.elements)?;
    let (policy, _) = trust::policy(&args.elements)?;
    let shown = args.file.display();
    let reading = |why: String| Failure::wrong(format!("reading `{shown}`: {why}"));
    let is_file = std::fs::metadata(&args.file).map_err(|e| reading(e.to_string()))?.is_file();
    if !is_file {
        return Err(reading("it is no regular file".to_owned()));
    }
    let mut file = std::fs::File::open(&args.file).map_err(|e| reading(e.to_string()))?;
    let otherwise = args.repository.as_ref().map(|reference| &reference.repository);
    let carried = layout::read(&mut file, otherwise)
        .map_err(|error| Failure::failed(format!("`{shown}` is not loaded: {error}")))?;
    let mut told = Vec::new();
    for layout::Carried { repository, pulled, bundles } in carried {
        let found = Bundles { bundles, unusable: Vec::new() };
        told.push(settle(&store, &library, &policy, &repository, &pulled, &found)?);
    }
    match args.format {
        DataFormat::Json => super::show_json(&told.iter().map(Told::json).collect::<Vec<_>>()),
        DataFormat::Text => super::show(&told.iter().map(Told::text).collect::<String>()),
    }
}

/// Writes a file that is there whole, or as it was before.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let put = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        write(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    put().map_err(|e| Failure::failed(format!("writing `{}`: {e}", path.display())))
}
