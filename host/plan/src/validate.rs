//! What may be in the strings of a wish. No string of an element reaches a host program's
//! arguments or configuration but through one of these: the crate `dibhost-element` calls
//! [`wish`] when a wish is made, and [`crate::plan`](fn@crate::plan) again on what a planner hands over.
//!
//! Each function takes one string and says, as a sentence part (`has a space in it`), what is
//! wrong with it.

mod account;
mod characters;
mod package_group;
mod unit;

use std::fmt;

use dibhost_block_device::{Node, NodeKind};
use dibhost_check::Check;

pub use account::{account_comment, account_name};
use characters::{at_most, is_lower_or_digit, line, only, starts, text};
pub use package_group::{module_word, package_group};
pub use unit::{drop_in_name, preset_unit, unit_name};

use crate::file::{FileAttributes, FileNode, FileWish};

use crate::password_hash::{self, PasswordHash};
use crate::wish::{
    Bootstrap, Debconf, Distribution, ModuleStream, PackageGroup, PackageWish, Repository,
    RpmRepository, User, Wish,
};
use crate::{date, openpgp};

/// A string of a wish that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    /// Which string: `package name`.
    pub field: &'static str,
    /// The string, cut where it is long.
    pub value: String,
    /// What is wrong with it: a sentence part that follows the value.
    pub why: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} {:?} {}", self.field, self.value, self.why)
    }
}

type Rule = fn(&str) -> Result<(), String>;

fn check(field: &'static str, value: &str, rule: Rule) -> Result<(), Invalid> {
    if !check_of(field).holds() {
        return Ok(());
    }
    rule(value).map_err(|why| Invalid { field, value: value.chars().take(80).collect(), why })
}

/// The check that the rule of a field belongs to.
fn check_of(field: &str) -> Check {
    match field {
        "package name" | "package manager" | "reason" => Check::PackageName,
        "package version" => Check::PackageVersion,
        "module" | "stream of a module" | "group of packages" => Check::PackageGroup,
        "debconf question" | "debconf type" | "debconf answer" => Check::DebconfAnswer,
        "repository name" => Check::RepositoryName,
        "URL" | "mirror" | "digest" => Check::RepositoryUrl,
        "release" | "suite" | "component" => Check::RepositorySuite,
        "key" => Check::RepositoryKey,
        "container reference" => Check::ContainerReference,
        "unit name" => Check::UnitName,
        "text of a unit" | "text of a drop-in" => Check::UnitText,
        "name of a drop-in" => Check::DropInName,
        "unit of a preset" => Check::PresetUnit,
        "user name" | "group name" => Check::AccountName,
        "user id" | "group id" => Check::AccountId,
        "home folder" | "shell" => Check::AccountPath,
        "path of a file" | "target of a link" => Check::FilePath,
        "mode of a file" => Check::RootfsMode,
        "owner of a file" | "group of a file" => Check::Owner,
        "extended attribute" => Check::FileAttribute,
        "authorized key" => Check::AuthorizedKey,
        "comment of a user" => Check::AccountComment,
        "expiry of a user" => Check::AccountExpiry,
        "password hash" => Check::PasswordHash,
        "partition label" | "label" => Check::DiskLabel,
        "tuning" | "value of a tuning" => Check::Tuning,
        "mount point" => Check::MountPoint,
        "mount option" => Check::MountOption,
        "path of the boot image" | "path of the core image" => Check::BootPath,
        // Names of nodes, and words of them that the block device has a list of.
        _ => Check::NodeName,
    }
}

fn check_all<'a>(
    field: &'static str,
    values: impl IntoIterator<Item = &'a String>,
    rule: Rule,
) -> Result<(), Invalid> {
    values.into_iter().try_for_each(|value| check(field, value, rule))
}

/// Checks every string of a wish.
///
/// # Errors
/// The first that cannot be.
pub fn wish(wish: &Wish) -> Result<(), Invalid> {
    match wish {
        Wish::Bootstrap(source) => bootstrap(source),
        Wish::Package(package) => package_wish(package),
        Wish::Debconf(answer) => debconf(answer),
        Wish::Repository(wanted) => repository(wanted),
        Wish::Module(ModuleStream { name, stream, reason }) => {
            check("module", name, module_word)?;
            check("stream of a module", stream, module_word)?;
            check("reason", reason, line)
        }
        Wish::PackageGroup(PackageGroup { id, reason }) => {
            check("group of packages", id, package_group)?;
            check("reason", reason, line)
        }
        Wish::UpgradeAll => Ok(()),
        Wish::Service { unit, state: _ } => check("unit name", unit, unit_name),
        Wish::ServiceDefinition { unit, content } => {
            check("unit name", unit, unit_name)?;
            check("text of a unit", content, text)
        }
        Wish::DropIn { unit, name, content } => {
            check("unit name", unit, unit_name)?;
            check("name of a drop-in", name, drop_in_name)?;
            check("text of a drop-in", content, text)
        }
        Wish::Preset { number, unit, action: _ } => {
            within("number of a preset", Some(*number), 0, 99)?;
            check("unit of a preset", unit, preset_unit)
        }
        Wish::File(wanted) => file(wanted),
        Wish::User(wanted) => user(wanted),
        Wish::Group { name, gid } => {
            check("group name", name, account_name)?;
            id("group id", *gid)
        }
        Wish::Password { user, parameter: _ } => check("user name", user, account_name),
        Wish::Nodes(nodes) => nodes.iter().try_for_each(node),
        Wish::ReplaceNode(one) => node(one),
    }
}

