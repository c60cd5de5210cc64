//! What comes from around the command: folders, the person who builds, proxies, the machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use dibhost_plan::planner::BuilderSurroundings;

use crate::cli::ElementOptions;

/// Folders with elements, those named first before those that came with the program.
pub(crate) fn element_folders(options: &ElementOptions) -> Vec<PathBuf> {
    let mut folders = options.folders.clone();
    if let Some(listed) = env::var_os("DIBHOST_ELEMENTS") {
        folders.extend(env::split_paths(&listed).filter(|p| !p.as_os_str().is_empty()));
    }
    if let Some(prefix) =
        env::current_exe().ok().as_deref().and_then(Path::parent).and_then(Path::parent)
    {
        folders.push(prefix.join("share/dibhost/elements"));
        folders.push(prefix.join("elements"));
    }
    folders
}

/// Where downloads and compiled elements are kept.
pub(crate) fn cache_folder(options: &ElementOptions) -> PathBuf {
    cache_of(options.cache.as_ref())
}

/// The same, where that was asked for.
pub(crate) fn cache_of(asked: Option<&PathBuf>) -> PathBuf {
    if let Some(folder) = asked {
        return folder.clone();
    }
    if dibhost_sys::is_root() {
        return PathBuf::from("/var/cache/dibhost");
    }
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.unwrap_or_else(|| PathBuf::from(".")).join("dibhost")
}

/// The folder of docker's own files, with who somebody is to registries.
pub(crate) fn docker_folder() -> Option<PathBuf> {
    let said = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    said("DOCKER_CONFIG").or_else(|| said("HOME").map(|home| home.join(".docker")))
}

/// What elements with the grant `builder` may see. Under sudo the person is the one who typed
/// `sudo`, not root.
pub(crate) fn builder() -> BuilderSurroundings {
    let home = match env::var("SUDO_USER") {
        Ok(user) if dibhost_sys::is_root() => dibhost_sys::home_of(&user),
        _ => env::var_os("HOME").map(PathBuf::from),
    };
    let variable = |names: [&str; 2]| {
        names.into_iter().find_map(|n| env::var(n).ok().filter(|v| !v.is_empty()))
    };
    BuilderSurroundings {
        authorized_keys: home.map(|home| public_keys(&home.join(".ssh"))).unwrap_or_default(),
        http_proxy: variable(["http_proxy", "HTTP_PROXY"]),
        https_proxy: variable(["https_proxy", "HTTPS_PROXY"]),
        no_proxy: variable(["no_proxy", "NO_PROXY"])
            .map(|list| list.split(',').map(|host| host.trim().to_owned()).collect())
            .unwrap_or_default(),
    }
}

/// The keys that let the person in here; where none do, the person's own public keys.
fn public_keys(folder: &Path) -> Vec<String> {
    let keys = keys_in(&folder.join("authorized_keys"));
    if !keys.is_empty() {
        return keys;
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "pub"));
    paths.sort();
    paths.iter().flat_map(|path| keys_in(path)).collect()
}

fn keys_in(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorized_keys_come_before_a_persons_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("id_b.pub", "ssh-rsa B\n");
        write("id_a.pub", "ssh-rsa A\n");
        write("id_a", "PRIVATE");
        assert_eq!(public_keys(folder.path()), ["ssh-rsa A", "ssh-rsa B"]);
        write("authorized_keys", "# mine\n\nssh-rsa C c@d\n");
        assert_eq!(public_keys(folder.path()), ["ssh-rsa C c@d"]);
    }
}
