//! What is read, and what is refused in which words.

use super::*;
use crate::SecretSource;
use dibhost_block_device::{Backend, Optimise};

fn read(text: &str) -> Result<Definition, Diagnostics> {
    Definition::parse(text, "image.toml", Path::new("."))
}

const WHOLE: &str = r#"
[image]
name = "debian-vm"
elements = ["debian", "vm", "./elements/motd.wasm"]
formats = ["qcow2", "raw"]
arch = "arm64"
source-date-epoch = 1_700_000_000
qcow2-compression = "zlib"

[root-filesystem]
label = "root"
max-online-resize = "1PiB"
free-space = 4096

[disks]
backend = "loop"
optimise = "speed"

[parameters.debian-minimal]
release = "bookworm"
list = ["a", 1, 1.5, true, { k = 2024-01-01 }]

[grants.motd]
rootfs = ["write /etc/motd", "read /etc"]
bootstrap = true
block-device = false

[trust]
first-party = "explicit"
"#;

#[test]
fn everything_is_read_with_its_place() {
    let definition = read(WHOLE).unwrap();
    let place = |location: &Option<Location>| location.as_ref().unwrap().to_string();
    let image = &definition.image;
    assert_eq!(image.name.value, "debian-vm");
    assert_eq!(place(&image.elements[2].location), "image.toml:4:29");
    assert_eq!(definition.formats(), [Format::Qcow2, Format::Raw]);
    assert_eq!(image.arch.as_deref().map(String::as_str), Some("arm64"));
    assert_eq!(image.source_date_epoch.as_deref(), Some(&1_700_000_000));
    assert_eq!(image.qcow2_compression, Qcow2Compression::Zlib);
    let root = &definition.root_filesystem;
    assert_eq!(root.max_online_resize.as_deref(), Some(&(1 << 50)));
    assert_eq!(root.free_space.as_deref(), Some(&4096));
    let disks = definition.disks;
    assert_eq!((disks.backend, disks.optimise), (Some(Backend::Loop), Some(Optimise::Speed)));
    let settings = &definition.parameters["debian-minimal"].settings;
    assert_eq!(
        settings["list"].value.value,
        serde_json::json!(["a", 1, 1.5, true, {"k": "2024-01-01"}])
    );
    assert_eq!(place(&settings["release"].name.location), "image.toml:20:1");
    assert_eq!(place(&settings["release"].value.location), "image.toml:20:11");
    let grants: Vec<(&str, &str)> = definition.grants["motd"]
        .grants
        .iter()
        .map(|g| (g.capability.value.name(), g.scope.as_str()))
        .collect();
    assert_eq!(grants, [("rootfs", "write /etc/motd"), ("rootfs", "read /etc"), ("bootstrap", "")]);
    assert_eq!(definition.trust.first_party, FirstPartyTrust::Explicit);
}

