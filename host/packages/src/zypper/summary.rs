//! What zypper says it would do, in its XML (`zypper-main.rng` of zypper 1.14).

use crate::rpm::markup::{attribute, element, unescaped};

/// Something that it would do with a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) arch: String,
    pub(super) kind: ActKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActKind {
    Install,
    /// Another version of it is there.
    Replace,
    Remove,
}

/// What it would do, or why it would not: its sentences.
pub(super) fn parse(said: &str) -> Result<Vec<Act>, Vec<String>> {
    let problems = problems(said);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut acts = Vec::new();
    let (_, summary) = element(said, "install-summary").unwrap_or_default();
    let mut rest = summary;
    while let Some((_, after)) = rest.split_once("<to-") {
        let Some((section, after)) = after.split_once('>') else { break };
        let Some((inside, beyond)) = after.split_once(&format!("</to-{section}>")) else { break };
        rest = beyond;
        let kind = match section {
            "install" => ActKind::Install,
            "remove" => ActKind::Remove,
            _ => ActKind::Replace,
        };
        acts.extend(inside.split("<solvable").skip(1).filter_map(|solvable| act(solvable, kind)));
    }
    Ok(acts)
}

/// One of those that are packages: patterns and products are what brought them.
fn act(solvable: &str, kind: ActKind) -> Option<Act> {
    let (head, _) = solvable.split_once('>')?;
    let of = |name: &str| attribute(head, name).map(unescaped);
    if of("type")? != "package" {
        return None;
    }
    Some(Act { name: of("name")?, version: of("edition")?, arch: of("arch")?, kind })
}

/// Errors, and problems of which one would have to choose a way out.
fn problems(said: &str) -> Vec<String> {
    let mut found = Vec::new();
    let errors = said.split("<message type=\"error\">").skip(1);
    found
        .extend(errors.filter_map(|m| m.split_once("</message>")).map(|(text, _)| unescaped(text)));
    for (text, _) in
        said.split("<description>").skip(1).filter_map(|d| d.split_once("</description>"))
    {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("Problem: "));
        found.extend(lines.map(|line| unescaped(line.trim())));
    }
    found
}

/// Names that a table of packages has (`zypper packages`).
pub(super) fn listed(said: &str) -> Vec<String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        (cells.len() == 5 && cells[0].starts_with('i')).then(|| cells[2].to_owned())
    };
    said.lines().filter_map(row).collect()
}

/// For fuzzing: how much was understood.
#[doc(hidden)]
#[must_use]
pub fn read_summary(said: &str) -> usize {
    parse(said).map_or_else(|problems| problems.len(), |acts| acts.len()) + listed(said).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"<?xml version='1.0'?>
<stream>
<message type="info">Resolving package dependencies...</message>
<install-summary download-size="12589" space-usage-diff="0" packages-to-change="3">
<to-upgrade>
<solvable type="package" name="kernel-core" edition="2-1" arch="noarch" edition-old="1-1" arch-old="noarch" summary="a package">
<description>Made by a test.</description></solvable>
</to-upgrade>
<to-install>
<solvable type="pattern" name="tools" edition="1-1" arch="noarch"/>
<solvable type="package" name="new-name" edition="1:2-1" arch="noarch" summary="a &gt; package">
<description>Made by a test.</description></solvable>
</to-install>
<to-remove>
<solvable type="package" name="old-name" edition="1-1" arch="noarch" summary="a package">
<description>Made by a test.</description></solvable>
</to-remove>
</install-summary>
<prompt id="0"><text>Continue?</text></prompt>
</stream>
"#;

    #[test]
    fn what_would_be_done_is_read() {
        let acts = parse(SAID).unwrap();
        let shown: Vec<_> =
            acts.iter().map(|a| format!("{} {} {:?}", a.name, a.version, a.kind)).collect();
        assert_eq!(
            shown,
            ["kernel-core 2-1 Replace", "new-name 1:2-1 Install", "old-name 1-1 Remove"]
        );
        assert!(
            parse("<stream><message type=\"info\">Nothing to do.</message></stream>")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let said = "<message type=\"error\">Package &apos;nope&apos; not found.</message>";
        assert_eq!(parse(said).unwrap_err(), ["Package 'nope' not found."]);
        let said = "<prompt id=\"1\">\n<description>Problem: nothing provides absent needed by a-1-1.noarch\n \
                    Solution 1: do not install a\n</description>";
        assert_eq!(parse(said).unwrap_err(), ["nothing provides absent needed by a-1-1.noarch"]);
    }

    #[test]
    fn names_of_a_table_are_read() {
        let said = "S | Repository | Name | Version | Arch\n--+---+---+---+---\ni | shaped | capable | 1-1 | x86_64\n\
                    i+ | @System | tool | 1-1 | noarch\nv | shaped | other | 1-1 | noarch\n";
        assert_eq!(listed(said), ["capable", "tool"]);
    }
}
