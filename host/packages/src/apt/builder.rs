//! What the builder's own apt configuration says of the Debian archive.

use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program};

use super::types::Mirror;
use crate::error::PackageError;

/// One entry of a `.sources` or `.list` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// Path of a keyring, an embedded key, or fingerprints.
    signed_by: Option<String>,
}

/// Names that only the Debian archive uses; what else is signed by no named keyring may be
/// anybody's.
const DEBIAN_SUITES: [&str; 14] = [
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "sid",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "jessie",
    "stretch",
];

/// Settings that decide how a mirror is reached and what of it is taken. Not all of `Acquire`:
/// index targets, for one, are added by packages of the builder that an image has no use for.
const CARRIED: [&str; 13] = [
    "http",
    "https",
    "ftp",
    "socks",
    "Check-Valid-Until",
    "Check-Date",
    "Max-ValidTime",
    "Min-ValidTime",
    "Retries",
    "Max-FutureTime",
    "ForceIPv4",
    "ForceIPv6",
    "Queue-Mode",
];

/// Reads the apt configuration of this machine.
///
/// # Errors
/// `NoMirror` when it names no Debian archive; `apt-config` fails.
pub fn builder_mirror() -> Result<Mirror, PackageError> {
    let dump = Program::new("apt-config").arg("dump").run(&Cancel::new()).map_err(|e| {
        PackageError::Apt { doing: "reading apt's configuration".to_owned(), detail: e.to_string() }
    })?;
    let settings = parse_dump(&dump.text());
    let mut sources = Vec::new();
    for (path, deb822) in source_files(&settings)? {
        let text = std::fs::read_to_string(&path).map_err(|source| PackageError::Io {
            doing: format!("reading `{}`", path.display()),
            source,
        })?;
        sources.extend(if deb822 { parse_deb822(&text) } else { parse_list(&text) });
    }
    mirror_of(&sources, &settings).ok_or(PackageError::NoMirror)
}

/// The files that apt reads, in its order, and whether each is in deb822 form.
fn source_files(settings: &[(String, String)]) -> Result<Vec<(PathBuf, bool)>, PackageError> {
    let get = |name: &str, or: &str| {
        settings
            .iter()
            .rev()
            .find(|(k, _)| k == name)
            .map_or_else(|| or.to_owned(), |(_, v)| v.clone())
    };
    let etc = Path::new(&get("Dir", "/")).join(get("Dir::Etc", "etc/apt"));
    let mut files = vec![(etc.join(get("Dir::Etc::sourcelist", "sources.list")), false)];
    let parts = etc.join(get("Dir::Etc::sourceparts", "sources.list.d"));
    if parts.is_dir() {
        let entries = std::fs::read_dir(&parts).map_err(|source| PackageError::Io {
            doing: format!("reading `{}`", parts.display()),
            source,
        })?;
        let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        found.sort();
        files.extend(found.into_iter().filter_map(|path| match path.extension()?.to_str()? {
            "list" => Some((path, false)),
            "sources" => Some((path, true)),
            _ => None,
        }));
    }
    files.retain(|(path, _)| path.is_file());
    Ok(files)
}

/// `apt-config dump`: `Name "value";` a line.
fn parse_dump(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" \"")?;
            Some((name.to_owned(), rest.strip_suffix("\";")?.to_owned()))
        })
        .collect()
}

/// sources.list(5), the deb822 form.
fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    for stanza in lines.split(|l| l.trim().is_empty()) {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza {
            match (line.starts_with([' ', '\t']), line.split_once(':'), fields.last_mut()) {
                (true, _, Some((_, value))) => {
                    value.push('\n');
                    value.push_str(line.trim());
                }
                (false, Some((name, value)), _) => {
                    fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
                }
                _ => (),
            }
        }
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let words = |name: &str| -> Vec<String> {
            field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let enabled = field("enabled").is_none_or(|v| !matches!(v.as_str(), "no" | "false" | "0"));
        if enabled && words("types").iter().any(|t| t == "deb") {
            sources.push(Source {
                uris: words("uris"),
                suites: words("suites"),
                components: words("components"),
                signed_by: field("signed-by"),
            });
        }
    }
    sources
}

