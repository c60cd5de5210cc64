//! A configuration of apt that is ours alone: nothing of the builder's but how to reach a
//! mirror, nothing unsigned, no hooks.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::types::{AptOptions, Mirror};
use crate::digest::hex;
use crate::error::PackageError;
use crate::files::{read, write};
use crate::held::of_this_machine;
use crate::manager::{LockedPackage, PackageSource};
use crate::words::{check_key, check_source, check_url, invalid, word};

/// Debian's keyring on a Debian builder.
const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Releases that have no updates and no security suite of their own.
const ROLLING: [&str; 4] = ["sid", "unstable", "experimental", "rc-buggy"];

/// One line of sources.list and what may sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    url: String,
    suite: String,
    components: Vec<String>,
    keyrings: Vec<Keyring>,
}

impl Line {
    /// Where its signed index is, by HTTP; none: it is reached in another way, or has none at that place.
    pub(super) fn index(&self) -> Option<String> {
        let http = self.url.starts_with("http://") || self.url.starts_with("https://");
        let plain = http && !self.url.contains('@') && !self.suite.ends_with('/');
        plain.then(|| format!("{}/dists/{}/InRelease", self.url, self.suite))
    }

    /// Files and folders of this machine that it names.
    pub(super) fn of_this_machine(&self) -> Vec<PathBuf> {
        let keyrings = self.keyrings.iter().filter_map(|keyring| match keyring {
            Keyring::File(path) => Some(path.as_path()),
            Keyring::Armoured(_) => None,
        });
        keyrings.chain(of_this_machine(&self.url)).map(Path::to_owned).collect()
    }
}

/// What apt calls a file of its lists that comes from there.
pub(super) fn list_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.chars().fold(String::new(), |mut name, c| {
        match c {
            '/' => name.push('_'),
            c if "\\|{}[]<>\"^~_=!@#$%&*".contains(c) => {
                let _ = write!(name, "%{:02x}", c as u32);
            }
            c => name.push(c),
        }
        name
    })
}

/// What may sign an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keyring {
    /// A file of the builder.
    File(PathBuf),
    /// An armoured key.
    Armoured(String),
}

fn check_suite(suite: &str) -> Result<(), PackageError> {
    if word(suite, b"._-/+") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no name of a suite", suite.escape_debug())))
}

fn check_components(components: &[String]) -> Result<(), PackageError> {
    match components.iter().find(|c| !word(c, b"._-/+")) {
        None => Ok(()),
        Some(c) => Err(invalid(format!("`{}` is no name of a component", c.escape_debug()))),
    }
}

/// A package's name as the policy has it, with an architecture or without.
pub(super) fn check_package(name: &str) -> Result<(), PackageError> {
    let (bare, arch) = name.split_once(':').unwrap_or((name, "all"));
    // apt would take a final `-` for "remove it".
    let good = word(bare, b"+.-")
        && bare.len() > 1
        && !bare.ends_with('-')
        && bare.bytes().all(|b| !b.is_ascii_uppercase());
    if good && word(arch, b"-") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no name of a package", name.escape_debug())))
}

/// apt takes a `*` for any rest of a version.
pub(super) fn check_version(version: &str) -> Result<(), PackageError> {
    if word(version.strip_suffix('*').unwrap_or(version), b".+-:~") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no version of a package", version.escape_debug())))
}

fn armoured(keys: &[String]) -> Result<Vec<Keyring>, PackageError> {
    keys.iter().map(|key| check_key(key).map(Keyring::Armoured)).collect()
}

/// What sources.list will say, from what was asked and what the builder has.
pub(super) fn lines(
    options: &AptOptions,
    builder: Option<&Mirror>,
) -> Result<Vec<Line>, PackageError> {
    check_components(&options.components)?;
    if !word(&options.arch, b"-") {
        return Err(invalid(format!("`{}` is no architecture", options.arch.escape_debug())));
    }
    let mut lines = match options.suite.as_str() {
        "" if options.mirror.is_none() => Vec::new(),
        suite => own_lines(suite, options, builder)?,
    };
    for source in &options.sources {
        lines.extend(source_lines(source)?);
    }
    lines.iter().try_for_each(|l| check_url(&l.url))?;
    Ok(lines)
}

