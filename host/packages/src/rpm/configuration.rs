//! What the downloader is told: how to get through the builder's proxies, and nothing else of apt's.

use std::fmt::Write as _;

use crate::apt::builder_mirror;
use crate::error::PackageError;

/// How the builder gets to a mirror, by apt's settings.
pub(crate) fn ways() -> Result<Vec<(String, String)>, PackageError> {
    match builder_mirror() {
        Ok(mirror) => Ok(mirror.acquire),
        Err(PackageError::NoMirror) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The text of an apt.conf for who only fetches files.
pub(crate) fn apt_conf(acquire: &[(String, String)]) -> String {
    let mut text = "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
                    Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"/dev/null\";\n\
                    APT::Sandbox::User \"root\";\n\
                    Acquire::ForceHash \"SHA256\";\nAcquire::Retries \"2\";\n\
                    Acquire::http::Timeout \"60\";\nAcquire::https::Timeout \"60\";\n"
        .to_owned();
    for (name, value) in acquire {
        if !name.contains(['"', ' ', ';']) && !value.contains(['"', '\n']) {
            let _ = writeln!(text, "{name} \"{value}\";");
        }
    }
    text
}

/// How to get there is apt's own affair: whoever else asks may come by another way.
pub(crate) fn has_own_way(conf: &str) -> bool {
    conf.lines().any(|line| line.to_ascii_lowercase().contains("proxy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_builders_is_carried_but_its_ways() {
        let proxy = ("Acquire::http::Proxy".to_owned(), "http://p.example:1".to_owned());
        let odd = ("Acquire::http::X\"".to_owned(), "x".to_owned());
        let conf = apt_conf(&[proxy, odd]);
        assert!(conf.contains("Acquire::http::Proxy \"http://p.example:1\";\n"));
        assert!(!conf.contains("X\""));
        assert!(has_own_way(&conf) && !has_own_way(&apt_conf(&[])));
    }
}
