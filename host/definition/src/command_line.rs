//! A definition from a command line, as users of `disk-image-create` type it.

use std::collections::BTreeMap;
use std::path::Path;

use dibhost_block_device::config::DiskSettings;
use dibhost_image::{Format, Qcow2Compression};

use crate::contents::Contents;
use crate::definition::{Definition, ImageSection, RootFilesystem, Trust};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::limit::LimitSettings;
use crate::location::Spanned;
use crate::parse::{check_arch, check_format, check_image_name};

/// `dibhost build -o out.qcow2 [-t raw,qcow2] [-a arch] element…`
#[derive(Debug, Clone, Copy)]
pub struct CommandLine<'a> {
    /// `-o`: an extension that is a format is one of the formats, and no part of the name.
    pub output: &'a Path,
    /// `-t`: formats with commas between them.
    pub formats: Option<&'a str>,
    /// `-a`.
    pub arch: Option<&'a str>,
    /// `--backend`, `--optimise`.
    pub disks: DiskSettings,
    /// Names or paths.
    pub elements: &'a [String],
    /// The folder that paths of elements are relative to: the current one.
    pub base: &'a Path,
}

impl Definition {
    /// The definition that a command line stands for; nothing in it has a place.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn from_command_line(line: &CommandLine<'_>) -> Result<Self, Diagnostics> {
        let mut wrong = Diagnostics::default();
        let file_name = line.output.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let (name, from_extension) = match file_name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => match Format::from_name(extension) {
                Some(format) => (stem, Some(format)),
                None => (file_name, None),
            },
            _ => (file_name, None),
        };
        if let Err(diagnostic) = check_image_name(name) {
            let given = line.output.display();
            wrong.push(diagnostic.in_context(format!("taking the image's name from `-o {given}`")));
        }

        let mut formats: Vec<Format> = from_extension.into_iter().collect();
        for text in
            line.formats.unwrap_or_default().split(',').map(str::trim).filter(|t| !t.is_empty())
        {
            match check_format(text) {
                Ok(format) if formats.contains(&format) => {}
                Ok(format) => formats.push(format),
                Err(diagnostic) => wrong.push(diagnostic.in_context("reading `-t`")),
            }
        }
        if formats.is_empty() {
            formats.push(Format::Qcow2);
        }
        if let Some(Err(diagnostic)) = line.arch.map(check_arch) {
            wrong.push(diagnostic.in_context("reading `-a`"));
        }
        if line.elements.is_empty() {
            wrong.push(Diagnostic::new("no element is named").with_help(
                "name the elements of the image after the options, such as `debian vm`",
            ));
        }
        let definition = Self {
            image: ImageSection {
                name: Spanned::unplaced(name.to_owned()),
                elements: line.elements.iter().cloned().map(Spanned::unplaced).collect(),
                formats: formats.into_iter().map(Spanned::unplaced).collect(),
                arch: line.arch.map(|a| Spanned::unplaced(a.to_owned())),
                source_date_epoch: None,
                qcow2_compression: Qcow2Compression::default(),
            },
            root_filesystem: RootFilesystem::default(),
            disks: line.disks,
            block_device: Vec::new(),
            parameters: BTreeMap::new(),
            grants: BTreeMap::new(),
            limits: LimitSettings::default(),
            trust: Trust::default(),
            secrets: BTreeMap::new(),
            inputs: BTreeMap::new(),
            contents: Contents::default(),
            base: line.base.to_owned(),
            file: None,
        };
        wrong.or(definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        output: &str,
        formats: Option<&str>,
        arch: Option<&str>,
        elements: &[&str],
    ) -> Result<Definition, Diagnostics> {
        let elements: Vec<String> = elements.iter().map(|e| (*e).to_owned()).collect();
        Definition::from_command_line(&CommandLine {
            output: Path::new(output),
            formats,
            arch,
            disks: DiskSettings::default(),
            elements: &elements,
            base: Path::new("."),
        })
    }

    #[test]
    fn the_extension_is_a_format_or_part_of_the_name() {
        for (output, formats, name, all) in [
            ("out/debian.qcow2", None, "debian", vec![Format::Qcow2]),
            ("debian.raw", Some("qcow2,raw"), "debian", vec![Format::Raw, Format::Qcow2]),
            ("debian-12.5", None, "debian-12.5", vec![Format::Qcow2]),
            ("x", Some("raw"), "x", vec![Format::Raw]),
        ] {
            let definition = read(output, formats, None, &["debian"]).unwrap();
            assert_eq!(definition.image.name.value, name, "{output}");
            assert_eq!(definition.formats(), all, "{output}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        insta::assert_snapshot!(read("a b", Some("qcow,raw"), Some("amd46"), &[]).unwrap_err(), @r"
        the image's name has ' ' in it, and names files
          while taking the image's name from `-o a b`
          help: a name has letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`
        unknown format `qcow`
          while reading `-t`
          help: did you mean `qcow2`?
        unknown machine `amd46`
          while reading `-a`
          help: did you mean `amd64`?
        no element is named
          help: name the elements of the image after the options, such as `debian vm`
        ");
    }
}