/// Those of the archive itself.
fn own_lines(
    suite: &str,
    options: &AptOptions,
    builder: Option<&Mirror>,
) -> Result<Vec<Line>, PackageError> {
    check_suite(suite)?;
    let components = if options.components.is_empty() {
        vec!["main".to_owned()]
    } else {
        options.components.clone()
    };
    let (url, security, updates) = match (&options.mirror, builder) {
        // Whoever names a mirror says what of it there is: the suite.
        (Some(mirror), _) => (mirror.clone(), None, false),
        (None, Some(own)) => (own.archive.clone(), own.security.clone(), true),
        (None, None) => return Err(PackageError::NoMirror),
    };
    let keyrings = if options.keys.is_empty() {
        let own = builder.filter(|_| options.mirror.is_none()).and_then(|b| b.keyring.clone());
        let file = own.unwrap_or_else(|| DEBIAN_KEYRING.into());
        if !file.is_file() {
            return Err(invalid(format!(
                "the keyring `{}` is not on this machine; install the Debian package `debian-archive-keyring`, or give the archive's key in `keys`",
                file.display()
            )));
        }
        vec![Keyring::File(file)]
    } else {
        armoured(&options.keys)?
    };
    let line = |url: &str, suite: String| Line {
        url: url.trim_end_matches('/').to_owned(),
        suite,
        components: components.clone(),
        keyrings: keyrings.clone(),
    };
    let rolling = ROLLING.contains(&suite);
    let mut lines = vec![line(&url, suite.to_owned())];
    if updates && !rolling {
        lines.push(line(&url, format!("{suite}-updates")));
    }
    if let Some(security) = security.filter(|_| !rolling) {
        check_url(&security)?;
        // Debian renamed it with bullseye.
        let old = ["jessie", "stretch", "buster"].contains(&suite);
        let form = if old { "/updates" } else { "-security" };
        lines.push(line(&security, format!("{suite}{form}")));
    }
    Ok(lines)
}

/// The source of the image's own that its first tree came from: the builder's mirror, its updates
/// and its security suite. None where a mirror or keys were named: whoever names them says what the
/// image is given. The keyring is where `debian-archive-keyring` puts it.
pub(super) fn image_source(options: &AptOptions, lines: &[Line]) -> Option<String> {
    if options.mirror.is_some() || !options.keys.is_empty() || options.suite.is_empty() {
        return None;
    }
    // Lines of the sources on top come last.
    let on_top: usize = options.sources.iter().map(|source| source.suites.len()).sum();
    let own = lines.iter().take(lines.len() - on_top);
    let stanza =
        |line: &Line| deb822(&line.url, &line.suite, &line.components, Path::new(DEBIAN_KEYRING));
    Some(own.map(stanza).collect::<Vec<_>>().join("\n"))
}

/// A stanza of sources.list(5).
pub(super) fn deb822(url: &str, suites: &str, components: &[String], keyring: &Path) -> String {
    format!(
        "Types: deb\nURIs: {url}\nSuites: {suites}\nComponents: {}\nSigned-By: {}\n",
        components.join(" "),
        keyring.display()
    )
}

fn source_lines(source: &PackageSource) -> Result<Vec<Line>, PackageError> {
    check_source(source)?;
    check_components(&source.components)?;
    let keyrings = armoured(std::slice::from_ref(&source.key))?;
    source
        .suites
        .iter()
        .map(|suite| {
            check_suite(suite)?;
            let url = source.url.clone();
            let components = source.components.clone();
            Ok(Line { url, suite: suite.clone(), components, keyrings: keyrings.clone() })
        })
        .collect()
}