#[test]
fn what_is_not_said_has_its_default() {
    let definition = read("[image]\nname = \"x\"\nelements = [\"debian\"]\n").unwrap();
    assert_eq!(definition.formats(), [Format::Qcow2]);
    assert_eq!(definition.image.qcow2_compression, Qcow2Compression::Zstd);
    assert_eq!(definition.image.arch, None);
    assert_eq!(definition.trust.first_party, FirstPartyTrust::Shipped);
    assert_eq!(definition.disks, DiskSettings::default());
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place() {
    let text = r#"[image]
nmae = "x"
elements = ["debian", 7]
formats = ["qcow", "raw", "raw"]
arch = "x86_64"
source-date-epoch = "today"
qcow2-compression = "lz4"

[root-filesytem]
label = "x"

[root-filesystem]
label = "far too long for an ext4"
free-space = "64 mb"

[parameters]
vm = 1
debian = { x = nan }

[grants.motd]
rootsf = ["write /etc"]
exec = "ls"
bootstrap = ["yes"]

[trust]
first-party = "no"
"#;
    insta::assert_snapshot!(read(text).unwrap_err(), @r#"
    image.toml:2:1: unknown key `nmae`
      2 | nmae = "x"
        | ^^^^
      help: did you mean `name`?
    image.toml:3:23: an entry of `elements` has to be a text; this is the number 7
      3 | elements = ["debian", 7]
        |                       ^
    image.toml:4:12: unknown format `qcow`
      4 | formats = ["qcow", "raw", "raw"]
        |            ^^^^^^
      help: did you mean `qcow2`?
    image.toml:4:27: the format `raw` is listed twice
      4 | formats = ["qcow", "raw", "raw"]
        |                           ^^^^^
    image.toml:5:8: unknown machine `x86_64`
      5 | arch = "x86_64"
        |        ^^^^^^^^
      help: did you mean `amd64`?
    image.toml:6:21: `source-date-epoch` has to be seconds since 1970, a whole number from 0; this is a text
      6 | source-date-epoch = "today"
        |                     ^^^^^^^
      help: `date +%s` prints the seconds of now
    image.toml:7:21: unknown compression `lz4`
      7 | qcow2-compression = "lz4"
        |                     ^^^^^
      help: `qcow2-compression` is one of `zstd`, `zlib` and `none`
    image.toml:9:2: unknown table `root-filesytem`
      9 | [root-filesytem]
        |  ^^^^^^^^^^^^^^
      help: did you mean `root-filesystem`?
    image.toml:13:9: the label has ' ' in it
      13 | label = "far too long for an ext4"
         |         ^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: a label has up to 16 printable ASCII characters, without white space, quotes and slashes
    image.toml:14:14: `64 mb` is no size: after a whole number come `KiB`, `MiB`, `GiB`, `TiB`, `PiB` (powers of 1024), `KB`, `MB`, `GB`, `TB`, `PB` (powers of 1000) or `B`
      14 | free-space = "64 mb"
         |              ^^^^^^^
    image.toml:17:6: `parameters.vm` has to be a table; this is the number 1
      17 | vm = 1
         |      ^
      help: write it as `[parameters.vm]`
    image.toml:18:16: the number nan cannot be said in JSON, which elements get
      18 | debian = { x = nan }
         |                ^^^
    image.toml:21:1: unknown capability `rootsf`
      21 | rootsf = ["write /etc"]
         | ^^^^^^
      help: did you mean `rootfs`?
    image.toml:22:8: `exec` has to be a list of scopes, as `["…"]`; this is a text
      22 | exec = "ls"
         |        ^^^^
    image.toml:23:13: `bootstrap` has no scopes: it is granted with `true`; this is a list
      23 | bootstrap = ["yes"]
         |             ^^^^^^^
      help: write `bootstrap = true`
    image.toml:26:15: `first-party` cannot be `no`
      26 | first-party = "no"
         |               ^^^^
      help: `shipped`: elements shipped with this host hold what they request; `explicit`: they need `[grants.…]` too
    "#);
}

#[test]
fn an_empty_text_says_how_to_start() {
    insta::assert_snapshot!(read("").unwrap_err(), @r#"
    image.toml:1:1: the table `[image]` is missing
      help: start with
        [image]
        name = "my-image"
        elements = ["debian", "vm"]
    "#);
    insta::assert_snapshot!(read("[image]\n").unwrap_err(), @r#"
    image.toml:1:2: `[image]` says no `name`
      1 | [image]
        |  ^^^^^
      help: add
        name = "my-image"
    image.toml:1:2: `[image]` says no `elements`
      1 | [image]
        |  ^^^^^
      help: add
        elements = ["debian", "vm"]
    "#);
    insta::assert_snapshot!(read("image = 3\n").unwrap_err(), @r"
    image.toml:1:9: `image` has to be a table; this is the number 3
      1 | image = 3
        |         ^
      help: write it as `[image]`
    ");
    insta::assert_snapshot!(read("[image]\nname = \"../x\"\nelements = []\nformats = []\n").unwrap_err(), @r#"
    image.toml:2:8: the image's name has '/' in it, and names files
      2 | name = "../x"
        |        ^^^^^^
      help: a name has letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`
    image.toml:3:12: `elements` is empty: an image is made of at least one element
      3 | elements = []
        |            ^^
    image.toml:4:11: `formats` is empty: name at least one of `raw`, `qcow2`, `vhd`, `vhdx`, `vmdk`, `vdi`, `tar`, `tgz`, `tar.zst`, `squashfs` and `oci`
      4 | formats = []
        |           ^^
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    insta::assert_snapshot!(read("[image]\nname = \"x\nelements = [\"a\"]\n").unwrap_err(), @r#"
    image.toml:2:10: this is no TOML: invalid basic string, expected `"`
      2 | name = "x
        |          ^
      help: a text stands between two `"`, in one line; one of several lines between two `"""`
    "#);
    insta::assert_snapshot!(read("[image]\nname = \"x\"\nname = \"y\"\n").unwrap_err(), @r#"
    image.toml:3:1: this is no TOML: `name` is there twice
      3 | name = "y"
        | ^^^^
      help: leave one of the two out; of tables that there are several of, each begins with two brackets, as `[[files]]`
    "#);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.toml");
    let missing = Definition::load(&path).unwrap_err().to_string();
    assert!(
        missing.contains("cannot read the image definition") && missing.contains("image.toml"),
        "{missing}"
    );
    std::fs::write(&path, b"[image]\nname = \"\xff\"\n").unwrap();
    let error = Definition::load(&path).unwrap_err().to_string();
    assert!(error.contains("image.toml:2:1: the file is not UTF-8"), "{error}");
    std::fs::write(&path, "[image]\nname = \"x\"\nelements = [\"a\"]\n").unwrap();
    assert_eq!(Definition::load(&path).unwrap().base, folder.path());
}

const IMAGE: &str = "[image]\nname = \"x\"\nelements = [\"a\"]\n";

#[test]
fn secrets_say_where_they_are() {
    let text = format!(
        "{IMAGE}[secrets]\na = {{ file = \"keys/a\" }}\nb = {{ environment = \"TOKEN\" }}\n\
         c = {{ command = [\"pass\", \"show\", \"x\"] }}\n"
    );
    let definition = Definition::parse(&text, "image.toml", Path::new(".")).unwrap();
    let sources: Vec<_> = definition.secrets.values().map(|s| s.source.clone()).collect();
    let pass = ["pass", "show", "x"].map(str::to_owned).to_vec();
    assert_eq!(
        sources,
        [
            SecretSource::File("keys/a".into()),
            SecretSource::Environment("TOKEN".to_owned()),
            SecretSource::Command(pass)
        ]
    );
}

#[test]
fn a_secret_that_is_written_down_is_refused_and_not_shown() {
    let text = format!(
        "{IMAGE}[secrets]\na = \"hunter2\"\nb = {{}}\nc = {{ file = \"x\", environment = \"Y\" }}\n\
         d = {{ fiel = \"x\" }}\ne = {{ command = [] }}\nf = {{ environment = \"A=B\" }}\n\"a b\" = {{ file = \"x\" }}\ng = {{ file = \"\" }}\nh = 42\n"
    );
    let refused = Definition::parse(&text, "image.toml", Path::new(".")).unwrap_err().to_string();
    assert!(!refused.contains("hunter2") && !refused.contains("42"), "{refused}");
    insta::assert_snapshot!(refused, @r#"
    image.toml:5:5: the secret `a` has to say where it is; this is a text
      help: a secret never stands in a definition: write
        a = { file = "…" }, { environment = "…" } or { command = ["…"] }
    image.toml:6:5: the secret `b` has to say where it is
      6 | b = {}
        |     ^^
      help: write b = { file = "…" }, { environment = "…" } or { command = ["…"] }
    image.toml:7:5: the secret `c` is in more than one place
      7 | c = { file = "x", environment = "Y" }
        |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: write c = { file = "…" }, { environment = "…" } or { command = ["…"] }
    image.toml:8:7: unknown key `fiel`
      8 | d = { fiel = "x" }
        |       ^^^^
      help: did you mean `file`?
    image.toml:9:17: this is no command
      9 | e = { command = [] }
        |                 ^^
    image.toml:10:21: this is no name of a variable
      10 | f = { environment = "A=B" }
         |                     ^^^^^
    image.toml:11:1: `a b` is no name of a secret
      11 | "a b" = { file = "x" }
         | ^^^^^
      help: a name has letters, digits, `.`, `_` and `-`
    image.toml:12:14: this is no path of a file
      12 | g = { file = "" }
         |              ^^
    image.toml:13:5: the secret `h` has to say where it is; this is a number
      help: a secret never stands in a definition: write
        h = { file = "…" }, { environment = "…" } or { command = ["…"] }
    "#);
}

#[test]
fn inputs_say_which_file_or_folder_they_are() {
    const IMAGE: &str = "[image]\nname = \"x\"\nelements = [\"a\"]\n";
    let text = format!("{IMAGE}[inputs.site]\npath = \"files/site\"\n[inputs]\nb.path = \"/b\"\n");
    let inputs = read(&text).unwrap().inputs;
    let shown: Vec<_> =
        inputs.values().map(|i| format!("{} {}", i.name.value, i.path.value.display())).collect();
    assert_eq!(shown, ["b /b", "site files/site"]);
    let wrong = format!(
        "{IMAGE}[inputs]\na = \"files\"\n\"a/b\" = {{ path = \"x\" }}\nc = {{}}\n\
         d = {{ path = 1 }}\ne = {{ path = \"\" }}\nf = {{ paht = \"x\" }}\n"
    );
    let said = read(&wrong).unwrap_err().to_string();
    for words in [
        "the input `a` has to say where it is; this is a text",
        "[inputs.a]\n",
        "`a/b` is no name of an input",
        "the input `c` has no `path`",
        "`path` has to be the path of a file or a folder; this is the number 1",
        "this is no path of a file or a folder",
        "unknown key `paht`",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
}
