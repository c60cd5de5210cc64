//! What may be in the strings of a wish. No string of an element reaches a host program's
//! arguments or configuration but through one of these: the crate `dibhost-element` calls
//! [`wish`] when a wish is made, and [`crate::plan`](fn@crate::plan) again on what a planner hands over.
//!
//! Each function takes one string and says, as a sentence part (`has a space in it`), what is
//! wrong with it.

use std::fmt;

use dibhost_block_device::{Node, NodeKind};
use dibhost_check::Check;

pub use dibhost_definition::rule::{
    account_comment, account_name, account_path, authorized_key, component, container_reference,
    debconf_question, debconf_type, debconf_value, drop_in_name, file_path, known_package_manager,
    language, module_platform, module_word, mount_option, mount_point, node_name, owner_name,
    package_group, package_name, package_version, preset_unit, repository_name, sha256, suite,
    target_path, unit_name, url, url_up_to, word,
};
use dibhost_definition::rule::{
    attribute_name, label_text, line, link_text, mode_digits, text, tuning_value,
};

use crate::file::{FileAttributes, FileNode, FileWish};

use crate::password_hash::{self, PasswordHash};
use crate::wish::{
    Bootstrap, Debconf, Distribution, ModuleStream, PackageGroup, PackageWish, Repository,
    RpmDistribution, RpmOrigin, RpmRepository, User, Wish,
};
use dibhost_definition::date;

use crate::openpgp;

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
        "module"
        | "stream of a module"
        | "group of packages"
        | "platform of modules"
        | "language" => Check::PackageGroup,
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
            rpm,
        }) => {
            check("package manager", package_manager, known_package_manager)?;
            check("release", release, suite)?;
            check_all("mirror", mirror, url)?;
            check_all("component", components, component)?;
            check_all("key", keys, armoured_key)?;
            check_all("package name", packages, package_name)?;
            rpm.as_ref().map_or(Ok(()), rpm_distribution)
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

fn rpm_distribution(wish: &RpmDistribution) -> Result<(), Invalid> {
    let RpmDistribution { origins, base, module_platform: platform, languages, .. } = wish;
    check_all("package name", base, package_name)?;
    check_all("platform of modules", platform, module_platform)?;
    check_all("language", languages.iter().flatten(), language)?;
    for RpmOrigin { name, url: place, keys, index_unsigned: _ } in origins {
        check("repository name", name, repository_name)?;
        check("URL", place, url)?;
        check_all("key", keys, armoured_key)?;
        if keys.is_empty() {
            let (value, why) = (name.clone(), "names no key".to_owned());
            return Err(Invalid { field: "repository", value, why });
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests;
