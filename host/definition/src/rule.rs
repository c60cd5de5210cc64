//! What texts may be that reach a host program's arguments or configuration: names of packages,
//! units and accounts, paths, URLs. A definition is held to them where it is read, and a wish of an
//! element where it is made.
//!
//! Each function takes one text and says, as a sentence part (`has a space in it`), what is wrong
//! with it.

mod account;
mod characters;
mod package_group;
mod unit;

pub use account::{account_comment, account_name};
use characters::{at_most, only, starts};
pub use characters::{line, text};
pub use package_group::{language, module_platform, module_word, package_group};
pub use unit::{drop_in_name, preset_unit, unit_name};

/// A package's name: Debian Policy 5.6.7, and names of RPM packages, which have capitals and `_` too.
///
/// # Errors
/// What is wrong with it.
pub fn package_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "+-._".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric())?;
    at_most(name, 200)?;
    if name.ends_with('-') {
        return Err("ends in `-`, which tells apt to remove it".to_owned());
    }
    if name.len() < 2 { Err("is shorter than two characters".to_owned()) } else { Ok(()) }
}

/// A package's version: Debian Policy 5.6.12, and versions of RPM packages, which have `^` and `_` too. A
/// `*` at its end stands for any rest.
///
/// # Errors
/// What is wrong with it.
pub fn package_version(version: &str) -> Result<(), String> {
    let version = version.strip_suffix('*').unwrap_or(version);
    only(version, |c| c.is_ascii_alphanumeric() || ".+-~:^_".contains(c))?;
    starts(version, |c| c.is_ascii_digit())?;
    at_most(version, 200)?;
    match version.split_once(':') {
        Some((epoch, _)) if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) => {
            Err("has an epoch that is no number".to_owned())
        }
        _ => Ok(()),
    }
}

/// A path in a line of `/etc/passwd`: absolute and normal, without colons.
///
/// # Errors
/// What is wrong with it.
pub fn account_path(path: &str) -> Result<(), String> {
    target_path(path)?;
    only(path, |c| c != ':' && !c.is_whitespace())
}

/// A path inside the image: absolute and normal.
///
/// # Errors
/// What is wrong with it.
pub fn target_path(path: &str) -> Result<(), String> {
    only(path, |c| !c.is_control())?;
    at_most(path, 4095)?;
    let Some(rest) = path.strip_prefix('/') else { return Err("is not absolute".to_owned()) };
    if !rest.is_empty() && rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("has an empty part, `.` or `..` in it".to_owned());
    }
    Ok(())
}

/// A path of a file of the image that is wished for: as [`target_path`], and not the root.
///
/// # Errors
/// What is wrong with it.
pub fn file_path(path: &str) -> Result<(), String> {
    // Folders above it are made, so that their number is bounded with the number of wishes.
    const DEEP: usize = 64;
    target_path(path)?;
    if path == "/" {
        return Err("is the tree itself".to_owned());
    }
    if path.split('/').any(|part| part.len() > 255) {
        return Err("has a part of more than 255 bytes".to_owned());
    }
    match path.matches('/').count() > DEEP {
        true => Err(format!("is more than {DEEP} folders deep")),
        false => Ok(()),
    }
}

/// What a symbolic link says.
///
/// # Errors
/// What is wrong with it.
pub fn link_text(to: &str) -> Result<(), String> {
    only(to, |c| !c.is_control())?;
    at_most(to, 4095)
}

/// Permission bits, set-id and sticky bits, in octal.
///
/// # Errors
/// What is wrong with it.
pub fn mode_digits(mode: &str) -> Result<(), String> {
    match u32::from_str_radix(mode, 8) {
        Ok(mode) if mode & !0o7777 == 0 => Ok(()),
        _ => Err("is no mode: it has more than permission bits".to_owned()),
    }
}

/// A user or group that is in the image, whatever made it: `Debian-exim`, `_apt`, `1000`.
///
/// # Errors
/// What is wrong with it.
pub fn owner_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "_.-".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric() || c == '_')?;
    at_most(name, 32)?;
    if !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    match name.parse::<u32>() {
        Ok(u32::MAX) => Err("means \"leave it as it is\" to the kernel".to_owned()),
        Ok(_) => Ok(()),
        Err(_) => Err("begins as a number and is none".to_owned()),
    }
}

