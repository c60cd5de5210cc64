//! `package-installs.yaml`: which packages, when, and what becomes of them.

use dib_files::yaml::Node;
use dibhost_element_sdk::{Phase, Want};

use crate::when::{Variables, holds};

/// A package by the name that the file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) phase: Phase,
    pub(crate) want: Want,
}

const KEYS: [&str; 8] = [
    "phase",
    "uninstall",
    "build-only",
    "installtype",
    "arch",
    "not-arch",
    "dib_python_version",
    "when",
];

/// The packages of a file that apply here, in its order.
///
/// # Errors
/// One sentence without a full stop for each thing that is wrong.
pub(crate) fn entries(
    file: &Node,
    arch: &str,
    variables: &Variables,
) -> Result<Vec<Entry>, Vec<String>> {
    let packages = match file {
        Node::Null => return Ok(Vec::new()),
        Node::Map(packages) => packages,
        _ => return Err(vec!["it is no mapping of packages".to_owned()]),
    };
    let (mut entries, mut wrong) = (Vec::new(), Vec::new());
    for (name, settings) in packages {
        // Of a list each is a package of that name with settings of its own.
        let alternatives = match settings {
            Node::List(list) => list.iter().collect(),
            one => vec![one],
        };
        for settings in alternatives {
            match entry(name, settings, arch, variables) {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => {}
                Err(problem) => wrong.push(format!("`{}`: {problem}", name.escape_debug())),
            }
        }
    }
    if wrong.is_empty() { Ok(entries) } else { Err(wrong) }
}

/// None: it does not apply here.
fn entry(
    name: &str,
    settings: &Node,
    arch: &str,
    variables: &Variables,
) -> Result<Option<Entry>, String> {
    let pairs: &[(String, Node)] = match settings {
        Node::Null => &[],
        Node::Map(pairs) => pairs,
        _ => return Err("its settings are no mapping".to_owned()),
    };
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
        return Err(format!("there is no setting `{}`", key.escape_debug()));
    }
    let phase = phase(settings.get("phase"))?;
    let (uninstall, build_only) = (is_set(settings, "uninstall")?, is_set(settings, "build-only")?);
    let want = match (uninstall, build_only) {
        (true, true) => return Err("it is `uninstall` and `build-only` at once".to_owned()),
        (true, false) => Want::Remove,
        (false, true) => Want::BuildOnly,
        (false, false) => Want::Install,
    };
    let applies = of_arch(settings, arch)?
        && of_python(settings)?
        && of_install_type(settings)?
        && settings.get("when").map_or(Ok(true), |when| holds(when, variables))?;
    Ok(applies.then(|| Entry { name: name.to_owned(), phase, want }))
}

fn phase(phase: Option<&Node>) -> Result<Phase, String> {
    match phase {
        None => Ok(Phase::Install),
        Some(Node::Text(text)) => match text.strip_suffix(".d").unwrap_or(text) {
            "pre-install" => Ok(Phase::PreInstall),
            "install" => Ok(Phase::Install),
            "post-install" => Ok(Phase::PostInstall),
            _ => Err(format!(
                "`phase` is `{}`: packages are installed in `pre-install.d`, `install.d` and \
                 `post-install.d`",
                text.escape_debug()
            )),
        },
        Some(_) => Err("`phase` is no text".to_owned()),
    }
}

/// DIB takes `uninstall: False` for a yes; here it is what it says.
fn is_set(settings: &Node, key: &str) -> Result<bool, String> {
    match settings.get(key) {
        None | Some(Node::Null) => Ok(false),
        Some(Node::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!("`{key}` is neither `true` nor `false`")),
        },
        Some(_) => Err(format!("`{key}` is neither `true` nor `false`")),
    }
}

