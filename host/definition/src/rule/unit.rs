//! Units of the init system.

use super::characters::{at_most, only, starts};

/// A unit's name with its suffix: systemd.unit(5).
///
/// # Errors
/// What is wrong with it.
pub fn unit_name(name: &str) -> Result<(), String> {
    const SUFFIXES: [&str; 11] = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    only(name, |c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))?;
    starts(name, |c| c != '-' && c != '.')?;
    at_most(name, 255)?;
    match name.rsplit_once('.') {
        Some((stem, suffix)) if !stem.is_empty() && SUFFIXES.contains(&suffix) => Ok(()),
        _ => Err("ends in no unit's suffix, as `.service`".to_owned()),
    }
}

/// The name of a drop-in without its `.conf`: it becomes a file's name.
///
/// # Errors
/// What is wrong with it.
pub fn drop_in_name(name: &str) -> Result<(), String> {
    only(name, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))?;
    starts(name, |c| c.is_ascii_alphanumeric())?;
    at_most(name, 200)?;
    match name.ends_with(".conf") {
        true => Err("ends in `.conf`, which the host adds".to_owned()),
        false => Ok(()),
    }
}

/// A unit of a preset, or a pattern of units: systemd.preset(5), but of what a shell's pattern may
/// have in it only `*`, which grants know too.
///
/// # Errors
/// What is wrong with it.
pub fn preset_unit(unit: &str) -> Result<(), String> {
    if unit == "*" {
        return Ok(());
    }
    // A star stands for a part of a name; it may stand for the suffix, or for some of it.
    let filled = unit.replace('*', "x");
    match unit_name(&filled) {
        Err(_) if unit.ends_with('*') => unit_name(&format!("{filled}.service")),
        other => other,
    }
}