/// An extended attribute with its namespace: `security.capability`.
///
/// # Errors
/// What is wrong with it.
pub fn attribute_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_graphic())?;
    at_most(name, 255)?;
    match name.split_once('.') {
        Some(("user" | "security" | "trusted" | "system", rest)) if !rest.is_empty() => Ok(()),
        _ => Err("is in no namespace, as `user.` or `security.`".to_owned()),
    }
}

/// A folder that a filesystem is mounted at; or `none`, for swap.
///
/// # Errors
/// What is wrong with it.
pub fn mount_point(path: &str) -> Result<(), String> {
    if path == "none" {
        return Ok(());
    }
    target_path(path)?;
    // fstab would need it escaped.
    only(path, |c| !c.is_whitespace() && c != '\\')
}

/// One mount option: no comma, nothing that ends a field of fstab.
///
/// # Errors
/// What is wrong with it.
pub fn mount_option(option: &str) -> Result<(), String> {
    only(option, |c| c.is_ascii_alphanumeric() || "._=:/@%+-".contains(c))?;
    starts(option, |c| c.is_ascii_alphanumeric())?;
    at_most(option, 200)
}

/// A repository's name: it becomes a file's name.
///
/// # Errors
/// What is wrong with it.
pub fn repository_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "-_".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric())?;
    at_most(name, 100)
}

/// A URL, `http:` or `https:` only, without a password.
///
/// # Errors
/// What is wrong with it.
pub fn url(url: &str) -> Result<(), String> {
    url_up_to(url, 2000)
}

/// The same, of at most so many bytes.
///
/// # Errors
/// What is wrong with it.
pub fn url_up_to(url: &str, bytes: usize) -> Result<(), String> {
    only(url, |c| c.is_ascii_graphic() && !"\"'`\\<>{}|^".contains(c))?;
    at_most(url, bytes)?;
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err("starts with neither `http://` nor `https://`".to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What a grant names is compared as text, so that no other text may name the same place.
    let path = rest[authority.len()..].to_ascii_lowercase().replace("%2e", ".");
    if path.contains(['[', ']']) {
        // In sources.list they hold options, `trusted=yes` among them.
        return Err("has a bracket in its path".to_owned());
    }
    if path.split(['/', '?', '#']).any(|part| matches!(part, "." | "..")) {
        return Err("has `.` or `..` as a part of its path".to_owned());
    }
    if authority.contains('@') {
        return Err("has a user or a password in it, which would end up in the image".to_owned());
    }
    let host = if let Some(v6) = authority.strip_prefix('[') {
        let (host, port) = v6.split_once(']').ok_or("has a `[` without its `]`")?;
        only(host, |c| c.is_ascii_hexdigit() || ":.".contains(c))
            .map_err(|why| format!("has a host that {why}"))?;
        return check_port(port.strip_prefix(':'));
    } else {
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
        check_port(port)?;
        host
    };
    only(host, |c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        .map_err(|why| format!("has a host that {why}"))?;
    starts(host, |c| c.is_ascii_alphanumeric()).map_err(|why| format!("has a host that {why}"))
}

fn check_port(port: Option<&str>) -> Result<(), String> {
    match port {
        Some(port) if port.parse::<u16>().is_err() => {
            Err("has a port that is no number up to 65535".to_owned())
        }
        _ => Ok(()),
    }
}

/// A suite of a repository, or a release: `bookworm`, `bookworm-security`, `stable/updates`.
///
/// # Errors
/// What is wrong with it.
pub fn suite(suite: &str) -> Result<(), String> {
    only(suite, |c| c.is_ascii_alphanumeric() || "._/+~-".contains(c))?;
    starts(suite, |c| c.is_ascii_alphanumeric())?;
    at_most(suite, 100)?;
    if suite.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("has `.` or `..` as a part".to_owned());
    }
    Ok(())
}

/// A component of a repository: `main`, `non-free-firmware`.
///
/// # Errors
/// What is wrong with it.
pub fn component(component: &str) -> Result<(), String> {
    suite(component)
}

/// A question of debconf: `locales/default_environment_locale`.
///
/// # Errors
/// What is wrong with it.
pub fn debconf_question(question: &str) -> Result<(), String> {
    only(question, |c| c.is_ascii_alphanumeric() || "+-._/".contains(c))?;
    starts(question, |c| c.is_ascii_alphanumeric())?;
    at_most(question, 200)
}

/// A type of debconf's answers.
///
/// # Errors
/// What is wrong with it.
pub fn debconf_type(kind: &str) -> Result<(), String> {
    const KINDS: [&str; 7] =
        ["string", "boolean", "select", "multiselect", "note", "text", "password"];
    if KINDS.contains(&kind) { Ok(()) } else { Err(format!("is none of {}", KINDS.join(", "))) }
}

/// An answer for debconf: one line, as `debconf-set-selections` reads it. May be empty.
///
/// # Errors
/// What is wrong with it.
pub fn debconf_value(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { line(value) }
}

/// A line for `authorized_keys`: options, a known type, the key, a comment.
///
/// # Errors
/// What is wrong with it.
pub fn authorized_key(key: &str) -> Result<(), String> {
    const KINDS: [&str; 9] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
    ];
    line(key)?;
    at_most(key, 16_384)?;
    let mut words = key.split_whitespace();
    if !words.any(|word| KINDS.contains(&word)) {
        let of_file = if key.ends_with(".pub") { "; write what is in the file" } else { "" };
        return Err(format!("names no known type of key, as `ssh-ed25519`{of_file}"));
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    match words.next() {
        Some(body) if body.len() >= 40 && body.chars().all(is_base64) => Ok(()),
        _ => Err("has no key in base64 after its type".to_owned()),
    }
}

/// `sha256:` and 64 hex digits.
///
/// # Errors
/// What is wrong with it.
pub fn sha256(digest: &str) -> Result<(), String> {
    let digits = digest.strip_prefix("sha256:").ok_or("does not start with `sha256:`")?;
    if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("has not 64 lower-case hex digits after `sha256:`".to_owned());
    }
    Ok(())
}