/// Machines by the names that DIB has for them too.
fn of_arch(settings: &Node, arch: &str) -> Result<bool, String> {
    let listed = |key: &str| match settings.get(key) {
        None => Ok(None),
        Some(Node::Text(text)) => {
            let named = text.split(',').map(str::trim).any(|name| as_debian(name) == arch);
            Ok(Some(named))
        }
        Some(_) => Err(format!("`{key}` is no list of machines: write `amd64, arm64`")),
    };
    match (listed("arch")?, listed("not-arch")?) {
        (Some(_), Some(_)) => Err("it has both `arch` and `not-arch`".to_owned()),
        (Some(named), None) => Ok(named),
        (None, Some(named)) => Ok(!named),
        (None, None) => Ok(true),
    }
}

fn as_debian(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "ppc64le" => "ppc64el",
        other => other,
    }
}

/// There is Python 3 alone.
fn of_python(settings: &Node) -> Result<bool, String> {
    match settings.get("dib_python_version") {
        None => Ok(true),
        Some(Node::Text(version)) if version == "2" || version == "3" => Ok(version == "3"),
        Some(_) => Err("`dib_python_version` is neither `2` nor `3`".to_owned()),
    }
}

/// Everything is installed from packages.
fn of_install_type(settings: &Node) -> Result<bool, String> {
    match settings.get("installtype") {
        None => Ok(true),
        Some(Node::Text(kind)) if kind == "package" || kind == "source" => Ok(kind == "package"),
        Some(_) => Err("`installtype` is neither `package` nor `source`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Entry>, Vec<String>> {
        let variables = [("DIB_FEATURE".to_owned(), "1".to_owned())].into();
        entries(&dib_files::yaml::read(text).unwrap(), "amd64", &variables)
    }

    fn names(text: &str) -> Vec<String> {
        of(text).unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn settings_say_when_and_what_becomes_of_it() {
        let text = "a:\nb:\n  phase: pre-install.d\nc:\n  uninstall: True\nd:\n  build-only: yes\n\
                    e:\n  phase: post-install.d\n  uninstall: False\n";
        let entry = |name: &str, phase, want| Entry { name: name.to_owned(), phase, want };
        assert_eq!(
            of(text).unwrap(),
            [
                entry("a", Phase::Install, Want::Install),
                entry("b", Phase::PreInstall, Want::Install),
                entry("c", Phase::Install, Want::Remove),
                entry("d", Phase::Install, Want::BuildOnly),
                entry("e", Phase::PostInstall, Want::Install),
            ]
        );
    }

    #[test]
    fn packages_are_of_a_machine() {
        assert_eq!(names("a:\n  arch: amd64\nb:\n  arch: arm64\n"), ["a"]);
        // The second of a list counts too, which DIB passes over.
        assert_eq!(names("a:\n  arch: ppc64, amd64\nb:\n  not-arch: ppc64, x86_64\n"), ["a"]);
        assert_eq!(
            names("a:\n  - arch: arm64\n  - arch: amd64\n    phase: pre-install.d\n"),
            ["a"]
        );
    }

    #[test]
    fn packages_are_of_a_condition_a_python_and_a_type() {
        let text = "a:\n  when: DIB_FEATURE = 1\nb:\n  when: DIB_FEATURE != 1\n\
                    c:\n  dib_python_version: 2\nd:\n  dib_python_version: 3\n\
                    e:\n  installtype: source\nf:\n  installtype: package\n";
        assert_eq!(names(text), ["a", "d", "f"]);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let text = "a:\n  phase: finalise.d\nb:\n  arch: x\n  not-arch: y\nc:\n  colour: red\n\
                    d: text\ne:\n  uninstall: maybe\nf:\n  when: NOBODY = 1\n\
                    g:\n  uninstall: true\n  build-only: true\nh:\n  installtype: magic\n";
        let wrong = of(text).unwrap_err();
        let begun = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| format!("`{name}`: "));
        assert_eq!(wrong.len(), begun.len(), "{wrong:?}");
        for (wrong, begun) in wrong.iter().zip(begun) {
            assert!(wrong.starts_with(&begun), "{wrong}");
        }
        assert_eq!(of("- a\n").unwrap_err(), ["it is no mapping of packages"]);
        assert_eq!(of("").unwrap(), []);
    }
}
