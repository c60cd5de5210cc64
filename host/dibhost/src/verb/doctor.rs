//! `dibhost doctor`: whether this machine has what builds need.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use dibhost_engine::doctor::{Need, examine};
use dibhost_sys::Cancel;
use serde_json::json;

use crate::cli::{DataFormat, DoctorArgs};
use crate::failure::Failure;
use crate::role::TARGET_WORKER;
use crate::surroundings;

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let worker = (PathBuf::from("/proc/self/exe"), vec![OsString::from(TARGET_WORKER)]);
    let cancel = Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    let needs = examine(&surroundings::cache_of(args.cache.as_ref()), &worker, &cancel);
    super::show(&match args.format {
        DataFormat::Text => text(&needs),
        DataFormat::Json => json(&needs),
    })?;
    let missing = needs.iter().filter(|need| need.required && need.found.is_err());
    match missing.count() {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing is missing that every build needs")),
        many => Err(Failure::failed(format!("{many} things are missing that every build needs"))),
    }
}

/// A line for each: whether it is there, what, and what for.
fn text(needs: &[Need]) -> String {
    let width = needs.iter().map(|need| need.name.len()).max().unwrap_or(0);
    needs.iter().fold(String::new(), |mut text, need| {
        let Need { name, purpose, required, found } = need;
        let (mark, said) = match found {
            Ok(said) => ("ok     ", said),
            Err(why) if *required => ("missing", why),
            Err(why) => ("without", why),
        };
        let _ = writeln!(text, "{mark}  {name:width$}  {said}");
        if found.is_err() {
            let _ = writeln!(text, "         {:width$}  for: {purpose}", "");
        }
        text
    })
}

fn json(needs: &[Need]) -> String {
    let need = |need: &Need| {
        json!({
            "name": need.name,
            "for": need.purpose,
            "required": need.required,
            "found": need.found.as_ref().ok(),
            "why": need.found.as_ref().err(),
        })
    };
    format!("{:#}\n", json!(needs.iter().map(need).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_what_it_is_for() {
        let need = |name: &str, required, found| Need {
            name: name.to_owned(),
            purpose: "packages",
            required,
            found,
        };
        let needs = [
            need("apt-get", true, Err("it is not installed".to_owned())),
            need("git", false, Err("it is not installed".to_owned())),
            need("mke2fs", true, Ok("mke2fs 1.47".to_owned())),
        ];
        assert_eq!(
            text(&needs),
            "missing  apt-get  it is not installed\n                  for: packages\n\
             without  git      it is not installed\n                  for: packages\n\
             ok       mke2fs   mke2fs 1.47\n"
        );
        let told: serde_json::Value = serde_json::from_str(&json(&needs)).unwrap();
        assert_eq!(told[0]["why"], "it is not installed");
        assert_eq!(told[2]["found"], "mke2fs 1.47");
    }
}
