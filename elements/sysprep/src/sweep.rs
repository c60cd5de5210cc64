//! What is removed: by folder and name.

use dibhost_element_sdk::{Change, Entry, Kind, Result, Tree};

/// A folder and what of it goes.
pub(crate) struct Rule {
    folder: &'static str,
    /// Names with `*` for any run of characters; a whole folder goes with what is in it.
    names: &'static [&'static str],
    depth: Depth,
}

/// How far a rule reaches.
#[derive(PartialEq, Eq)]
enum Depth {
    /// What the folder holds.
    Here,
    /// The files in it and in all folders below, which stay.
    Files,
    /// What each of its folders holds: of every home.
    Children,
}

const fn here(folder: &'static str, names: &'static [&'static str]) -> Rule {
    Rule { folder, names, depth: Depth::Here }
}

const fn files(folder: &'static str, names: &'static [&'static str]) -> Rule {
    Rule { folder, names, depth: Depth::Files }
}

/// What shells and tools remember.
const REMEMBERED: &[&str] =
    &[".bash_history", ".cache", ".lesshst", ".python_history", ".rnd", ".viminfo", ".wget-hsts"];

/// All that goes.
pub(crate) const RULES: &[Rule] = &[
    // Each machine's own.
    here("/etc/ssh", &["ssh_host_*_key", "ssh_host_*_key.pub"]),
    here("/var/lib/systemd", &["random-seed", "credential.secret", "timesync", "timers"]),
    here("/etc/udev/rules.d", &["70-persistent-net.rules", "70-persistent-cd.rules"]),
    here("/var/lib/dhcp", &["*.leases", "*.lease"]),
    // Not `seed` and `scripts`: somebody put them there for the machines.
    here("/var/lib/cloud", &["instance", "instances", "data", "sem", "handlers"]),
    // Of the build.
    files("/var/log", &["*"]),
    here("/var/lib/apt/lists", &["*"]),
    here("/var/cache/apt", &["*.bin"]),
    here("/var/cache/apt/archives", &["*.deb", "partial"]),
    files("/var/cache/debconf", &["*-old"]),
    here("/var/cache/ldconfig", &["aux-cache"]),
    here("/var/cache/man", &["*"]),
    here("/var/cache/fontconfig", &["*"]),
    here("/var/lib/dpkg", &["*-old", "lock", "lock-frontend"]),
    here("/var/lib/dpkg/triggers", &["Lock"]),
    here("/var/backups", &["*"]),
    here("/tmp", &["*"]),
    here("/var/tmp", &["*"]),
    here("/run", &["*"]),
    here("/root", REMEMBERED),
    Rule { folder: "/home", names: REMEMBERED, depth: Depth::Children },
    // Copies that tools make before they change a file.
    here("/etc", &["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-", ".pwd.lock"]),
    files("/etc", &["*.dpkg-old", "*.dpkg-new", "*.dpkg-tmp", "*.ucf-old", "*.ucf-new"]),
];

/// One rule applied to a tree.
pub(crate) struct Sweep<'a> {
    tree: &'a Tree,
    rule: &'a Rule,
}

impl<'a> Sweep<'a> {
    pub(crate) fn new(tree: &'a Tree, rule: &'a Rule) -> Self {
        Self { tree, rule }
    }

    /// What it removes.
    pub(crate) fn changes(&self) -> Result<Vec<Change>> {
        let Rule { folder, names, depth } = self.rule;
        let fits = |entry: &Entry| names.iter().any(|name| matches(name, entry.name()));
        let mut entries = match depth {
            Depth::Here => self.list(folder)?,
            Depth::Files => {
                let all = if self.is_folder(folder)? { self.tree.walk(folder)? } else { vec![] };
                all.into_iter().filter(|e| e.stat.kind != Kind::Directory).collect()
            }
            Depth::Children => {
                let mut all = Vec::new();
                for home in self.list(folder)? {
                    all.extend(self.list(&home.path)?);
                }
                all
            }
        };
        entries.retain(fits);
        Ok(entries.into_iter().map(|entry| Change::remove(entry.path)).collect())
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        if self.is_folder(folder)? { self.tree.list(folder) } else { Ok(Vec::new()) }
    }

    /// A link to a folder is left alone: what it leads to has a place of its own.
    fn is_folder(&self, path: &str) -> Result<bool> {
        Ok(self.tree.stat(path)?.is_some_and(|stat| stat.kind == Kind::Directory))
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
        rest = after;
    }
    left.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name, fits) in [
            ("*", "x", true),
            ("ssh_host_*_key", "ssh_host_rsa_key", true),
            ("ssh_host_*_key", "ssh_host_rsa_key.pub", false),
            ("*-old", "status-old", true),
            ("*-old", "status", false),
            ("passwd-", "passwd", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
