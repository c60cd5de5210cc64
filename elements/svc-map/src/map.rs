//! `svc-map`: what a service is called in a system. Of several that say it the most specific counts: the
//! distribution's name, its family's, `default`.

use dib_files::yaml::Node;
use dibhost_element_sdk::slots::Distribution;

/// The units of a service in a system.
///
/// # Errors
/// What is wrong with the entry: a part of a sentence.
pub(crate) fn units(entry: &Node, system: &Distribution) -> Result<Vec<String>, String> {
    let Node::Map(_) = entry else {
        return Err("is no mapping of systems to names".to_owned());
    };
    let said = [&system.id, dib_files::family(system), "default"]
        .into_iter()
        .find_map(|key| entry.get(key));
    let names = match said {
        None => {
            return Err(format!(
                "has no name for `{}`, for its family, nor a `default`",
                system.id.escape_debug()
            ));
        }
        Some(Node::Text(name)) => vec![name.clone()],
        Some(Node::List(names)) => {
            let names: Option<Vec<String>> =
                names.iter().map(|name| name.text().map(str::to_owned)).collect();
            names.ok_or("is mapped to no list of names")?
        }
        Some(Node::Null | Node::Map(_)) => return Err("is mapped to no name".to_owned()),
    };
    names.iter().map(|name| unit(name)).collect()
}

/// A name with its suffix: what has none is a service.
///
/// # Errors
/// It is no name of a unit: a part of a sentence.
pub(crate) fn unit(name: &str) -> Result<String, String> {
    const SUFFIXES: [&str; 6] = ["service", "socket", "timer", "target", "path", "mount"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._:-\\".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(format!("is called `{}`, which is no unit", name.escape_debug()));
    }
    let has = name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
    Ok(if has { name.to_owned() } else { format!("{name}.service") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, family: &str, text: &str) -> Result<Vec<String>, String> {
        let system = Distribution {
            id: id.to_owned(),
            version_id: String::new(),
            codename: String::new(),
            family: family.to_owned(),
            package_manager: String::new(),
            init: String::new(),
            default_user: String::new(),
        };
        units(&dib_files::yaml::read(text).unwrap(), &system)
    }

    const ENTRY: &str = "default: httpd\ndebian: apache2\nubuntu: [apache2, apache-htcacheclean]\n\
                         redhat: httpd.socket\n";

    #[test]
    fn the_most_specific_counts() {
        assert_eq!(
            of("ubuntu", "debian", ENTRY).unwrap(),
            ["apache2.service", "apache-htcacheclean.service"]
        );
        assert_eq!(of("debian", "debian", ENTRY).unwrap(), ["apache2.service"]);
        assert_eq!(of("rocky", "rhel", ENTRY).unwrap(), ["httpd.socket"]);
        assert_eq!(of("opensuse", "suse", ENTRY).unwrap(), ["httpd.service"]);
    }

    #[test]
    fn what_says_no_unit_is_refused() {
        for (text, says) in [
            ("x", "no mapping"),
            ("redhat: x", "no name for `debian`"),
            ("default: ''", "is called ``"),
            ("default: \"a b\"", "no unit"),
            ("default: ../x", "no unit"),
            ("default: [a, [b]]", "no list"),
            ("default: ~", "no name"),
        ] {
            let said = of("debian", "debian", text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