/// The text of sources.list; armoured keys are written into `folder`.
pub(super) fn sources(lines: &[Line], arch: &str, folder: &Path) -> Result<String, PackageError> {
    let mut text = String::new();
    for line in lines {
        let mut files = Vec::new();
        for keyring in &line.keyrings {
            files.push(match keyring {
                Keyring::File(path) => path.display().to_string(),
                Keyring::Armoured(key) => {
                    let path = folder.join(format!("{}.asc", &hex(key.as_bytes())[..16]));
                    // Another build may be reading it.
                    if read(&path).ok().as_deref() != Some(key.as_bytes()) {
                        write(&path, key.as_bytes())?;
                    }
                    path.display().to_string()
                }
            });
        }
        let files = files.join(",");
        if files.contains([' ', ']', '\t']) {
            return Err(invalid(format!(
                "the work folder's path must have no spaces or brackets in it for apt to read `{files}`"
            )));
        }
        let _ = writeln!(
            text,
            "deb [arch={arch} signed-by={files}] {} {} {}",
            line.url,
            line.suite,
            line.components.join(" ")
        );
    }
    Ok(text)
}

/// apt_preferences(5) for a source with a priority, of all that there are. A host alone says too little where
/// another source is there as well, such as the distribution's own beside its backports: then it is the
/// suites that say it.
///
/// # Errors
/// Another source has host and suite of this one.
pub(super) fn preference(
    source: &PackageSource,
    lines: &[Line],
) -> Result<Option<String>, PackageError> {
    let Some(priority) = source.priority else { return Ok(None) };
    let is_own = |line: &&Line| line.url == source.url && source.suites.contains(&line.suite);
    let others: Vec<&Line> = lines.iter().filter(|line| !is_own(line)).collect();
    let stanza = |pin: &str| format!("Package: *\nPin: {pin}\nPin-Priority: {priority}\n\n");
    if others.iter().all(|other| host(&other.url) != host(&source.url)) {
        return Ok(Some(stanza(&format!("origin \"{}\"", host(&source.url)))));
    }
    let mut text = String::new();
    for suite in &source.suites {
        let same = others.iter().find(|other| other.suite == *suite);
        if let Some(url) =
            same.map(|other| &other.url).or(suite.ends_with('/').then_some(&source.url))
        {
            return Err(invalid(format!(
                "the priority of `{}` would be that of `{url}` too, which has its host or the suite `{suite}`: \
                 leave `priority` out, and name versions of packages instead",
                source.name
            )));
        }
        // By codename, and by what it is called at present (`stable-backports`).
        text += &stanza(&format!("release n={suite}"));
        text += &stanza(&format!("release a={suite}"));
    }
    Ok(Some(text))
}

/// The name of a URL's host, without its port.
fn host(url: &str) -> &str {
    let site = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
    site.unwrap_or_default().split(':').next().unwrap_or_default()
}

/// apt_preferences(5) for what is locked: that version, newer or older than what is there.
pub(super) fn pins(locked: &[LockedPackage]) -> Result<String, PackageError> {
    let mut text = String::new();
    for package in locked {
        check_package(&package.name)?;
        check_version(&package.version)?;
        let (name, version) = (&package.name, &package.version);
        let _ = writeln!(text, "Package: {name}\nPin: version {version}\nPin-Priority: 1001\n");
    }
    Ok(text)
}

/// What decides which lists are the same, whoever fetches them.
pub(super) fn key(lines: &[Line], arch: &str) -> String {
    let mut text = format!("1\n{arch}\n");
    for line in lines {
        let _ = writeln!(text, "{line:?}");
    }
    hex(text.as_bytes())[..24].to_owned()
}

/// Where one `Apt` keeps its things.
#[derive(Debug)]
pub(super) struct Folders {
    /// This build's.
    pub(super) own: PathBuf,
    /// Shared: these lists.
    pub(super) lists: PathBuf,
    /// Shared: all packages, by digest.
    pub(super) packages: PathBuf,
}

