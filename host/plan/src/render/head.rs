//! What people look for first: the system, what comes of it, how it boots and who can log in.

use dibhost_block_device::{Node, NodeKind, TableKind};
use dibhost_definition::Format;
use dibhost_text::readable_size;

use super::text::Text;
use crate::phrases::size;
use crate::plan::{Plan, PlannedImage};
use crate::wish::Bootstrap;

impl Text {
    pub(super) fn head(&mut self, plan: &Plan) {
        let image = &plan.image;
        self.heading(&format!("image {} for {}", image.name, image.arch));
        let outputs: Vec<String> =
            image.formats.iter().map(|f| output(image, self.stem.as_deref(), *f)).collect();
        let mut rows = Vec::new();
        add(&mut rows, "system", vec![system(plan)]);
        add(&mut rows, "outputs", vec![outputs.join(", ")]);
        if image.makes_disks() {
            add(&mut rows, "disk", disk(&plan.block_device.nodes));
            add(&mut rows, "boots", vec![boots(plan)]);
        } else {
            let none = "none: what is made is the tree, and no `fstab` is written";
            add(&mut rows, "disk", vec![none.to_owned()]);
        }
        let packages: usize = plan.transactions.iter().map(|t| t.install.len()).sum();
        if packages > 0 {
            let more = "and what those depend on, which is known when they are resolved";
            add(&mut rows, "packages", vec![format!("{packages} by their names, {more}")]);
        }
        add(&mut rows, "log in", logins(plan));
        if self.all {
            let epoch = image.source_date_epoch.to_string();
            add(&mut rows, "source date epoch", vec![epoch]);
        }
        self.table(1, &rows);
    }
}

/// A row of the head, and one for each line more.
fn add(rows: &mut Vec<Vec<String>>, what: &str, lines: Vec<String>) {
    for (i, line) in lines.into_iter().enumerate() {
        rows.push(vec![if i == 0 { what.to_owned() } else { String::new() }, line]);
    }
}

fn output(image: &PlannedImage, stem: Option<&str>, format: Format) -> String {
    let file = format!("{}.{}", stem.unwrap_or(&image.name), format.name());
    match format {
        Format::Qcow2 => format!("{file} (compression: {})", image.qcow2_compression.name()),
        _ => file,
    }
}

fn system(plan: &Plan) -> String {
    let said = plan.facts_of("dib:os/distribution@1").next().map(|fact| {
        let word = |key: &str| fact.value[key].as_str().unwrap_or_default();
        let name = format!("{} {}", word("id"), word("version-id"));
        match word("codename") {
            "" => name.trim_end().to_owned(),
            codename => format!("{} ({codename})", name.trim_end()),
        }
    });
    let first = plan.transactions.iter().find_map(|t| t.bootstrap.as_ref());
    let from = first.map(|first| match &first.source {
        Bootstrap::Distribution(of) => {
            let mirror = match &of.rpm {
                Some(rpm) => {
                    let urls: Vec<&str> = rpm.origins.iter().map(|o| o.url.as_str()).collect();
                    urls.join(", ")
                }
                None => of.mirror.clone().unwrap_or("the builder's own mirror".to_owned()),
            };
            format!("by {} from {mirror}", of.package_manager)
        }
        Bootstrap::Container(reference) => format!("of the container image {reference}"),
        Bootstrap::Archive(url, _) => format!("of the archive {url}"),
        Bootstrap::DiskImage(url, _) => format!("of the disk image {url}"),
    });
    match (said, from) {
        (Some(said), Some(from)) => format!("{said}, {from}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "none that an element names".to_owned(),
    }
}

/// Each disk with its size, then what is mounted where.
fn disk(nodes: &[Node]) -> Vec<String> {
    let named = |name: &str| nodes.iter().find(|node| node.name == name);
    let disks: Vec<&Node> =
        nodes.iter().filter(|node| matches!(node.kind, NodeKind::Disk { .. })).collect();
    let mut lines: Vec<String> = disks
        .iter()
        .map(|disk| {
            let NodeKind::Disk { size, .. } = disk.kind else { return String::new() };
            let size = size.map_or_else(|| "as large as its content".to_owned(), readable_size);
            let name = if disks.len() > 1 { format!("{}: ", disk.name) } else { String::new() };
            let table = nodes.iter().find_map(|node| match node.kind {
                NodeKind::Table { kind, .. } if node.on.contains(&disk.name) => Some(kind),
                _ => None,
            });
            let table = match table {
                Some(TableKind::Gpt) => ", with a GPT",
                Some(TableKind::Mbr) => ", with an MBR",
                None => ", without partitions",
            };
            format!("{name}{size}{table}")
        })
        .collect();
    let mut mounts: Vec<(&str, String)> = nodes
        .iter()
        .filter_map(|node| match &node.kind {
            NodeKind::Mount { at, .. } => Some((at.as_str(), stack(node, &named))),
            _ => None,
        })
        .collect();
    mounts.sort();
    let width = mounts.iter().map(|(at, _)| at.len()).max().unwrap_or_default();
    lines.extend(mounts.iter().map(|(at, what)| format!("{at:width$}  {what}")));
    lines
}

/// What a mount stands on, down to what has a size of its own: `ext4 in LVM, 4 GiB`.
fn stack<'a>(mount: &'a Node, named: &dyn Fn(&str) -> Option<&'a Node>) -> String {
    let (mut words, mut of, mut at) = (Vec::new(), None, mount);
    // What is on top stands on what is below: at most as many as there are, and no circle.
    while let Some(below) = at.on.first().and_then(|name| named(name)) {
        match &below.kind {
            NodeKind::Filesystem { kind, .. } => words.push(kind.clone()),
            NodeKind::Encryption { .. } => words.push("LUKS2".to_owned()),
            NodeKind::LogicalVolume { size: s, .. } => {
                words.push("LVM".to_owned());
                of = of.or_else(|| Some(size(*s)));
            }
            NodeKind::Driver { name, .. } => words.push(name.clone()),
            NodeKind::Partition { size: s, .. } => of = of.or_else(|| Some(size(*s))),
            NodeKind::Disk { .. } => of = of.or_else(|| Some("the whole disk".to_owned())),
            _ => {}
        }
        at = below;
    }
    let size = of.map(|size| format!(", {size}")).unwrap_or_default();
    format!("{}{size}", words.join(" in "))
}

fn boots(plan: &Plan) -> String {
    let Some(loader) = plan.facts_of("dib:boot/loader@1").next() else {
        return "not by itself: no element is a boot loader".to_owned();
    };
    let firmware = loader.value["firmware"].as_array().into_iter().flatten();
    let firmware: Vec<&str> = firmware
        .filter_map(|word| word.as_str())
        .map(|word| match word {
            "bios" => "BIOS",
            "uefi" => "UEFI",
            other => other,
        })
        .collect();
    let name = loader.value["name"].as_str().unwrap_or_default();
    let arguments: Vec<&str> = plan
        .facts_of("dib:boot/kernel-argument@1")
        .filter_map(|fact| fact.value["argument"].as_str())
        .collect();
    let arguments = match arguments.as_slice() {
        [] => String::new(),
        all => format!(", with {}", all.join(" ")),
    };
    format!("by {}, {name}{arguments}", firmware.join(" and "))
}

fn logins(plan: &Plan) -> Vec<String> {
    let logins = plan.logins();
    if logins.is_empty() {
        let nobody =
            "nobody: no user is given a key or a password, and no element brings cloud-init";
        return vec![nobody.to_owned()];
    }
    logins.iter().map(|login| format!("`{}` {}", login.user, login.how)).collect()
}
