//! What the things of a plan are called, in a row and in a sentence.

use dibhost_block_device::{Backend, Node, NodeKind, Size, TableKind};
use dibhost_text::readable_size;
use serde_json::Value;

use crate::digest::canonical;
use crate::openpgp::fingerprints;
use crate::plan::PlannedBlockDevice;
use crate::wish::{
    Bootstrap, PackageWish, Repository, RpmOrigin, Sudo, UnitState, User, Want, Wish,
};

/// Columns after which a fact's value is cut: facts are small, schemas of others need not be.
const VALUE_WIDTH: usize = 160;

pub(crate) fn short(value: &Value) -> String {
    let text = canonical(value);
    if text.chars().count() <= VALUE_WIDTH {
        return text;
    }
    text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect()
}

/// Where a repository is, and what of it.
pub(crate) fn place(repository: &Repository) -> String {
    let mut shown = match repository {
        Repository::Deb(deb) => {
            format!("{} {} {}", deb.url, deb.suites.join(" "), deb.components.join(" "))
        }
        Repository::Rpm(rpm) => {
            let mut shown = format!("RPM packages by the {} {}", rpm.location.name(), rpm.url);
            shown.extend(rpm.priority.map(|n| format!(", priority {n}")));
            shown.extend(rpm.cost.map(|n| format!(", cost {n}")));
            shown.push_str(if rpm.module_hotfixes { ", before modules" } else { "" });
            shown
        }
    };
    shown.push_str(if repository.build_only() { ", for the build only" } else { "" });
    shown
}

/// Where a repository of the distribution's own is, and by which keys.
fn origin(origin: &RpmOrigin) -> String {
    let keys = origin.keys.iter().flat_map(|key| fingerprints(key).unwrap_or_default());
    let keys: Vec<String> = keys.collect();
    let unsigned = if origin.index_unsigned { ", its index unsigned" } else { "" };
    format!("{} (`{}`, key {}{unsigned})", origin.url, origin.name, keys.join(", "))
}

pub(crate) fn source(source: &Bootstrap) -> String {
    match source {
        Bootstrap::Distribution(d) => {
            let more = if d.packages.is_empty() {
                String::new()
            } else {
                format!(" with {}", d.packages.join(", "))
            };
            if let Some(rpm) = &d.rpm {
                let origins: Vec<String> = rpm.origins.iter().map(origin).collect();
                let origins = origins.join("; ");
                return format!("{} {} from {origins}{more}", d.package_manager, d.release);
            }
            let mirror = d
                .mirror
                .as_deref()
                .unwrap_or("the builder's own mirror (the image's package source too)");
            format!(
                "{} {} {} from {mirror}{more}",
                d.package_manager,
                d.release,
                d.components.join(" ")
            )
        }
        Bootstrap::Container(reference) => format!("container image {reference}"),
        Bootstrap::Archive(url, digest) => format!("archive {url} {digest}"),
        Bootstrap::DiskImage(url, digest) => format!("disk image {url} {digest}"),
    }
}

/// What is wanted of a package, as a sentence part after "wants".
pub(crate) fn wanted(want: Want) -> &'static str {
    match want {
        Want::Install => "it installed",
        Want::BuildOnly => "it for the build",
        Want::Remove => "it removed",
        Want::Hold => "it held",
    }
}

pub(crate) fn state(state: UnitState) -> &'static str {
    match state {
        UnitState::Enabled => "enabled",
        UnitState::Disabled => "disabled",
        UnitState::Masked => "masked",
    }
}

pub(crate) fn account(user: &User) -> String {
    let mut parts = vec![user.name.clone()];
    parts.extend(user.uid.map(|n| format!("uid {n}")));
    parts.extend(user.gid.map(|n| format!("gid {n}")));
    parts.extend(user.home.as_ref().map(|p| format!("home {p}")));
    parts.extend(user.shell.as_ref().map(|p| format!("shell {p}")));
    parts.extend(user.comment.as_ref().map(|c| format!("called {c:?}")));
    if user.system {
        parts.push("system".to_owned());
    }
    match user.sudo {
        None => {}
        Some(Sudo::None) => parts.push("without sudo".to_owned()),
        Some(Sudo::Password) => parts.push("root by sudo with its password".to_owned()),
        Some(Sudo::Nopasswd) => parts.push("root by sudo without a password".to_owned()),
    }
    parts.extend(user.password_hash.as_ref().map(|h| format!("password by {}", h.method())));
    if user.change_password {
        parts.push("password to be changed".to_owned());
    }
    parts.extend(user.expires.as_ref().map(|day| format!("until {day}")));
    if !user.groups.is_empty() {
        parts.push(format!("in {}", user.groups.join("+")));
    }
    match user.authorized_keys.len() {
        0 => {}
        1 => parts.push("1 key".to_owned()),
        n => parts.push(format!("{n} keys")),
    }
    parts.join(" ")
}