/// sources.list(5), one line for each.
fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_list_line).collect()
}

fn parse_list_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options
        .split_whitespace()
        .find_map(|o| o.to_lowercase().starts_with("signed-by=").then(|| o[10..].to_owned()));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

fn mirror_of(sources: &[Source], settings: &[(String, String)]) -> Option<Mirror> {
    let mut archive = None;
    let mut security = None;
    let mut keyring = None;
    for source in sources {
        let named = source.signed_by.as_deref();
        let debian = match named {
            Some(keys) => keys.contains("debian-archive"),
            None => source.suites.iter().any(|s| {
                let release = s.split(['-', '/']).next().unwrap_or_default();
                DEBIAN_SUITES.contains(&release)
            }),
        };
        let Some(uri) = source.uris.first().filter(|_| debian) else { continue };
        let uri = uri.trim_end_matches('/');
        for suite in &source.suites {
            if suite.ends_with("-security") || suite.ends_with("/updates") {
                security.get_or_insert_with(|| uri.to_owned());
            } else {
                archive.get_or_insert_with(|| uri.to_owned());
            }
        }
        if keyring.is_none() && named.is_some_and(|k| k.starts_with('/') && !k.contains([' ', ',']))
        {
            keyring = named.map(PathBuf::from);
        }
    }
    let carried = settings.iter().filter(|(name, value)| {
        let mut parts = name.split("::");
        parts.next() == Some("Acquire")
            && parts
                .next()
                .is_some_and(|second| CARRIED.iter().any(|c| c.eq_ignore_ascii_case(second)))
            && !value.is_empty()
    });
    Some(Mirror { archive: archive?, security, keyring, acquire: carried.cloned().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "\
# Comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
";

    const OTHERS: &str = "\
deb [arch=amd64 signed-by=/etc/apt/keyrings/tool.gpg] https://tool.example/apt bookworm main
deb https://nobody.example/apt nodistro main # a comment
#deb http://off.example/debian bookworm main
deb-src http://source.example/debian bookworm main
";

    const DUMP: &str = "\
Acquire \"\";
Acquire::Check-Valid-Until \"false\";
Acquire::http::Proxy \"http://proxy.example:3128\";
Acquire::http::Proxy::direct.example \"DIRECT\";
Acquire::Languages:: \"none\";
Acquire::IndexTargets::deb::DEP-11::MetaKey \"x\";
DPkg::Post-Invoke:: \"rm -rf \\\"x\\\"\";
";

    #[test]
    fn the_archive_is_found_among_others() {
        let mut sources = parse_list(OTHERS);
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/etc/apt/keyrings/tool.gpg"));
        sources.extend(parse_deb822(DEB822));
        let mirror = mirror_of(&sources, &parse_dump(DUMP)).unwrap();
        assert_eq!(mirror.archive, "http://mirror.example/debian");
        assert_eq!(mirror.security.as_deref(), Some("http://security.example/debian-security"));
        assert_eq!(
            mirror.keyring.as_deref(),
            Some(Path::new("/usr/share/keyrings/debian-archive-keyring.gpg"))
        );
        let carried: Vec<_> = mirror.acquire.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            carried,
            [
                "Acquire::Check-Valid-Until=false",
                "Acquire::http::Proxy=http://proxy.example:3128",
                "Acquire::http::Proxy::direct.example=DIRECT",
            ]
        );
    }

    #[test]
    fn an_old_line_without_a_key_is_known_by_its_suite() {
        let sources = parse_list(
            "deb http://m.example/debian/ bullseye main\ndeb http://s.example bullseye-security main\n",
        );
        let mirror = mirror_of(&sources, &[]).unwrap();
        assert_eq!(mirror.archive, "http://m.example/debian");
        assert_eq!(mirror.security.as_deref(), Some("http://s.example"));
    }

    #[test]
    fn no_archive_is_no_mirror() {
        assert_eq!(mirror_of(&parse_list(OTHERS), &[]).map(|m| m.archive), None);
        assert!(PackageError::NoMirror.to_string().contains("set the parameter `mirror`"));
    }
}
