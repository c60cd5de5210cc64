//! What the machine is called, and in which words and hours it speaks.

use dibhost_element_sdk::{DebconfAnswer, Error, ErrorCode, File, Finding, Plan, Result, Run};

const ZONES: &str = "/usr/share/zoneinfo";

/// Locales that are there without a package.
const BUILT_IN: [&str; 3] = ["C", "C.UTF-8", "POSIX"];

/// Wishes for the packages that a time zone and a locale need.
pub(crate) fn plan_packages(
    plan: &Plan<'_>,
    timezone: Option<&str>,
    locale: Option<&str>,
    family: Option<&str>,
) -> Result<()> {
    if timezone.is_some() {
        match family {
            Some("debian" | "fedora") => plan.package("tzdata", "the time zone is in it")?,
            Some("suse") => plan.package("timezone", "the time zone is in it")?,
            _ => {}
        }
    }
    let Some(locale) = locale.filter(|locale| !BUILT_IN.contains(locale)) else { return Ok(()) };
    let reason = "the locale is made of it";
    match family {
        Some("debian") => {
            plan.package("locales", reason)?;
            // Its own scripts make those that are asked for, and again when libc is upgraded.
            plan.debconf([
                DebconfAnswer::new(
                    "locales",
                    "locales/locales_to_be_generated",
                    "multiselect",
                    format!("{locale} UTF-8"),
                ),
                DebconfAnswer::new(
                    "locales",
                    "locales/default_environment_locale",
                    "select",
                    locale,
                ),
            ])?;
        }
        Some("fedora") => {
            let language = locale.split(['_', '.', '@']).next().unwrap_or_default();
            plan.package(format!("glibc-langpack-{language}"), reason)?;
        }
        Some("suse") => plan.package("glibc-locale", reason)?,
        other => {
            let system = match other {
                Some(family) => format!("a system of the family `{family}`"),
                None => "a system that no element says the kind of".to_owned(),
            };
            plan.find(
                Finding::refusal(format!("It is not known how `{locale}` is made in {system}."))
                    .about("locale")
                    .help("Leave `locale` out, and write the file that the system reads by `[[files]]`."),
            );
        }
    }
    Ok(())
}

/// Wishes for the files that say them.
pub(crate) fn plan_files(
    plan: &Plan<'_>,
    hostname: Option<&str>,
    timezone: Option<&str>,
    locale: Option<&str>,
    family: Option<&str>,
) -> Result<()> {
    if let Some(name) = hostname {
        plan.file("/etc/hostname", format!("{name}\n"))?;
    }
    if let Some(zone) = timezone {
        plan.files([File::symlink("/etc/localtime", format!("{ZONES}/{zone}"))])?;
        if family == Some("debian") {
            plan.file("/etc/timezone", format!("{zone}\n"))?;
        }
    }
    if let Some(locale) = locale {
        match family {
            Some("debian") => plan.file("/etc/default/locale", format!("LANG={locale}\n"))?,
            Some("fedora" | "suse") => plan.file("/etc/locale.conf", format!("LANG={locale}\n"))?,
            // Refused with the packages.
            _ => {}
        }
    }
    Ok(())
}

/// Has the machine find itself by its name where the base made it do so, and sees that the zone is
/// there: old names of zones are in a package of their own on some systems.
pub(crate) fn settle(run: &Run<'_>, hostname: Option<&str>, timezone: Option<&str>) -> Result<()> {
    let tree = run.rootfs()?;
    if let Some(name) = hostname
        && tree.exists("/etc/hosts")?
    {
        let text = tree.read_text("/etc/hosts")?;
        let named = with_name(&text, name);
        if named != text {
            tree.write("/etc/hosts", named)?;
        }
    }
    if let Some(zone) = timezone
        && !tree.exists(&format!("{ZONES}/{zone}"))?
    {
        let message = format!("the image has no time zone `{zone}`");
        return Err(Error::with_code(ErrorCode::NotFound, message).help(
            "From Debian 13 on, old names of zones are in the package `tzdata-legacy`: add it to `packages`, or name the zone by its city.",
        ));
    }
    Ok(())
}

/// `/etc/hosts` with this name at 127.0.1.1, where it has a line of that address.
fn with_name(text: &str, name: &str) -> String {
    let names = match name.split_once('.') {
        Some((short, _)) => format!("{name} {short}"),
        None => name.to_owned(),
    };
    let line = |line: &str| match line.split_whitespace().next() {
        Some("127.0.1.1") => format!("127.0.1.1\t{names}\n"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::with_name;

    #[test]
    fn the_line_of_the_machine_gets_the_name_and_no_other() {
        let text = "127.0.0.1\tlocalhost\n127.0.1.1 old old2\n\n::1 localhost\n";
        assert_eq!(
            with_name(text, "web"),
            "127.0.0.1\tlocalhost\n127.0.1.1\tweb\n\n::1 localhost\n"
        );
        assert_eq!(with_name("127.0.1.1 x", "web.example.org"), "127.0.1.1\tweb.example.org web\n");
        assert_eq!(with_name("127.0.0.1 localhost\n", "web"), "127.0.0.1 localhost\n");
    }
}
