//! Where the hierarchies of control groups are, and where in them this process is.
//!
//! A controller belongs to one hierarchy: to one of version 1, or to the unified one of version 2.
//! What is found is parsed from `/proc/self/mountinfo` and `/proc/self/cgroup`, which say the same
//! inside of containers.

use std::path::PathBuf;

/// How a hierarchy is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A hierarchy that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// Its root, as far as it can be seen here.
    pub(super) mount: PathBuf,
    /// The group of this process.
    pub(super) own: PathBuf,
}

/// The hierarchies that hold a controller of this name, the one of version 1 first: where there is
/// one, the unified one lacks that controller.
pub(super) fn hierarchies(mounts: &str, groups: &str, controller: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> =
        mounts.lines().filter_map(|line| hierarchy(line, groups, controller)).collect();
    found.sort_by_key(|h| h.version == Version::Two);
    found
}

/// `36 35 0:30 /ROOT /MOUNT OPTIONS [TAGS…] - cgroup SOURCE rw,memory`
fn hierarchy(line: &str, groups: &str, controller: &str) -> Option<Hierarchy> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, mount) = (unescape(left.next()?), unescape(left.next()?));
    let mut right = right.split(' ');
    let (kind, options) = (right.next()?, right.nth(1)?);
    let version = match kind {
        "cgroup" if options.split(',').any(|o| o == controller) => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let own = groups.lines().find_map(|line| own(line, version, controller))?;
    let below = PathBuf::from(&own);
    // What is above the mounted part cannot be reached.
    let below = below.strip_prefix(&root).unwrap_or_else(|_| "".as_ref());
    let mount = PathBuf::from(mount);
    Some(Hierarchy { version, own: mount.join(below), mount })
}

/// `4:memory:/user.slice`, `0::/user.slice`
fn own(line: &str, version: Version, controller: &str) -> Option<String> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let here = match version {
        Version::One => controllers.split(',').any(|c| c == controller),
        Version::Two => number == "0",
    };
    here.then(|| path.to_owned())
}

/// `\040` is a blank.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(3).unwrap_or(("", part));
        match u8::from_str_radix(digits, 8) {
            Ok(byte) => out.push(char::from(byte)),
            Err(_) => out.push_str(digits),
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian 12 and all later ones.
    const UNIFIED: &str = "\
        24 1 254:1 / / rw - ext4 /dev/vda1 rw\n\
        30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

    /// As in a small virtual machine.
    const LEGACY: &str = "\
        31 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        33 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        34 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn at(version: Version, mount: &str, own: &str) -> Hierarchy {
        Hierarchy { version, mount: mount.into(), own: own.into() }
    }

    #[test]
    fn the_unified_hierarchy_is_found_with_the_place_of_this_process() {
        let groups = "0::/user.slice/user-0.slice/session-1.scope\n";
        let own = "/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope";
        assert_eq!(
            hierarchies(UNIFIED, groups, "memory"),
            [at(Version::Two, "/sys/fs/cgroup", own)]
        );
    }

    #[test]
    fn a_hierarchy_of_version_1_comes_first() {
        let groups = "9:memory:/jobs/7\n3:cpu,cpuacct:/\n0::/\n";
        assert_eq!(
            hierarchies(LEGACY, groups, "memory"),
            [
                at(Version::One, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/jobs/7"),
                at(Version::Two, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/"),
            ]
        );
        assert_eq!(hierarchies(LEGACY, groups, "pids").len(), 1);
        assert_eq!(hierarchies("", groups, "memory"), []);
    }

    #[test]
    fn a_container_sees_a_part_of_a_hierarchy() {
        let mounts = "33 31 0:29 /docker/abc /sys/fs/my\\040groups ro - cgroup cgroup rw,memory\n";
        let found = hierarchies(mounts, "9:memory:/docker/abc/x\n", "memory");
        assert_eq!(found, [at(Version::One, "/sys/fs/my groups", "/sys/fs/my groups/x")]);
    }
}
