//! Why a user namespace could not be had, and what to do about it, by what this machine has set.

use std::path::Path;

use rustix::io::Errno;

/// What has a say in it, as `/proc` has it.
#[derive(Debug, Default)]
pub(super) struct Switches {
    root: bool,
    /// Ubuntu's, since 23.10: programs without a profile get namespaces without any right in them.
    apparmor: bool,
    /// Debian's, off until 11.
    clone: Option<bool>,
    /// Everybody's.
    most: Option<u64>,
    container: bool,
    /// A filter of system calls holds this process.
    filtered: bool,
}

impl Switches {
    pub(super) fn of_this_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        let status = read("/proc/self/status").unwrap_or_default();
        let filter = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        Self {
            root: rustix::process::geteuid().is_root(),
            apparmor: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1),
            clone: number("/proc/sys/kernel/unprivileged_userns_clone").map(|value| value != 0),
            most: number("/proc/sys/user/max_user_namespaces"),
            container: ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"]
                .iter()
                .any(|mark| Path::new(mark).exists())
                // Some of the machine's ids only.
                || read("/proc/self/uid_map").is_some_and(|map| !map.contains("4294967295")),
            filtered: filter.is_some_and(|mode| mode.trim() != "0"),
        }
    }

    /// One sentence: the kernel's answer, what it most likely is, and the remedy.
    pub(super) fn why(&self, error: Errno) -> String {
        let said = std::io::Error::from(error).to_string();
        let said = said.split(" (os error").next().unwrap_or_default();
        let begin = format!("this machine gives the build no user namespace ({said})");
        let most_is_none = self.most == Some(0);
        let remedy = if most_is_none || error == Errno::NOSPC {
            "`user.max_user_namespaces` is too small: `sudo sysctl user.max_user_namespaces=15000`"
        } else if !self.root && self.clone == Some(false) {
            "`kernel.unprivileged_userns_clone` is off: \
             `sudo sysctl kernel.unprivileged_userns_clone=1`"
        } else if !self.root && self.apparmor {
            "AppArmor keeps them from programs without a profile: `sudo apparmor_parser -r -W` of \
             `share/dibhost/apparmor/dibhost` where dibhost is installed, or \
             `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        } else if self.container || self.filtered {
            "this is a container, or held as one: give it the right to unshare, with docker or podman \
             by `--security-opt seccomp=unconfined --security-opt apparmor=unconfined \
             --security-opt systempaths=unconfined`, or `--privileged`"
        } else {
            "the kernel was built without them (`CONFIG_USER_NS`), or something forbids them: build \
             on another machine"
        };
        format!("{begin}: {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Switches {
        Switches { clone: Some(true), most: Some(1000), ..Switches::default() }
    }

    #[test]
    fn each_switch_is_named_with_its_remedy() {
        let says = |switches: Switches, error, remedy: &str| {
            let said = switches.why(error);
            assert!(said.starts_with("this machine gives the build no user namespace ("), "{said}");
            assert!(said.contains(remedy), "{said}");
        };
        let none = Switches { most: Some(0), ..user() };
        says(none, Errno::NOSPC, "`sudo sysctl user.max_user_namespaces=15000`");
        let debian = Switches { clone: Some(false), ..user() };
        says(debian, Errno::PERM, "`sudo sysctl kernel.unprivileged_userns_clone=1`");
        let ubuntu = Switches { apparmor: true, ..user() };
        says(ubuntu, Errno::ACCESS, "kernel.apparmor_restrict_unprivileged_userns=0`");
        let docker = Switches { container: true, ..user() };
        says(docker, Errno::PERM, "--security-opt seccomp=unconfined");
        says(user(), Errno::INVAL, "`CONFIG_USER_NS`");
    }

    #[test]
    fn root_is_not_told_of_what_holds_users() {
        let root =
            Switches { root: true, apparmor: true, clone: Some(false), container: true, ..user() };
        let said = root.why(Errno::PERM);
        assert!(said.contains("this is a container"), "{said}");
    }
}
