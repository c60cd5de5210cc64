use clap::Parser as _;
use dibhost_plan::planner::{Described, ElementFailure, StepAnswer, StepCall};

use super::*;
use crate::cli::{Cli, Verb};

/// A library without elements.
struct Empty;

impl Planner for Empty {
    fn describe(&self, _: &str, _: &Path) -> Result<Described, ElementFailure> {
        Err(ElementFailure::new("there are no elements"))
    }

    fn known_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn plan_step(&self, _: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
        Err(ElementFailure::new("there are no elements"))
    }
}

fn resolve(line: &[&str]) -> Result<Resolved, Failure> {
    let words = ["dibhost", "plan"].iter().chain(line);
    let Verb::Plan(args) = Cli::parse_from(words).verb else { panic!("it is `plan`") };
    let reporter = Reporter::silent();
    let asked = Asked::of(&args.subject, &reporter)?;
    asked.resolve(&Empty, &|_| Ok(()), &reporter)
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.toml");
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn what_is_typed_beside_a_definition_comes_first() {
    let text = "[image]\nname = \"d\"\nelements = [\"debian\"]\nformats = [\"raw\"]\n";
    let (_folder, file) = file(text);
    for (typed, stem, all) in [
        (&[][..], "d", vec![Format::Raw]),
        (&["-o", "out/x.qcow2"], "out/x", vec![Format::Raw, Format::Qcow2]),
        (&["-o", "out/x", "-t", "qcow2"], "out/x", vec![Format::Qcow2]),
    ] {
        let line: Vec<&str> = [file.as_str()].into_iter().chain(typed.iter().copied()).collect();
        let resolved = resolve(&line).ok().unwrap();
        assert_eq!(resolved.stem, Path::new(stem));
        assert_eq!(resolved.definition.formats(), all);
        assert_eq!(resolved.definition.image.name.value, "d");
        assert!(resolved.typed.is_empty());
    }
}

#[test]
fn how_disks_are_made_can_be_typed_beside_a_definition() {
    let text = "[image]\nname = \"d\"\nelements = [\"debian\"]\n[disks]\nbackend = \"loop\"\n\
                optimise = \"size\"\n";
    let (_folder, file) = file(text);
    let said = |typed: &[&str]| {
        let line: Vec<&str> = [file.as_str()].into_iter().chain(typed.iter().copied()).collect();
        let disks = resolve(&line).ok().unwrap().definition.disks;
        (disks.backend, disks.optimise)
    };
    assert_eq!(said(&[]), (Some(Backend::Loop), Some(Optimise::Size)));
    assert_eq!(
        said(&["--backend", "file", "--optimise", "speed"]),
        (Some(Backend::File), Some(Optimise::Speed))
    );
}

#[test]
fn variants_and_settings_are_laid_over_a_definition() {
    let text = "[image]\nname = \"d\"\nelements = [\"debian\"]\n[disk]\nsize = \"8GiB\"\n\
                [variants.small.disk]\nsize = \"4GiB\"\n";
    let (_folder, file) = file(text);
    let size = |typed: &[&str]| {
        let line: Vec<&str> = [file.as_str()].into_iter().chain(typed.iter().copied()).collect();
        resolve(&line).map(|resolved| resolved.definition.disk.size.unwrap().value >> 30)
    };
    assert_eq!(size(&[]).ok(), Some(8));
    assert_eq!(size(&["--variant", "small"]).ok(), Some(4));
    assert_eq!(size(&["--variant", "small", "--size", "2GiB"]).ok(), Some(2));
    assert_eq!(size(&["--image-size", "3"]).ok(), Some(3));
    assert_eq!(size(&["--set", "disk.size=5GiB"]).ok(), Some(5));
    let wrong = size(&["--variant", "smal"]).unwrap_err();
    assert!(wrong.message().contains("did you mean `small`?"), "{wrong:?}");
}

#[test]
fn elements_can_be_typed() {
    let resolved = resolve(&["debian", "vm", "-o", "/o/x.raw"]).ok().unwrap();
    assert_eq!(resolved.stem, Path::new("/o/x"));
    assert_eq!(resolved.definition.formats(), [Format::Raw]);
    assert!(resolved.definition.file.is_none());
    let typed = resolved.typed.to_toml();
    assert!(typed.contains("elements = [\"debian\", \"vm\"]"), "{typed}");
}

#[test]
fn elements_of_dibs_are_called_as_they_are_here() {
    let line = ["base", "debian", "vm", "cloud-init-growpart", "grub2", "bootloader", "-n"];
    let resolved = resolve(&line).ok().unwrap();
    let names: Vec<_> =
        resolved.definition.image.elements.iter().map(|e| e.value.as_str()).collect();
    assert_eq!(names, ["debian", "vm", "cloud-init", "bootloader", "bootloader"]);
}
