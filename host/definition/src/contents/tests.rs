//! Keys of the image's content: what is read, and what is refused at which place, in which words.

use std::path::Path;

use super::*;
use crate::{Definition, Diagnostics};

const HEAD: &str = "[image]\nname = \"x\"\nelements = [\"debian\"]\n";

fn read(text: &str) -> Result<Definition, Diagnostics> {
    Definition::parse(text, "image.toml", Path::new("."))
}

/// A public key of nobody's.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA me@example";

#[test]
fn all_of_it_is_read_with_its_place() {
    let text = include_str!("../../../../fuzz/corpus/definition/alone.toml");
    let definition = read(text).unwrap();
    let contents = &definition.contents;
    let place = |location: &Option<Location>| location.as_ref().unwrap().to_string();
    let package = |n: usize| &contents.packages[n];
    assert_eq!(
        (package(0).name.as_str(), &package(0).version, package(0).remove),
        ("nginx", &None, false)
    );
    assert_eq!((package(1).name.as_str(), package(1).remove), ("snapd", true));
    assert_eq!(package(2).version.as_deref(), Some("8.*"));
    assert_eq!(place(&package(1).location), "image.toml:1:22");
    assert_eq!(contents.hostname.as_deref().unwrap(), "web");
    assert_eq!(contents.locale.as_ref().unwrap().as_str(), "en_US.UTF-8");
    assert_eq!(contents.timezone.as_deref().unwrap(), "Europe/Berlin");
    let [motd, www] = contents.files.as_slice() else { panic!("{:?}", contents.files) };
    assert_eq!((motd.mode, &motd.node), (Some(0o644), &StatedNode::Content("Hello.\n".to_owned())));
    assert_eq!(place(&motd.path.location), "image.toml:11:8");
    assert!(matches!(&www.node, StatedNode::Source(source) if source.value == "files/www"));
    let user = &contents.users[0];
    assert_eq!(
        (user.sudo.as_deref(), user.expires.as_deref()),
        (Some("nopasswd"), Some("2030-12-31"))
    );
    assert_eq!(contents.units[0].state.as_deref(), Some("enabled"));
    let repository = &contents.repositories[0];
    assert_eq!(repository.keys[0].value, "keys/vendor.asc");
    assert!(
        matches!(&repository.format, StatedFormat::Deb { suites, .. } if suites == &["stable"])
    );
    assert_eq!(contents.commands[0].phase, "post-install");
    assert_eq!(contents.commands[0].environment["A"], "b");
    let forward = &contents.sysctl["net.ipv4.ip_forward"];
    assert_eq!((forward.as_str(), place(&forward.location).as_str()), ("1", "image.toml:43:1"));
    assert_eq!(contents.kernel_arguments[0].value, "quiet");
    let inputs: Vec<String> = definition.all_inputs().into_keys().collect();
    assert_eq!(inputs, ["definition.files-www", "definition.keys-vendor.asc"]);
}

#[test]
fn a_definition_without_it_says_nothing() {
    assert!(read(HEAD).unwrap().contents.is_empty());
}

/// What stands above `[image]` or below it, where it is refused, and words of the message and help.
type Case = (&'static str, &'static str, &'static str, &'static str);