fn bootstrap(source: &Bootstrap) -> Result<(), Invalid> {
    match source {
        Bootstrap::Distribution(Distribution {
            package_manager,
            release,
            mirror,
            components,
            keys,
            packages,
        }) => {
            check("package manager", package_manager, known_package_manager)?;
            check("release", release, suite)?;
            check_all("mirror", mirror, url)?;
            check_all("component", components, component)?;
            check_all("key", keys, armoured_key)?;
            check_all("package name", packages, package_name)
        }
        Bootstrap::Container(reference) => {
            check("container reference", reference, container_reference)
        }
        Bootstrap::Archive(place, digest) | Bootstrap::DiskImage(place, digest) => {
            check("URL", place, url)?;
            check("digest", digest, sha256)
        }
    }
}

fn package_wish(wish: &PackageWish) -> Result<(), Invalid> {
    check("package name", &wish.name, package_name)?;
    check_all("package version", &wish.version, package_version)?;
    check("reason", &wish.reason, line)
}

fn debconf(wish: &Debconf) -> Result<(), Invalid> {
    let Debconf { package, question, kind, value } = wish;
    check("package name", package, package_name)?;
    check("debconf question", question, debconf_question)?;
    check("debconf type", kind, debconf_type)?;
    check("debconf answer", value, debconf_value)
}

fn repository(wish: &Repository) -> Result<(), Invalid> {
    check("repository name", wish.name(), repository_name)?;
    check("URL", wish.url(), url)?;
    check_all("key", wish.keys(), armoured_key)?;
    let lacks = |what: &str| {
        let (value, why) = (wish.name().to_owned(), format!("names no {what}"));
        Err(Invalid { field: "repository", value, why })
    };
    match wish {
        Repository::Deb(deb) => {
            check_all("suite", &deb.suites, suite)?;
            check_all("component", &deb.components, component)?;
            if deb.suites.is_empty() { lacks("suite") } else { Ok(()) }
        }
        Repository::Rpm(RpmRepository { keys, priority, cost, .. }) => {
            within("priority of a repository", *priority, 1, 9999)?;
            within("cost of a repository", *cost, 0, 1_000_000)?;
            if keys.is_empty() { lacks("key") } else { Ok(()) }
        }
    }
}

/// A number that has its bounds from what reads it.
fn within<T: Copy + PartialOrd + fmt::Display>(
    field: &'static str,
    number: Option<T>,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    match number {
        Some(number) if number < least || number > most => Err(Invalid {
            field,
            value: number.to_string(),
            why: format!("is not from {least} to {most}"),
        }),
        _ => Ok(()),
    }
}

fn file(wish: &FileWish) -> Result<(), Invalid> {
    check("path of a file", &wish.path, file_path)?;
    match &wish.node {
        FileNode::File { content: _, attributes } | FileNode::Directory { attributes } => {
            file_attributes(attributes)
        }
        FileNode::Symlink { to } => check("target of a link", to, link_text),
        FileNode::Removed => Ok(()),
    }
}

fn file_attributes(wish: &FileAttributes) -> Result<(), Invalid> {
    let FileAttributes { mode, owner, group, xattrs } = wish;
    if let Some(mode) = mode {
        check("mode of a file", &format!("{mode:o}"), mode_digits)?;
    }
    check_all("owner of a file", owner, owner_name)?;
    check_all("group of a file", group, owner_name)?;
    check_all("extended attribute", xattrs.keys(), attribute_name)
}

fn user(wish: &User) -> Result<(), Invalid> {
    check("user name", &wish.name, account_name)?;
    id("user id", wish.uid)?;
    id("group id", wish.gid)?;
    check_all("home folder", &wish.home, account_path)?;
    check_all("shell", &wish.shell, account_path)?;
    check_all("group name", &wish.groups, account_name)?;
    check_all("authorized key", &wish.authorized_keys, authorized_key)?;
    check_all("comment of a user", &wish.comment, account_comment)?;
    check_all("expiry of a user", &wish.expires, |day| date::days_of(day).map(drop))?;
    wish.password_hash.as_ref().map_or(Ok(()), hash)
}

/// What is wrong with a hash is told without it.
fn hash(hash: &PasswordHash) -> Result<(), Invalid> {
    let field = "password hash";
    let wrong = |why: String| Invalid { field, value: hash.method().to_owned(), why };
    match hash.expose() {
        Some(text) if check_of(field).holds() => password_hash::check(text).map_err(wrong),
        Some(_) => Ok(()),
        None => Err(wrong("is not in a plan that was read again".to_owned())),
    }
}

