//! What the downloader is told: how to get through the builder's proxies, and nothing else of apt's.

use std::fmt::Write as _;
use std::path::Path;

use crate::apt::builder_mirror;
use crate::error::PackageError;
use crate::files::reachable_by_all;

/// The text of an apt.conf for who only fetches files into these folders.
pub(crate) fn apt_conf(folders: &[&Path]) -> Result<String, PackageError> {
    let acquire = match builder_mirror() {
        Ok(mirror) => mirror.acquire,
        Err(PackageError::NoMirror) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(text(&acquire, folders.iter().all(|folder| reachable_by_all(folder))))
}

fn text(acquire: &[(String, String)], reachable: bool) -> String {
    let mut text = "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
                    Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"/dev/null\";\n\
                    Acquire::ForceHash \"SHA256\";\nAcquire::Retries \"2\";\n\
                    Acquire::http::Timeout \"60\";\nAcquire::https::Timeout \"60\";\n"
        .to_owned();
    if !reachable {
        // apt would fetch as `_apt`, who cannot get into a folder of root's.
        text.push_str("APT::Sandbox::User \"root\";\n");
    }
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
        let conf = text(&[proxy, odd], true);
        assert!(conf.contains("Acquire::http::Proxy \"http://p.example:1\";\n"));
        assert!(!conf.contains("X\"") && !conf.contains("Sandbox"));
        assert!(has_own_way(&conf) && !has_own_way(&text(&[], false)));
    }
}
