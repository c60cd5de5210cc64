//! Grows logical volumes at boot, each by its share of what the disk has more than the image had:
//! `/var` by 80 %, `/home` by 20 %.

mod share;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dibhost_element_sdk::slots::{Layout, LayoutMount};
use dibhost_element_sdk::{
    Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step, UnitState,
    description, export_element, names,
};

use crate::share::Share;

/// The element.
#[derive(Parameters)]
pub struct Growvols {
    /// Where volumes are mounted, and what each takes: `{ "/var" = "80%", "/home" = "20GiB" }`. Sizes are
    /// taken first, and hundredths are of what is left then.
    #[parameter(json, default = { "/": "100%" })]
    volumes: BTreeMap<String, String>,
}

const UNIT: &str = "dibhost-growvols.service";
const SCRIPT: &str = "/usr/local/sbin/dibhost-growvols";

/// Grows partitions, RAIDs and physical volumes, as for the root alone.
const FUNCTIONS: &str = include_str!("../../growroot/src/growroot.sh");
const SHARING: &str = include_str!("sharing.sh");

impl Element for Growvols {
    fn describe() -> Description {
        description!()
            // It gives the volume of `/` all that there is.
            .conflicts_with("growroot")
            .step(Step::planning(Phase::Install).consumes::<Layout>())
            .request("packages", "fdisk", "`sfdisk` grows partitions")
            .request("packages", "e2fsprogs", "`resize2fs` grows filesystems")
            .request("services", UNIT, "it runs at boot")
            .request("services-define", UNIT, "it runs at boot")
            .request("rootfs", format!("write {SCRIPT}"), "the script that it runs")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let layout: Layout = plan.consume_one()?;
        let steps = match self.steps(&layout) {
            Ok(steps) => steps,
            Err(problems) => {
                for problem in problems {
                    plan.find(Finding::refusal(problem).about("volumes").help(
                        "Name mount points on logical volumes with ext4, xfs or btrfs, each with a \
                         share as `80%` or `20GiB`; a layout such as `block-device-efi-lvm` has them.",
                    ));
                }
                return Ok(());
            }
        };
        plan.package("fdisk", "`sfdisk` grows partitions")?;
        plan.package("e2fsprogs", "`resize2fs` grows filesystems")?;
        let script = format!("{FUNCTIONS}\n{SHARING}\n{steps}exit \"$failed\"\n");
        plan.files([File::new(SCRIPT, script).mode(0o755)])?;
        plan.define_unit(UNIT, include_str!("growvols.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }
}

/// A volume that grows.
struct Volume<'a> {
    at: &'a str,
    name: &'a str,
    share: Share,
}

impl Growvols {
    /// What the script does, group by group.
    fn steps(&self, layout: &Layout) -> std::result::Result<String, Vec<String>> {
        let mut groups: BTreeMap<&str, Vec<Volume<'_>>> = BTreeMap::new();
        let mut problems = Vec::new();
        if self.volumes.is_empty() {
            problems.push("No volume is to grow.".to_owned());
        }
        for (at, share) in &self.volumes {
            let placed = layout
                .mount(at)
                .ok_or_else(|| format!("nothing of the disk is mounted at `{}`", at.escape_debug()))
                .and_then(|mount| on_a_group(layout, mount));
            match (placed, Share::parse(share)) {
                (Ok((group, name)), Ok(share)) => {
                    groups.entry(group).or_default().push(Volume { at, name, share });
                }
                (placed, share) => {
                    let wrong = [placed.err(), share.err()].into_iter().flatten();
                    problems.extend(wrong.map(|wrong| sentence(&wrong)));
                }
            }
        }
        let percent = |volume: &Volume<'_>| match volume.share {
            Share::Percent(percent) => u32::from(percent),
            Share::Size(_) => 0,
        };
        for (group, volumes) in &groups {
            let sum: u32 = volumes.iter().map(percent).sum();
            if sum > 100 {
                problems.push(format!("The volumes of `{group}` take {sum} % together."));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut text = String::new();
        for (group, volumes) in groups {
            let Some(first) = volumes.first() else { continue };
            let _ = writeln!(text, "if group {group} {}; then", first.name);
            let (sizes, shares): (Vec<_>, Vec<_>) =
                volumes.iter().partition(|volume| matches!(volume.share, Share::Size(_)));
            for volume in sizes.into_iter().chain(shares) {
                let (word, number) = match volume.share {
                    Share::Size(mib) => ("size", mib),
                    Share::Percent(percent) => {
                        if !text.contains(&format!("whole=$left # {group}\n")) {
                            let _ = writeln!(text, "    whole=$left # {group}");
                        }
                        ("percent", u64::from(percent))
                    }
                };
                let _ = writeln!(text, "    {word} {group} {} {} {number}", volume.name, volume.at);
            }
            let _ = writeln!(text, "    note {group}\nfi");
        }
        Ok(text)
    }
}

/// The group and the volume that a filesystem is on; or why it does not grow, as a sentence's part.
fn on_a_group<'a>(
    layout: &'a Layout,
    mount: &'a LayoutMount,
) -> std::result::Result<(&'a str, &'a str), String> {
    let at = &mount.at;
    if !["ext2", "ext3", "ext4", "xfs", "btrfs"].contains(&&*mount.filesystem) {
        return Err(format!("`{at}` is of the kind `{}`, which does not grow", mount.filesystem));
    }
    let below = layout.below(mount);
    if let Some(luks) = below.iter().find(|volume| volume.kind == "luks") {
        return Err(format!(
            "`{at}` is on `{}`, an encryption that takes what is below it before it is opened",
            luks.name
        ));
    }
    let volume = layout.volume(&mount.on).filter(|volume| volume.kind == "logical-volume");
    let group = volume.and_then(|volume| volume.on.first().map(|group| (group, &volume.name)));
    let Some((group, name)) = group else {
        return Err(format!("`{at}` is on no logical volume"));
    };
    let plain = |text: &str| names::is_word(text, "-_.+");
    if !plain(group) || !plain(name) || (at != "/" && !names::is_plain_path(at)) {
        return Err(format!("`{at}` on `{group}/{name}` has a name that a script cannot say"));
    }
    Ok((group, name))
}

fn sentence(part: &str) -> String {
    let mut letters = part.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

export_element!(Growvols);