/// A container image's reference.
///
/// # Errors
/// What is wrong with it.
pub fn container_reference(reference: &str) -> Result<(), String> {
    only(reference, |c| c.is_ascii_alphanumeric() || "._/:@-".contains(c))?;
    starts(reference, |c| c.is_ascii_alphanumeric())?;
    at_most(reference, 500)
}

/// A package manager that a first tree can be made by.
///
/// # Errors
/// What is wrong with it.
pub fn known_package_manager(name: &str) -> Result<(), String> {
    const KNOWN: [&str; 3] = ["apt", "dnf", "zypper"];
    if KNOWN.contains(&name) { Ok(()) } else { Err(format!("is none of {}", KNOWN.join(", "))) }
}

/// The name of a block-device node.
///
/// # Errors
/// What is wrong with it.
pub fn node_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "._-".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric())?;
    at_most(name, 100)
}

/// A label of a partition or a filesystem; how long it may be is for its kind to say.
///
/// # Errors
/// What is wrong with it.
pub fn label_text(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Ok(());
    }
    only(label, |c| !c.is_control() && !"\"'`\\$".contains(c))?;
    starts(label, |c| c != '-')?;
    at_most(label, 255)
}

/// A word of a closed list, or the name of something of a definition.
///
/// # Errors
/// What is wrong with it.
pub fn word(word: &str) -> Result<(), String> {
    only(word, |c| c.is_ascii_alphanumeric() || "._-".contains(c))?;
    starts(word, |c| c.is_ascii_alphanumeric())?;
    at_most(word, 100)
}

///
/// # Errors
/// What is wrong with it.
pub fn tuning_value(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    only(value, |c| c.is_ascii_alphanumeric() || "._+:^-".contains(c))?;
    starts(value, |c| c != '-')?;
    at_most(value, 200)
}

/// A setting of the kernel's as sysctl.d(5) names it: `net.ipv4.ip_forward`, with `*` for any part.
///
/// # Errors
/// What is wrong with it.
pub fn sysctl_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "._/-*:@".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric())?;
    at_most(name, 255)?;
    if !name.contains(['.', '/']) {
        return Err("has no dot in it".to_owned());
    }
    match name.split(['.', '/']).any(str::is_empty) {
        true => Err("has an empty part".to_owned()),
        false => Ok(()),
    }
}

/// An argument of the kernel's command line: no white space but in double quotes, and nothing that a
/// boot menu would read.
///
/// # Errors
/// What is wrong with it.
pub fn kernel_argument(argument: &str) -> Result<(), String> {
    only(argument, |c| !c.is_control() && !"'`$\\".contains(c))?;
    at_most(argument, 2048)?;
    let mut quoted = false;
    for c in argument.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => return Err("has a space in it".to_owned()),
            _ => {}
        }
    }
    if quoted { Err("has a `\"` without its other one".to_owned()) } else { Ok(()) }
}