/// Strings only: whether the graph makes sense is for `dibhost-block-device` to say.
fn node(node: &Node) -> Result<(), Invalid> {
    check("node name", &node.name, node_name)?;
    check_all("node name", &node.on, node_name)?;
    match &node.kind {
        NodeKind::Partition { label, type_id, attributes, .. } => {
            check("partition label", label, label_text)?;
            check("partition type", type_id, word)?;
            check_all("partition attribute", attributes, word)
        }
        NodeKind::Encryption { secrets, label } => {
            check_all("secret name", secrets, word)?;
            check_all("label", label, label_text)
        }
        NodeKind::LogicalVolume { thin_pool, .. } => check_all("node name", thin_pool, node_name),
        NodeKind::Filesystem { kind, label, uuid, tuning } => {
            check("filesystem", kind, word)?;
            check_all("label", label, label_text)?;
            check_all("UUID", uuid, word)?;
            tuning.iter().try_for_each(|(key, value)| {
                check("tuning", key, word)?;
                check("value of a tuning", value, tuning_value)
            })
        }
        NodeKind::Mount { at, options, .. } => {
            check("mount point", at, mount_point)?;
            check_all("mount option", options, mount_option)
        }
        NodeKind::GrubBios { boot_image, core_image } => {
            check("path of the boot image", boot_image, target_path)?;
            check("path of the core image", core_image, target_path)
        }
        NodeKind::Driver { name, settings } => {
            check("driver", name, word)?;
            check("settings of a driver", settings, text)
        }
        NodeKind::Disk { .. }
        | NodeKind::Table { .. }
        | NodeKind::PhysicalVolume
        | NodeKind::VolumeGroup { .. } => Ok(()),
    }
}

fn id(field: &'static str, id: Option<u32>) -> Result<(), Invalid> {
    // (uid_t) -1 means "leave as it is" to the kernel, and 65535 is its 16-bit twin.
    match id {
        Some(id @ (65_535 | u32::MAX)) if check_of(field).holds() => Err(Invalid {
            field,
            value: id.to_string(),
            why: "means \"none\" to the kernel".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A package's name: Debian Policy 5.6.7.
///
/// # Errors
/// What is wrong with it.
pub fn package_name(name: &str) -> Result<(), String> {
    only(name, |c| is_lower_or_digit(c) || "+-.".contains(c))?;
    starts(name, is_lower_or_digit)?;
    at_most(name, 200)?;
    if name.ends_with('-') {
        return Err("ends in `-`, which tells apt to remove it".to_owned());
    }
    if name.len() < 2 { Err("is shorter than two characters".to_owned()) } else { Ok(()) }
}

/// A package's version: Debian Policy 5.6.12.
///
/// # Errors
/// What is wrong with it.
pub fn package_version(version: &str) -> Result<(), String> {
    only(version, |c| c.is_ascii_alphanumeric() || ".+-~:".contains(c))?;
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
fn link_text(to: &str) -> Result<(), String> {
    only(to, |c| !c.is_control())?;
    at_most(to, 4095)
}

/// Permission bits, set-id and sticky bits, in octal.
fn mode_digits(mode: &str) -> Result<(), String> {
    match u32::from_str_radix(mode, 8) {
        Ok(mode) if mode & !0o7777 == 0 => Ok(()),
        _ => Err("is no mode: it has more than permission bits".to_owned()),
    }
}

/// A user or group that is in the image, whatever made it: `Debian-exim`, `_apt`, `1000`.
fn owner_name(name: &str) -> Result<(), String> {
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
fn attribute_name(name: &str) -> Result<(), String> {
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
pub(crate) fn url_up_to(url: &str, bytes: usize) -> Result<(), String> {
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
        return Err("names no known type of key, as `ssh-ed25519`".to_owned());
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    match words.next() {
        Some(body) if body.len() >= 40 && body.chars().all(is_base64) => Ok(()),
        _ => Err("has no key in base64 after its type".to_owned()),
    }
}

/// An armoured OpenPGP public key: one block, with nothing in it but keys.
///
/// # Errors
/// What is wrong with it.
pub fn armoured_key(key: &str) -> Result<(), String> {
    text(key)?;
    if !key.is_ascii() {
        return Err("is not ASCII".to_owned());
    }
    openpgp::fingerprints(key).map(drop)
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
fn label_text(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Ok(());
    }
    only(label, |c| !c.is_control() && !"\"'`\\$".contains(c))?;
    starts(label, |c| c != '-')?;
    at_most(label, 255)
}

/// A word of a closed list, or the name of something of a definition.
pub(crate) fn word(word: &str) -> Result<(), String> {
    only(word, |c| c.is_ascii_alphanumeric() || "._-".contains(c))?;
    starts(word, |c| c.is_ascii_alphanumeric())?;
    at_most(word, 100)
}

fn tuning_value(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    only(value, |c| c.is_ascii_alphanumeric() || "._+:^-".contains(c))?;
    starts(value, |c| c != '-')?;
    at_most(value, 200)
}

#[cfg(test)]
mod tests;
