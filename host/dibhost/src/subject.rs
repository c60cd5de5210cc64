//! What a verb is about: a definition in a file, or one that was typed.

use std::path::{Path, PathBuf};

use dibhost_block_device::config::DiskSettings;
use dibhost_block_device::{Backend, Optimise};
use dibhost_definition::{CommandLine, Definition, Format, Spanned};

use crate::cli::Subject;
use crate::failure::Failure;

/// A definition, and where its outputs go.
pub(crate) struct Resolved {
    pub(crate) definition: Definition,
    /// Folder and name without extension.
    pub(crate) stem: PathBuf,
}

/// Reads the definition that was named, or makes one of what was typed.
pub(crate) fn resolve(subject: &Subject) -> Result<Resolved, Failure> {
    match subject.what.as_slice() {
        [file] if Path::new(file).extension().is_some_and(|e| e == "toml") => {
            from_file(file, subject)
        }
        elements => typed(elements, subject),
    }
}

fn from_file(file: &str, subject: &Subject) -> Result<Resolved, Failure> {
    let mut definition = Definition::load(Path::new(file)).map_err(Failure::wrong)?;
    // What was typed beside a definition goes through the same checks as a definition that
    // consists of nothing else.
    let name = definition.image.name.value.clone();
    let output = subject.output.clone().unwrap_or_else(|| PathBuf::from(&name));
    let elements: Vec<_> = definition.image.elements.iter().map(|e| e.value.clone()).collect();
    let over = read(&output, subject, &elements)?;
    let typed_format = output.extension().and_then(|e| e.to_str()).and_then(Format::from_name);
    if subject.formats.is_some() || typed_format.is_some() {
        let kept = subject.formats.is_none();
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
    let typed = over.disks;
    definition.disks.backend = typed.backend.or(definition.disks.backend);
    definition.disks.optimise = typed.optimise.or(definition.disks.optimise);
    let stem = stem(&output, &over.image.name.value);
    Ok(Resolved { definition, stem })
}

fn typed(elements: &[String], subject: &Subject) -> Result<Resolved, Failure> {
    let output = subject.output.clone().unwrap_or_else(|| PathBuf::from("image"));
    let definition = read(&output, subject, elements)?;
    let stem = stem(&output, &definition.image.name.value);
    Ok(Resolved { definition, stem })
}

fn read(output: &Path, subject: &Subject, elements: &[String]) -> Result<Definition, Failure> {
    let disks = DiskSettings {
        backend: subject.backend.map(Backend::from),
        optimise: subject.optimise.map(Optimise::from),
    };
    Definition::from_command_line(&CommandLine {
        output,
        formats: subject.formats.as_deref(),
        arch: subject.arch.as_deref(),
        disks,
        elements,
        base: Path::new("."),
    })
    .map_err(Failure::wrong)
}

fn stem(output: &Path, name: &str) -> PathBuf {
    match output.parent() {
        Some(folder) if folder != Path::new("") => folder.join(name),
        _ => PathBuf::from(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{BackendName, Purpose};

    fn subject(what: &[&str], output: Option<&str>, formats: Option<&str>) -> Subject {
        Subject {
            what: what.iter().map(|w| (*w).to_owned()).collect(),
            output: output.map(PathBuf::from),
            formats: formats.map(str::to_owned),
            arch: None,
            backend: None,
            optimise: None,
        }
    }

    #[test]
    fn what_is_typed_beside_a_definition_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("d.toml");
        let text = "[image]\nname = \"d\"\nelements = [\"debian\"]\nformats = [\"raw\"]\n";
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        for (output, formats, stem, all) in [
            (None, None, "d", vec![Format::Raw]),
            (Some("out/x.qcow2"), None, "out/x", vec![Format::Raw, Format::Qcow2]),
            (Some("out/x"), Some("qcow2"), "out/x", vec![Format::Qcow2]),
        ] {
            let resolved = resolve(&subject(&[file], output, formats)).ok().unwrap();
            assert_eq!(resolved.stem, Path::new(stem));
            assert_eq!(resolved.definition.formats(), all);
            assert_eq!(resolved.definition.image.name.value, "d");
        }
    }

    #[test]
    fn how_disks_are_made_can_be_typed_beside_a_definition() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("d.toml");
        let text = "[image]\nname = \"d\"\nelements = [\"debian\"]\n[disks]\nbackend = \"loop\"\n\
                    optimise = \"size\"\n";
        std::fs::write(&file, text).unwrap();
        let said = |backend, optimise| {
            let subject = subject(&[file.to_str().unwrap()], None, None);
            let disks = resolve(&Subject { backend, optimise, ..subject }).ok().unwrap();
            (disks.definition.disks.backend, disks.definition.disks.optimise)
        };
        assert_eq!(said(None, None), (Some(Backend::Loop), Some(Optimise::Size)));
        let typed = said(Some(BackendName::File), Some(Purpose::Speed));
        assert_eq!(typed, (Some(Backend::File), Some(Optimise::Speed)));
    }

    #[test]
    fn elements_can_be_typed() {
        let resolved = resolve(&subject(&["debian", "vm"], Some("/o/x.raw"), None)).ok().unwrap();
        assert_eq!(resolved.stem, Path::new("/o/x"));
        assert_eq!(resolved.definition.formats(), [Format::Raw]);
    }
}