#[test]
fn each_key_has_a_wrong_value_that_is_told_where_it_stands() {
    let cases: &[Case] = &[
        ("packages = \"nginx\"", "1:12", "`packages` has to be a list of names", ""),
        ("packages = [\"nginx\", 7]", "1:22", "an entry of `packages` has to be a text", ""),
        (
            "packages = [\"nginx curl\"]",
            "1:13",
            "has white space in it",
            "one entry is one package",
        ),
        ("packages = [\"-snapd\"]", "1:13", "begins with `-`", "write \"!snapd\""),
        ("packages = [\"!snapd=1\"]", "1:13", "names a version", "write \"!snapd\""),
        (
            "packages = [\"ngi?nx\"]",
            "1:13",
            "the package \"ngi?nx\" has '?' in it",
            "\"nginx\" installs it",
        ),
        ("packages = [\"a1=x\"]", "1:13", "wants a version that starts with 'x'", ""),
        (
            "packages = [\"a1\", \"!a1\"]",
            "1:19",
            "the package `a1` is wanted in two ways, first at image.toml:1:13",
            "leave one",
        ),
        ("package = [\"a1\"]", "1:1", "unknown key `package`", "did you mean `packages`?"),
        ("hostname = \"web_1\"", "1:12", "the host name \"web_1\" is none", "letters, digits"),
        ("hostname = 1", "1:12", "`hostname` has to be a text; this is the number 1", ""),
        (
            "locale = \"en_US\"",
            "1:10",
            "the locale \"en_US\" names no charset",
            "write \"en_US.UTF-8\"",
        ),
        (
            "timezone = \"Europe/Berlni\"",
            "1:12",
            "there is no time zone",
            "did you mean `Europe/Berlin`?",
        ),
        ("files = 1", "1:9", "`files` has to be a list of tables", "`[[files]]`"),
    ];
    let mut wrong = Vec::new();
    for (text, place, message, help) in cases {
        wrong.extend(otherwise(&format!("{text}\n{HEAD}"), place, message, help));
    }
    let cases: &[Case] = &[
        ("packages = [\"nginx\"]", "4:1", "unknown key `packages`", "above the first table"),
        ("[files]\npath = \"/a\"", "4:1", "`files` has to be a list of tables", "two brackets"),
        ("[[files]]\ncontent = \"\"", "4:1", "says no `path`", "path = \"/etc/motd\""),
        ("[[files]]\npath = \"/a\"", "4:1", "does not say what is there", "content"),
        (
            "[[files]]\npath = \"etc/motd\"\ncontent = \"\"",
            "5:8",
            "is not absolute",
            "\"/etc/motd\"",
        ),
        ("[[files]]\npath = \"/srv/\"\ndirectory = true", "5:8", "has an empty part", "\"/srv\""),
        ("[[files]]\npath = \"/a/../b\"\ncontent = \"\"", "5:8", "`.` or `..`", ""),
        (
            "[[files]]\npath = \"/run/x\"\ncontent = \"\"",
            "5:8",
            "made anew at each boot",
            "tmpfiles",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nlink = \"/b\"",
            "7:8",
            "has both `content` and `link`",
            "exactly one",
        ),
        ("[[files]]\npath = \"/a\"\ncontent = 1", "6:11", "`content` has to be a text", ""),
        ("[[files]]\npath = \"/a\"\nsource = \"\"", "6:10", "no path of a file", ""),
        (
            "[[files]]\npath = \"/a\"\nremove = false",
            "6:10",
            "`remove` is `true` or is left out",
            "",
        ),
        (
            "[[files]]\npath = \"/a\"\nlink = \"/b\"\nmode = \"0644\"",
            "7:8",
            "a link has no `mode`",
            "take the key away",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nmode = 644",
            "7:8",
            "has to be a text of octal digits; this is the number 644",
            "mode = \"0644\"",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nmode = \"0888\"",
            "7:8",
            "is not three or four octal digits",
            "mode = \"0644\"",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nowner = \"a b\"",
            "7:9",
            "`owner` \"a b\" has ' ' in it",
            "",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\ngroup = \"-\"",
            "7:9",
            "`group` \"-\" starts with '-'",
            "",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontnt = \"\"",
            "6:1",
            "unknown key `contnt`",
            "did you mean `content`?",
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\n[[files]]\npath = \"/a\"\nremove = true",
            "8:8",
            "the path `/a` is there twice, first at image.toml:5:8",
            "",
        ),
        ("[[users]]\nshell = \"/bin/sh\"", "4:1", "says no `name`", "name = \"deploy\""),
        (
            "[[users]]\nname = \"Deploy\"",
            "5:8",
            "`name` \"Deploy\" has 'D' in it",
            "did you mean `deploy`?",
        ),
        (
            "[[users]]\nname = \"a\"\nauthorized-keys = [\"AAAA\"]",
            "6:20",
            "names no known type of key",
            "",
        ),
        ("[[users]]\nname = \"a\"\nauthorized-keys = \"x\"", "6:19", "a list of public keys", ""),
        (
            "[[users]]\nname = \"a\"\ngroups = [\"a b\"]",
            "6:11",
            "has ' ' in it",
            "did you mean `a-b`?",
        ),
        (
            "[[users]]\nname = \"a\"\nauthorized-keys = [\"key.pub\"]",
            "6:20",
            "names no known type of key",
            "",
        ),
        (
            "[[users]]\nname = \"a\"\nsudo = \"nopaswd\"",
            "6:8",
            "`sudo` cannot be \"nopaswd\"",
            "did you mean `nopasswd`?",
        ),
        (
            "[[users]]\nname = \"a\"\nsudo = true",
            "6:8",
            "`sudo` has to be one of `nopasswd`, `password` and `none`; this is `true`",
            "",
        ),
        (
            "[[users]]\nname = \"a\"\npassword = \"hunter2\"",
            "6:12",
            "names a secret that `[secrets]` has not",
            "[secrets]",
        ),
        (
            "[[users]]\nname = \"a\"\nshell = \"bash\"",
            "6:9",
            "`shell` \"bash\" is not absolute",
            "",
        ),
        ("[[users]]\nname = \"a\"\nhome = \"/a:b\"", "6:8", "`home` \"/a:b\" has ':' in it", ""),
        ("[[users]]\nname = \"a\"\nuid = \"1000\"", "6:7", "`uid` has to be a whole number", ""),
        ("[[users]]\nname = \"a\"\ngid = -1", "6:7", "`gid` has to be a whole number", ""),
        (
            "[[users]]\nname = \"a\"\nsystem = \"yes\"",
            "6:10",
            "`system` has to be `true` or `false`",
            "",
        ),
        (
            "[[users]]\nname = \"a\"\ncomment = \"a:b\"",
            "6:11",
            "`comment` \"a:b\" has ':' in it",
            "",
        ),
        ("[[users]]\nname = \"a\"\nexpires = \"tomorrow\"", "6:11", "is no day", "2030-12-31"),
        ("[[users]]\nname = \"a\"\nkeys = []", "6:1", "unknown key `keys`", ""),
        (
            "[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"",
            "7:8",
            "the user `a` is there twice, first at image.toml:5:8",
            "",
        ),
        (
            "[[units]]\nname = \"hello\"\nstate = \"enabled\"",
            "5:8",
            "the unit \"hello\" ends in no unit's suffix",
            "\"hello.service\"",
        ),
        (
            "[[units]]\nname = \"a.service\"",
            "4:1",
            "says nothing of its unit",
            "state = \"enabled\"",
        ),
        ("[[units]]\nstate = \"enabled\"", "4:1", "says no `name`", "hello.service"),
        (
            "[[units]]\nname = \"a.service\"\nstate = \"enable\"",
            "6:9",
            "`state` cannot be \"enable\"",
            "did you mean `enabled`?",
        ),
        (
            "[[units]]\nname = \"a.service\"\ndrop-in = \"10-x.conf\"",
            "6:11",
            "a drop-in has no text",
            "its text is `content`",
        ),
        (
            "[[units]]\nname = \"a.service\"\ncontent = \"\"\ndrop-in = \"[Service]\"",
            "7:11",
            "the drop-in \"[Service]\" has '[' in it",
            "10-limits.conf",
        ),
        (
            "[[units]]\nname = \"a.service\"\ncontent = \"\"\nsource = \"a\"",
            "7:10",
            "both `content` and `source`",
            "",
        ),
        (
            "[[units]]\nname = \"a.service\"\ncontent = \"\"\nstate = \"masked\"",
            "6:11",
            "masked has a text",
            "",
        ),
        (
            "[[units]]\nname = \"a.service\"\ncontent = \"\"\n[[units]]\nname = \"a.service\"\ncontent = \"x\"",
            "8:8",
            "the text of the unit `a.service` is there twice",
            "",
        ),
        ("[[repositories]]\nname = \"v\"", "4:1", "says no `url`", "[[repositories]]"),
        (
            "[[repositories]]\nname = \"a b\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\nkey = \"k\"",
            "5:8",
            "`name` \"a b\" has ' ' in it",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"ftp://x.example\"\nsuites = [\"s\"]\nkey = \"k\"",
            "6:7",
            "starts with neither",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = []\nkey = \"k\"",
            "7:10",
            "`suites` is empty",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\ncomponents = \"main\"\nkey = \"k\"",
            "8:14",
            "`components` has to be a list",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]",
            "4:1",
            "says no `key`: there are no unsigned ones",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\nkey = \"k\"\npriority = \"high\"",
            "9:12",
            "`priority` has to be a whole number",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\nkey = \"k\"\nbuild-only = 1",
            "9:14",
            "`build-only` has to be `true` or `false`",
            "",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nsuites = [\"s\"]\nkey = \"k\"\ncost = 5",
            "9:8",
            "a repository of deb packages has no `cost`",
            "format = \"rpm\"",
        ),
        (
            "[[repositories]]\nname = \"v\"\nurl = \"https://x.example\"\nformat = \"yum\"\nkey = \"k\"",
            "7:10",
            "`format` cannot be \"yum\"",
            "",
        ),
        ("[[commands]]\nphase = \"install\"", "4:1", "says neither `run` nor `script`", "run = "),
        (
            "[[commands]]\nrun = \"systemctl preset-all\"",
            "5:7",
            "`run` has to be a list",
            "run = [\"systemctl\", \"preset-all\"]",
        ),
        (
            "[[commands]]\nrun = \"a | b\"",
            "5:7",
            "`run` has to be a list",
            "run = [\"sh\", \"-c\", \"a | b\"]",
        ),
        ("[[commands]]\nrun = []", "5:7", "`run` is empty", ""),
        ("[[commands]]\nrun = [\"./x.sh\"]", "5:7", "neither a name nor an absolute path", ""),
        (
            "[[commands]]\nrun = [\"a\"]\nphase = \"finalize\"",
            "6:9",
            "`phase` cannot be \"finalize\"",
            "did you mean `finalise`?",
        ),
        (
            "[[commands]]\nrun = [\"a\"]\nscript = \"x.sh\"",
            "6:10",
            "both `run` and `script`",
            "two entries",
        ),
        (
            "[[commands]]\nrun = [\"a\"]\nenvironment = [\"A=b\"]",
            "6:15",
            "has to be a table of variables",
            "",
        ),
        (
            "[[commands]]\nrun = [\"a\"]\nenvironment = { \"A-B\" = \"b\" }",
            "6:17",
            "is no name of a variable",
            "",
        ),
        (
            "[[commands]]\nrun = [\"a\"]\nnetwork = \"yes\"",
            "6:11",
            "`network` has to be `true` or `false`",
            "",
        ),
        (
            "[sysctl]\nnet.ipv4.ip_forward = \"1\"",
            "5:1",
            "`net.ipv4.ip_forward` has to be in quotes",
            "\"net.ipv4.ip_forward\" = \"…\"",
        ),
        ("[sysctl]\n\"forward\" = \"1\"", "5:1", "the setting \"forward\" has no dot in it", ""),
        ("[sysctl]\n\"a.b\" = true", "5:9", "`a.b` has to be a text or a whole number", ""),
        ("[sysctl]\n\"a.b\" = \"1\\n2\"", "5:9", "more than one line", ""),
        (
            "[kernel]\nargument = [\"quiet\"]",
            "5:1",
            "unknown key `argument`",
            "did you mean `arguments`?",
        ),
        (
            "[kernel]\narguments = [\"quiet splash\"]",
            "5:14",
            "has a space in it",
            "one entry is one argument",
        ),
        ("[kernel]\narguments = \"quiet\"", "5:13", "`arguments` has to be a list", ""),
        (
            "[parameters.definition]\npackages = []",
            "4:13",
            "`[parameters.definition]` can say nothing",
            "`packages`",
        ),
        (
            "[grants.definition]\nexec = [\"sh\"]",
            "4:9",
            "`[grants.definition]` can say nothing",
            "`packages`",
        ),
        (
            "[inputs.\"definition.x\"]\npath = \"x\"",
            "4:9",
            "begins with `definition.`",
            "another name",
        ),
    ];
    for (text, place, message, help) in cases {
        wrong.extend(otherwise(&format!("{HEAD}{text}\n"), place, message, help));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is said of a text otherwise than it should be; none: nothing.
fn otherwise(text: &str, place: &str, message: &str, help: &str) -> Option<String> {
    let wrong = match read(text) {
        Ok(_) => return Some(format!("nothing is wrong in\n{text}")),
        Err(wrong) => wrong,
    };
    let [diagnostic] = wrong.0.as_slice() else {
        return Some(format!("more than one thing is wrong in\n{text}\n{wrong}"));
    };
    let at = diagnostic.location.as_ref().map(|at| format!("{}:{}", at.line, at.column));
    let helped = diagnostic.help.as_deref().unwrap_or_default();
    let as_should_be = at.as_deref() == Some(place)
        && diagnostic.message.contains(message)
        && helped.contains(help);
    (!as_should_be).then(|| format!("not {place}, {message:?}, {help:?} but\n{wrong}"))
}

#[test]
fn what_may_be_a_secret_is_not_shown() {
    for password in ["\"hunter2\"", "\"hun ter2\"", "7"] {
        let text = format!("{HEAD}[[users]]\nname = \"a\"\npassword = {password}\n");
        let wrong = read(&text).unwrap_err().to_string();
        assert!(wrong.contains("image.toml:6:12"), "{wrong}");
        assert!(!wrong.contains("ter2"), "{wrong}");
    }
}

#[test]
fn a_user_may_have_all_of_it() {
    let text = format!(
        "{HEAD}[[users]]\nname = \"a\"\nauthorized-keys = [\"{KEY}\"]\nuid = 0\ngid = 100\nsystem = true\nshell = \"/bin/sh\"\nhome = \"/srv/a\"\ncomment = \"A\"\nexpires = \"2030-01-01\"\nchange-password = true\n"
    );
    let definition = read(&text).unwrap();
    let user = &definition.contents.users[0];
    assert_eq!(
        (user.uid, user.gid, user.system, user.change_password),
        (Some(0), Some(100), true, true)
    );
    assert_eq!(user.authorized_keys[0].value, KEY);
}

#[test]
fn names_of_inputs_are_told_apart() {
    let file =
        |path: &str, source: &str| format!("[[files]]\npath = \"{path}\"\nsource = \"{source}\"\n");
    let text = format!(
        "{HEAD}{}{}{}{}",
        file("/a", "x/y"),
        file("/b", "x-y"),
        file("/c", "x/y"),
        file("/d", "../é")
    );
    let inputs = read(&text).unwrap().stated_inputs();
    let names: Vec<(&str, &str)> =
        inputs.iter().map(|(path, input)| (path.as_str(), input.name.as_str())).collect();
    assert_eq!(
        names,
        [("../é", "definition."), ("x-y", "definition.x-y"), ("x/y", "definition.x-y-2")]
    );
}
