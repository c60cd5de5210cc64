//! `pkg-map`: what a package is called in a system. Of several that say it the most specific counts:
//! `release`, `distro`, `family`, `default`.

use dib_files::yaml::Node;
use dibhost_element_sdk::slots::Distribution;

/// The names of a package in a system: none at all where the map says so, its own where the map
/// does not know it.
///
/// # Errors
/// The map says something else than names.
pub(crate) fn names(map: &Node, system: &Distribution, name: &str) -> Result<Vec<String>, String> {
    let of = |path: &[&str]| path.iter().try_fold(map, |node, key| node.get(key));
    let release = [&system.codename, &system.version_id]
        .map(|release| of(&["release", &system.id, release]).and_then(|section| section.get(name)));
    let said = release.into_iter().flatten().next();
    let said = said
        .or_else(|| of(&["distro", &system.id, name]))
        .or_else(|| of(&["family", dib_files::family(system), name]))
        .or_else(|| of(&["default", name]));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    match said {
        None => Ok(vec![name.to_owned()]),
        Some(Node::Null) => Ok(Vec::new()),
        Some(Node::Text(text)) => Ok(words(text)),
        Some(Node::List(list)) => {
            let names = list.iter().map(|name| name.text().map(str::to_owned));
            let names: Option<Vec<String>> = names.collect();
            names.ok_or_else(|| format!("`{}` is mapped to no list of names", name.escape_debug()))
        }
        Some(Node::Map(_)) => Err(format!("`{}` is mapped to no name", name.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{
        "release": { "fedora": { "23": { "nova": "foo bar" } } },
        "distro": { "fedora": { "nova": "openstack-compute", "glance": "openstack-image" } },
        "family": { "redhat": { "nova": "openstack-nova" }, "suse": { "nova": "" } },
        "default": { "nova": "nova-default", "glance": ["glance", "glance-store"] }
    }"#;

    fn of(id: &str, family: &str, version: &str, name: &str) -> Vec<String> {
        let system = Distribution {
            id: id.to_owned(),
            version_id: version.to_owned(),
            codename: String::new(),
            family: family.to_owned(),
            package_manager: String::new(),
            init: String::new(),
            default_user: String::new(),
        };
        names(&dib_files::yaml::read(MAP).unwrap(), &system, name).unwrap()
    }

    #[test]
    fn the_most_specific_counts() {
        assert_eq!(of("fedora", "fedora", "23", "nova"), ["foo", "bar"]);
        assert_eq!(of("fedora", "fedora", "24", "nova"), ["openstack-compute"]);
        assert_eq!(of("rhel", "rhel", "9", "nova"), ["openstack-nova"]);
        assert_eq!(of("debian", "debian", "12", "nova"), ["nova-default"]);
        assert_eq!(of("debian", "debian", "12", "glance"), ["glance", "glance-store"]);
    }

    #[test]
    fn what_is_mapped_to_nothing_is_nothing_and_what_is_not_mapped_is_itself() {
        assert!(of("opensuse", "suse", "15", "nova").is_empty());
        assert_eq!(of("debian", "debian", "12", "curl"), ["curl"]);
    }
}