pub(crate) fn wished(wish: &Wish) -> String {
    match wish {
        Wish::Bootstrap(how) => format!("the first tree: {}", source(how)),
        Wish::Package(PackageWish { name, version, want, .. }) => {
            let version = version.as_ref().map(|v| format!("={v}")).unwrap_or_default();
            let want = match want {
                Want::Install => "",
                Want::BuildOnly => " for the build",
                Want::Remove => " removed",
                Want::Hold => " held",
            };
            format!("the package {name}{version}{want}")
        }
        Wish::Debconf(a) => format!("the answer to {} of {}", a.question, a.package),
        Wish::Repository(r) => format!("the repository {}: {}", r.name(), r.url()),
        Wish::Module(m) => format!("the module {}:{}", m.name, m.stream),
        Wish::PackageGroup(g) => format!("the group of packages {}", g.id),
        Wish::UpgradeAll => "an upgrade of everything".to_owned(),
        Wish::Service { unit, state: s } => format!("the unit {unit} {}", state(*s)),
        Wish::ServiceDefinition { unit, .. } => format!("the unit {unit} with its text"),
        Wish::DropIn { unit, name, .. } => format!("the drop-in {name} of the unit {unit}"),
        Wish::Preset { number, unit, action } => {
            format!("the preset {number:02} to {} {unit}", action.name())
        }
        Wish::File(file) => format!("the {}", file.node.at(&file.path)),
        Wish::User(user) => format!("the user {}", account(user)),
        Wish::Group { name, .. } => format!("the group {name}"),
        Wish::Password { user, .. } => format!("a password for the user {user}"),
        Wish::Nodes(nodes) => nodes.iter().map(node).collect::<Vec<_>>().join("; "),
        Wish::ReplaceNode(one) => format!("the node {} instead", node(one)),
    }
}

pub(crate) fn size(size: Size) -> String {
    let percent = |millionths: u32| {
        let exact = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
        format!("{} %", exact.trim_end_matches('0').trim_end_matches('.'))
    };
    match size {
        Size::Bytes(bytes) => readable_size(bytes),
        Size::Share(millionths) => format!("{} of the whole", percent(millionths)),
        Size::ShareOfRest(millionths) => format!("{} of the rest", percent(millionths)),
        Size::Rest => "the rest".to_owned(),
        Size::Content(0) => "its content".to_owned(),
        Size::Content(more) => format!("its content and {} more", readable_size(more)),
    }
}

pub(crate) fn node(node: &Node) -> String {
    let on = if node.on.is_empty() { String::new() } else { format!(" on {}", node.on.join(", ")) };
    format!("{}{on}: {}", node.name, node_kind(&node.kind))
}

/// How the disks are laid out and made, where it is not as usual.
pub(crate) fn how(device: &PlannedBlockDevice) -> Vec<String> {
    let optimise = device.optimise.map(|purpose| format!("laid out for {}", purpose.name()));
    let made = (device.backend == Backend::Loop).then(|| {
        "made by the back-end loop: the kernel mounts the filesystems, on loop devices".to_owned()
    });
    optimise.into_iter().chain(made).collect()
}

fn node_kind(kind: &NodeKind) -> String {
    let labelled = |label: &Option<String>| {
        label.as_ref().map(|l| format!(" labelled {l}")).unwrap_or_default()
    };
    match kind {
        NodeKind::Disk { size, sector_size } => {
            let size = size.map_or_else(
                || "as large as its content".to_owned(),
                |s| format!("of {}", readable_size(s)),
            );
            format!("disk {size}, sectors of {sector_size} B")
        }
        NodeKind::Table { kind: TableKind::Gpt, .. } => "GPT".to_owned(),
        NodeKind::Table { kind: TableKind::Mbr, .. } => "MBR".to_owned(),
        NodeKind::Partition { label, type_id, size: s, preserve, .. } => {
            let preserve = if *preserve { ", preserved" } else { "" };
            format!("partition {label} of type {type_id}, {}{preserve}", size(*s))
        }
        NodeKind::Encryption { secrets, label } => {
            format!("LUKS2{} opened by {}", labelled(label), secrets.join(", "))
        }
        NodeKind::PhysicalVolume => "LVM physical volume".to_owned(),
        NodeKind::VolumeGroup { extent_size } => {
            format!("LVM volume group, extents of {}", readable_size(*extent_size))
        }
        NodeKind::LogicalVolume { size: s, thin_pool, is_thin_pool, stripes } => {
            let pool = thin_pool.as_ref().map(|p| format!(" in {p}")).unwrap_or_default();
            let what = if *is_thin_pool { "LVM thin pool" } else { "LVM logical volume" };
            let stripes = if *stripes > 1 { format!(", {stripes} stripes") } else { String::new() };
            format!("{what}{pool}, {}{stripes}", size(*s))
        }
        NodeKind::Filesystem { kind, label, uuid, tuning } => {
            let uuid = uuid.as_ref().map(|u| format!(", UUID {u}")).unwrap_or_default();
            let tuning: String = tuning
                .iter()
                .map(|(key, value)| match value.parse::<u64>() {
                    Ok(bytes) if bytes >= 1024 => format!(", {key} {}", readable_size(bytes)),
                    _ => format!(", {key} {value}"),
                })
                .collect();
            format!("{kind}{}{uuid}{tuning}", labelled(label))
        }
        NodeKind::Mount { at, options, in_fstab } => {
            let options = if options.is_empty() {
                String::new()
            } else {
                format!(" ({})", options.join(","))
            };
            format!("mounted at {at}{options}{}", if *in_fstab { "" } else { ", not in fstab" })
        }
        NodeKind::GrubBios { boot_image, core_image } => {
            format!("GRUB for BIOS from {boot_image} and {core_image}")
        }
        NodeKind::Driver { name, .. } => format!("driver {name}"),
    }
}