/// The text of apt.conf.
pub(super) fn apt_conf(
    folders: &Folders,
    arch: &str,
    acquire: &[(String, String)],
) -> Result<String, PackageError> {
    let own = folders.own.display().to_string();
    let lists = folders.lists.display().to_string();
    for path in [&own, &lists] {
        if path.contains(['"', ';', '\n', '{', '}']) {
            return Err(invalid(format!("apt cannot use the folder `{}`", path.escape_debug())));
        }
    }
    let nothing = format!("{own}/nothing");
    let mut text = String::new();
    let settings = [
        ("Dir::Etc::main", "/dev/null"),
        ("Dir::Etc::parts", &nothing),
        ("Dir::Etc::sourcelist", &format!("{own}/sources.list")),
        ("Dir::Etc::sourceparts", &nothing),
        ("Dir::Etc::preferences", &format!("{own}/preferences")),
        ("Dir::Etc::preferencesparts", &nothing),
        ("Dir::Etc::trusted", "/dev/null"),
        ("Dir::Etc::trustedparts", &nothing),
        ("Dir::State", &format!("{lists}/state")),
        ("Dir::State::lists", &format!("{lists}/lists")),
        ("Dir::State::status", &format!("{own}/status")),
        ("Dir::State::extended_states", &format!("{own}/extended_states")),
        ("Dir::Cache", &format!("{lists}/cache")),
        ("Dir::Cache::archives", &format!("{own}/archives")),
        ("Dir::Log", &format!("{own}/log")),
        ("APT::Architecture", arch),
        ("APT::Install-Recommends", "false"),
        ("APT::Install-Suggests", "false"),
        // Names are names: never patterns or tasks.
        ("APT::Cmd::Pattern-Only", "true"),
        // Else a failed update with old lists around would pass for a good one.
        ("APT::Update::Error-Mode", "any"),
        ("APT::Immediate-Configure", "false"),
        ("APT::Get::AllowUnauthenticated", "false"),
        ("Acquire::AllowInsecureRepositories", "false"),
        ("Acquire::AllowDowngradeToInsecureRepositories", "false"),
        ("Acquire::AllowWeakRepositories", "false"),
        ("Acquire::ForceHash", "SHA256"),
        ("Acquire::Languages", "none"),
        ("Acquire::GzipIndexes", "false"),
        ("Acquire::Retries", "2"),
        ("Acquire::http::Timeout", "60"),
        ("Acquire::https::Timeout", "60"),
    ];
    for (name, value) in settings {
        let _ = writeln!(text, "{name} \"{value}\";");
    }
    let _ = writeln!(text, "#clear APT::Architectures;\nAPT::Architectures {{ \"{arch}\"; }};");
    // Else apt would look for `_apt`, whom there is not where it is held.
    text.push_str("APT::Sandbox::User \"root\";\n");
    for (name, value) in acquire {
        if !name.contains(['"', ' ', ';']) && !value.contains(['"', '\n']) {
            let _ = writeln!(text, "{name} \"{value}\";");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_called_as_apt_calls_them() {
        assert_eq!(
            list_name("https://m.example:8080/a_b/debian/dists/one~two/InRelease"),
            "m.example:8080_a%5fb_debian_dists_one%7etwo_InRelease"
        );
    }

    #[test]
    fn a_priority_is_of_its_own_source_alone() {
        let line = |url: &str, suite: &str| Line {
            url: url.to_owned(),
            suite: suite.to_owned(),
            components: Vec::new(),
            keyrings: Vec::new(),
        };
        let source = |url: &str, suite: &str| PackageSource {
            name: "more".to_owned(),
            url: url.to_owned(),
            suites: vec![suite.to_owned()],
            components: Vec::new(),
            priority: Some(50),
            key: String::new(),
            cost: None,
            module_hotfixes: false,
            build_only: false,
        };
        let said = |url: &str, suite: &str| {
            let lines = [line("http://m.example:80/debian", "bookworm"), line(url, suite)];
            preference(&source(url, suite), &lines).map(Option::unwrap)
        };
        assert_eq!(
            said("https://tool.example/apt", "stable").unwrap(),
            "Package: *\nPin: origin \"tool.example\"\nPin-Priority: 50\n\n"
        );
        // The same host has the distribution itself, which keeps its own.
        assert_eq!(
            said("http://m.example/debian", "bookworm-backports").unwrap(),
            "Package: *\nPin: release n=bookworm-backports\nPin-Priority: 50\n\n\
             Package: *\nPin: release a=bookworm-backports\nPin-Priority: 50\n\n"
        );
        let error = said("http://m.example/other", "bookworm").unwrap_err().to_string();
        assert!(error.contains("the priority of `more` would be that of"), "{error}");
        let none = PackageSource { priority: None, ..source("http://m.example/other", "bookworm") };
        assert_eq!(preference(&none, &[]).unwrap(), None);
    }

    fn options(mirror: Option<&str>) -> AptOptions {
        AptOptions {
            suite: "bookworm".into(),
            mirror: mirror.map(str::to_owned),
            components: Vec::new(),
            keys: vec![
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----"
                    .into(),
            ],
            arch: "amd64".into(),
            cache: "/c".into(),
            work: "/w".into(),
            packages: "/w/packages".into(),
            sources: Vec::new(),
        }
    }

    fn builder() -> Mirror {
        Mirror {
            archive: "http://own.example/debian".into(),
            security: Some("http://own.example/debian-security".into()),
            keyring: None,
            acquire: Vec::new(),
        }
    }

    fn suites(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|l| format!("{} {}", l.url, l.suite)).collect()
    }

    #[test]
    fn the_builders_own_mirror_brings_updates_and_security() {
        let lines = lines(&options(None), Some(&builder())).unwrap();
        assert_eq!(
            suites(&lines),
            [
                "http://own.example/debian bookworm",
                "http://own.example/debian bookworm-updates",
                "http://own.example/debian-security bookworm-security",
            ]
        );
        let sid = AptOptions { suite: "sid".into(), ..options(None) };
        assert_eq!(
            suites(&super::lines(&sid, Some(&builder())).unwrap()),
            ["http://own.example/debian sid"]
        );
    }

    #[test]
    fn an_image_of_the_builders_own_mirror_is_given_that() {
        let unkeyed = |mirror| AptOptions { keys: Vec::new(), ..options(mirror) };
        let lines = lines(&options(None), Some(&builder())).unwrap();
        let text = image_source(&unkeyed(None), &lines).unwrap();
        assert_eq!(text.matches("Types: deb\n").count(), 3);
        assert!(text.contains("security\nSuites: bookworm-security\nComponents: main\n"), "{text}");
        assert_eq!(image_source(&unkeyed(Some("http://m.example/debian")), &lines), None);
        assert_eq!(image_source(&options(None), &lines), None);
    }

    #[test]
    fn an_explicit_mirror_brings_the_suite_alone() {
        let lines = lines(&options(Some("http://m.example/debian/")), Some(&builder())).unwrap();
        assert_eq!(suites(&lines), ["http://m.example/debian bookworm"]);
    }

    #[test]
    fn nothing_gets_into_the_configuration_but_what_it_says() {
        for bad in [
            "http://m.example/ [trusted=yes]",
            "http://m\nX",
            "ftp://m",
            "http://",
            "http://m\"; X",
        ] {
            assert!(lines(&options(Some(bad)), None).is_err(), "{bad}");
        }
        for bad in ["", "-o", "../x", "book worm", "x]", "x\n"] {
            let bad = AptOptions { suite: bad.into(), ..options(Some("http://m.example")) };
            assert!(lines(&bad, None).is_err(), "{bad:?}");
        }
        for bad in ["", "-y", "a", "apt-", "Apt", "apt=1", "a/b", "apt;x", "?essential", "x y"] {
            assert!(check_package(bad).is_err(), "{bad}");
        }
        for good in ["g++", "libstdc++6", "libc6:amd64", "0ad", "linux-image-6.1.0-40-amd64"] {
            check_package(good).unwrap();
        }
        assert!(check_version("1:2.3-4+deb12u1~bpo").is_ok());
        assert!(check_version("8.*").is_ok());
        for bad in ["1 2", "*", "1.*-2", "1.0**"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unsigned_repository_is_refused() {
        let mut options = options(Some("http://m.example"));
        options.sources = vec![PackageSource {
            name: "x".into(),
            url: "http://x.example".into(),
            suites: vec!["a".into()],
            components: vec!["b".into()],
            priority: None,
            key: String::new(),
            cost: None,
            module_hotfixes: false,
            build_only: false,
        }];
        let error = lines(&options, None).unwrap_err();
        assert!(error.to_string().contains("unsigned repositories are not used"));
    }
}
