use std::path::Path;

use serde_json::json;

use super::*;
use crate::location::Location;

const IMAGE: &str = "[image]\nname = \"x\"\nelements = [\"a\"]\n";

/// Loads `image.toml` of files.
fn load(files: &[(&str, &str)], chosen: Chosen<'_>) -> Result<Definition, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let file = folder.path().join("image.toml");
    Definition::load_chosen(&file, chosen)
        .map_err(|wrong| wrong.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn elements(definition: &Definition) -> Vec<&str> {
    definition.image.elements.iter().map(|e| e.value.as_str()).collect()
}

fn variant(name: &str) -> Chosen<'_> {
    Chosen { variant: Some(name), ..Chosen::default() }
}

#[test]
fn tables_merge_and_lists_add() {
    let image = format!("include = [\"site.toml\", \"more/disk.toml\"]\n{IMAGE}");
    let definition = load(
        &[
            ("image.toml", &image),
            (
                "site.toml",
                "[image]\nelements = [\"b\", \"a\"]\narch = \"amd64\"\n[parameters.a]\nlist = [1]\nkey = 1\n",
            ),
            ("more/disk.toml", "[parameters.a]\nlist = [2]\nkey = 1\n[disk]\nsize = \"2GiB\"\n"),
        ],
        Chosen::default(),
    )
    .unwrap();
    assert_eq!(elements(&definition), ["b", "a"], "what is included stands before");
    assert_eq!(definition.image.arch.as_ref().unwrap().value, "amd64");
    let settings = &definition.parameters["a"].settings;
    assert_eq!(settings["list"].value.value, json!([1, 2]));
    let place = |at: &Option<Location>| {
        let at = at.as_ref().unwrap();
        (Path::new(&*at.file).file_name().unwrap().to_owned(), at.line)
    };
    assert_eq!(place(&definition.disk.size.unwrap().location), ("disk.toml".into(), 5));
    assert_eq!(place(&definition.image.name.location), ("image.toml".into(), 3));
}

#[test]
fn paths_are_relative_to_the_file_that_they_stand_in() {
    let image =
        format!("include = [\"../shared/site.toml\"]\n{IMAGE}[secrets.own]\nfile = \"k\"\n");
    let site = "include = [\"deep/more.toml\"]\n[image]\nelements = [\"./m.wasm\", \"b\"]\n\
                [secrets.s]\nfile = \"key\"\n[secrets.t]\nfile = \"/etc/key\"\n";
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("images/image.toml", image.as_str()),
        ("shared/site.toml", site),
        ("shared/deep/more.toml", "[inputs.i]\npath = \"files\"\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let definition = Definition::load(&folder.path().join("images/image.toml")).unwrap();
    assert_eq!(elements(&definition), ["../shared/./m.wasm", "b", "a"]);
    let of = |name: &str| definition.secrets[name].source.to_string();
    assert_eq!(of("own"), "the file `k`");
    assert_eq!(of("s"), "the file `../shared/key`");
    assert_eq!(of("t"), "the file `/etc/key`");
    assert_eq!(definition.inputs["i"].path.value, Path::new("../shared/deep/files"));
}

#[test]
fn a_conflict_shows_both_places() {
    let image = format!("include = [\"site.toml\"]\n{IMAGE}arch = \"amd64\"\n");
    let site = "[image]\narch = \"arm64\"\n[secrets.s]\nenvironment = \"E\"\n";
    let wrong = load(&[("image.toml", &image), ("site.toml", site)], Chosen::default());
    insta::assert_snapshot!(wrong.unwrap_err(), @r#"
    image.toml:5:8: `image.arch` is said here and, in another way, at site.toml:2:8
      5 | arch = "amd64"
        |        ^^^^^^^
      while putting `site.toml` and `image.toml` together
      help: leave one of them out; what differs from image to image is for `[variants.NAME]`
    "#);
    // One value of several keys is one: half of each is neither.
    let image = format!("include = [\"site.toml\"]\n{IMAGE}[secrets.s]\nfile = \"f\"\n");
    let wrong = load(&[("image.toml", &image), ("site.toml", site)], Chosen::default());
    assert!(wrong.unwrap_err().contains("`secrets.s` is said here and"));
    // What says the same is none.
    let same = load(
        &[("image.toml", &image), ("site.toml", "[secrets.s]\nfile = \"f\"\n")],
        Chosen::default(),
    );
    assert!(same.is_ok());
}

#[test]
fn what_includes_itself_is_refused_with_the_way() {
    let image = format!("include = [\"a.toml\"]\n{IMAGE}");
    let wrong = load(
        &[
            ("image.toml", &image),
            ("a.toml", "include = [\"b/b.toml\"]\n"),
            ("b/b.toml", "include = [\"../image.toml\"]\n"),
        ],
        Chosen::default(),
    );
    insta::assert_snapshot!(wrong.unwrap_err(), @r#"
    b/b.toml:1:12: `../image.toml` includes itself
      1 | include = ["../image.toml"]
        |            ^^^^^^^^^^^^^^^
      while reading `image.toml`, which includes `a.toml`, which includes `b/b.toml`
      help: take this entry away
    "#);
    // The same file by two ways is there once.
    let image = format!("include = [\"a.toml\", \"b.toml\"]\n{IMAGE}");
    let both = load(
        &[
            ("image.toml", &image),
            ("a.toml", "include = [\"c.toml\"]\n"),
            ("b.toml", "include = [\"./c.toml\"]\n"),
            ("c.toml", "[image]\nelements = [\"c\"]\n"),
        ],
        Chosen::default(),
    );
    assert_eq!(elements(&both.unwrap()), ["c", "a"]);
}

#[test]
fn wrong_includes_are_refused_at_their_places() {
    for (line, files, words) in [
        ("include = \"site.toml\"", vec![], "image.toml:1:11: `include` has to be a list of files"),
        ("include = [1]", vec![], "image.toml:1:12: an entry of `include` has to be a text"),
        ("include = [\"no.toml\"]", vec![], "image.toml:1:12: `no.toml` cannot be read"),
        ("include = [\"s.toml\"]", vec![("s.toml", "x = ")], "s.toml:1:"),
        ("include = [\"s.toml\"]", vec![("s.toml", "[imgae]\n")], "s.toml:1:2: unknown"),
        ("inclde = []", vec![], "did you mean `include`?"),
    ] {
        let image = format!("{line}\n{IMAGE}");
        let mut all = vec![("image.toml", image.as_str())];
        all.extend(files);
        let wrong = load(&all, Chosen::default()).unwrap_err();
        assert!(wrong.contains(words), "{line}: {wrong}");
    }
}

const VARIANTS: &str = "[disk]\nsize = \"8GiB\"\n[variants.small]\nimage.elements = [\"b\"]\n\
    [variants.small.disk]\nsize = \"2GiB\"\n[variants.large.disk]\nsize = \"80GB\"\n";

#[test]
fn a_variant_counts_before_what_it_is_of() {
    let image = format!("{IMAGE}{VARIANTS}");
    let size = |chosen: Chosen<'_>| {
        let definition = load(&[("image.toml", &image)], chosen).unwrap();
        (definition.disk.size.as_ref().unwrap().value, elements(&definition).len())
    };
    assert_eq!(size(Chosen::default()), (8 << 30, 1));
    assert_eq!(size(variant("small")), (2 << 30, 2));
    assert_eq!(size(variant("large")), (80_000_000_000, 1));
    let mut typed = Typed::default();
    typed.set(&["disk", "size"], "1GiB");
    let chosen = Chosen { typed: Some(&typed), ..variant("small") };
    assert_eq!(size(chosen), (1 << 30, 2), "what is typed counts before all");
}

#[test]
fn wrong_variants_are_refused_at_their_places() {
    for (text, chosen, words) in [
        ("variants = 1", None, "`variants` has to be a table of tables"),
        ("[variants]\nsmall = 1", None, "image.toml:5:9: the variant `small` has to be a table"),
        ("[variants.small]\ninclude = []", None, "image.toml:5:1: `include` does not belong into"),
        ("[variants.small.disk]\nsiez = \"1GiB\"", None, "image.toml:5:1: unknown key `siez`"),
        ("[variants.small.disk]\nsize = \"big\"", None, "image.toml:5:8: `big` is no size"),
        ("[variants.small]", Some("smal"), "did you mean `small`?"),
        ("[variants.small]", Some("tiny"), "its variants are `small`"),
        ("", Some("tiny"), "it has no variants"),
    ] {
        let (top, rest) =
            if text.contains("= 1") && !text.starts_with('[') { (text, "") } else { ("", text) };
        let image = format!("{top}{}{IMAGE}{rest}\n", if top.is_empty() { "" } else { "\n" });
        let chosen = Chosen { variant: chosen, ..Chosen::default() };
        let wrong = load(&[("image.toml", &image)], chosen).unwrap_err();
        assert!(wrong.contains(words), "{text}: {wrong}");
    }
}

#[test]
fn a_layout_may_stand_in_a_file_of_its_own() {
    let image = format!("block-device = \"layouts/one.yaml\"\n{IMAGE}");
    let yaml = "- local_loop:\n    name: image0\n    mkfs:\n      name: mkfs_root\n      mount:\n        \
                mount_point: /\n        fstab:\n          fck-passno: 1\n";
    let definition =
        load(&[("image.toml", &image), ("layouts/one.yaml", yaml)], Chosen::default()).unwrap();
    assert_eq!(definition.block_device.len(), 3);
    let place = definition.block_device[0].location.as_ref().unwrap();
    assert!(place.to_string().ends_with("layouts/one.yaml:2:11"), "{place}");
    assert!(definition.remarks[0].message.contains("fck-passno"), "{:?}", definition.remarks);
    for (file, text, words) in [
        ("layouts/one.yaml", "- nothing:\n    x: 1\n", "layouts/one.yaml:1:3: "),
        ("layouts/two.yaml", "", "image.toml:1:16: `layouts/one.yaml` cannot be read"),
    ] {
        let wrong = load(&[("image.toml", &image), (file, text)], Chosen::default()).unwrap_err();
        assert!(wrong.contains(words), "{wrong}");
    }
    // Ours too.
    let image = image.replace("one.yaml", "one.toml");
    let toml = "[[block-device]]\nname = \"d\"\ntype = \"disk\"\n";
    let definition = load(&[("image.toml", &image), ("layouts/one.toml", toml)], Chosen::default());
    assert_eq!(definition.unwrap().block_device.len(), 1);
}
