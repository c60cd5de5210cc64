//! A definition from a command line, as users of `disk-image-create` type it.

use std::path::Path;

use dibhost_block_device::config::DiskSettings;
use dibhost_dib::words;
use dibhost_image::Format;
use serde_json::Value;

use crate::definition::Definition;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::parse::{check_arch, check_format, check_image_name};
use crate::typed::Typed;

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

impl CommandLine<'_> {
    /// What it says, as keys of a definition.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn typed(&self) -> Result<Typed, Diagnostics> {
        let mut wrong = Diagnostics::default();
        let (name, formats) = self.outputs(&mut wrong);
        if let Some(Err(diagnostic)) = self.arch.map(check_arch) {
            wrong.push(diagnostic.in_context("reading `-a`"));
        }
        if self.elements.is_empty() {
            wrong.push(Diagnostic::new("no element is named").with_help(
                "name the elements of the image after the options, such as `debian vm`",
            ));
        }
        let mut typed = Typed::default();
        typed.set(&["image", "name"], name);
        typed.add(&["image", "elements"], self.elements.iter().cloned().map(Value::from));
        typed.add(&["image", "formats"], formats.iter().map(|f| Value::from(f.name())));
        if let Some(arch) = self.arch {
            typed.set(&["image", "arch"], arch);
        }
        if let Some(backend) = self.disks.backend {
            typed.set(&["disks", "backend"], backend.name());
        }
        if let Some(purpose) = self.disks.optimise {
            typed.set(&["disks", "optimise"], purpose.name());
        }
        wrong.or(typed)
    }

    /// The image's name, and its formats.
    fn outputs(&self, wrong: &mut Diagnostics) -> (String, Vec<Format>) {
        let given = self.output.display();
        let file_name = self.output.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let (name, from_extension) = match Format::of_file_name(file_name) {
            Some((stem, format)) => (stem, Some(format)),
            None => (file_name, None),
        };
        let context = format!("taking the image's name from `-o {given}`");
        if let Some((ending, fate)) = words::ending(file_name) {
            wrong.push(
                Diagnostic::new(format!("no image file `.{ending}` is made"))
                    .with_help(fate.to_string())
                    .in_context(context),
            );
        } else if let Err(diagnostic) = check_image_name(name) {
            wrong.push(diagnostic.in_context(context));
        }
        let mut formats: Vec<Format> = from_extension.into_iter().collect();
        for text in
            self.formats.unwrap_or_default().split(',').map(str::trim).filter(|t| !t.is_empty())
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
        (name.to_owned(), formats)
    }
}

impl Definition {
    /// The definition that a command line stands for.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn from_command_line(line: &CommandLine<'_>) -> Result<Self, Diagnostics> {
        Self::of_typed(&line.typed()?, line.base)
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
            ("debian-12.5.tar.zst", None, "debian-12.5", vec![Format::TarZst]),
            ("x", Some("raw"), "x", vec![Format::Raw]),
        ] {
            let definition = read(output, formats, None, &["debian"]).unwrap();
            assert_eq!(definition.image.name.value, name, "{output}");
            assert_eq!(definition.formats(), all, "{output}");
            assert_eq!(definition.file, None);
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        insta::assert_snapshot!(read("a b", Some("qcow,raw,iso"), Some("amd46"), &[]).unwrap_err(), @r"
        the image's name has ' ' in it, and names files
          while taking the image's name from `-o a b`
          help: a name has letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`
        unknown format `qcow`
          while reading `-t`
          help: did you mean `qcow2`?
        the format `iso` is not made
          while reading `-t`
          help: not yet: take `raw`, which firmware starts from a USB stick
        unknown machine `amd46`
          while reading `-a`
          help: did you mean `amd64`?
        no element is named
          help: name the elements of the image after the options, such as `debian vm`
        ");
    }

    #[test]
    fn an_ending_that_cannot_be_made_is_no_part_of_a_name() {
        insta::assert_snapshot!(read("out/x.tar.gz", None, None, &["debian"]).unwrap_err(), @r"
        no image file `.tar.gz` is made
          while taking the image's name from `-o out/x.tar.gz`
          help: write instead: `tgz`, which is the same
        ");
    }

    #[test]
    fn what_was_typed_is_a_definition() {
        let line = CommandLine {
            output: Path::new("out/web.raw"),
            formats: None,
            arch: Some("amd64"),
            disks: DiskSettings { backend: None, optimise: None },
            elements: &["debian".to_owned(), "vm".to_owned()],
            base: Path::new("."),
        };
        let typed = line.typed().unwrap().to_toml();
        insta::assert_snapshot!(typed, @r#"
        [image]
        name = "web"
        elements = ["debian", "vm"]
        formats = ["raw"]
        arch = "amd64"
        "#);
    }
}
