//! Cooks in four languages put dishes on the menu and waiters in two write it into the image, all
//! in one phase: the waiters get the complete list in the same order, every time and however many
//! steps run at the same time. One waiter (Rust) and one cook (Python) talk both ways in that phase:
//! what the waiter's step `order` gives is on the menu that its step `serve` reads. (On a real
//! Debian: `filesystem`.)

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, disk, repository};
use serde_json::Value;

/// What each waiter writes, the order and the table of `waiter-rust` in it: dishes (a planned slot), then specials (an observed one), each ordered
/// by provider and key.
const MENU: &str = "\
cook-c 1: pointed peppers (v)
cook-c 2: void sausages
cook-javascript 1: callback burger
cook-javascript 2: undefined salad (v)
cook-python 1: spam and eggs
cook-python 2: list of noodles (v)
cook-python order 1: tomato soup for waiter-rust (v)
cook-rust 1: crab soup
cook-rust 2: oxidised apples (v)
cook-c today: dangling grapes
cook-javascript today: promised pudding
cook-python table 7: bread on table 7
cook-python today: pickled cucumbers
cook-rust today: borrowed cheese
";

const WAITERS: [&str; 2] = ["waiter-python", "waiter-rust"];

/// How often, at each number of jobs.
const RUNS: usize = 100;

/// Elements by path, and the waiters' grants: what a definition of the menu needs.
fn menu() -> Result<(Vec<String>, String)> {
    let out = repository().join("out");
    let names = ["cook-rust", "waiter-rust"].map(|name| ("elements/examples", name));
    let scripts = ["cook-python", "cook-javascript", "cook-c", "waiter-python"];
    let names = names.into_iter().chain(scripts.map(|name| ("languages", name)));
    let mut paths = Vec::new();
    for (folder, name) in names {
        let path = out.join(folder).join(format!("{name}.wasm"));
        ensure!(path.is_file(), "{} is not there: run `make languages`", path.display());
        paths.push(path.to_str().context("the repository's path is text")?.to_owned());
    }
    let grant = |waiter| format!("[grants.{waiter}]\nrootfs = [\"write /srv/menu\"]\n");
    Ok((paths, WAITERS.map(grant).concat()))
}

/// Writes `menu.toml`: all cooks and waiters on a base.
pub(crate) fn definition(dibhost: &Dibhost, base: &str, rest: &str) -> Result<()> {
    let (paths, grants) = menu()?;
    let elements: Vec<_> = paths.iter().map(|path| format!("{path:?}")).collect();
    let text = format!(
        "[image]\nname = \"menu\"\nelements = [{base:?}, {}]\nformats = [\"raw\"]\n{grants}{rest}",
        elements.join(", ")
    );
    dibhost.write("menu.toml", &text)?;
    Ok(())
}

/// Checks what the waiters wrote into an image.
pub(crate) fn check_menus(raw: &Path) -> Result<()> {
    for waiter in WAITERS {
        let path = format!("/srv/menu/{waiter}");
        let menu = disk::read_file(raw, &path)?.with_context(|| format!("no {path}"))?;
        let menu = String::from_utf8(menu)?;
        ensure!(menu == MENU, "{waiter} wrote\n{menu}");
    }
    Ok(())
}

/// What a build told, but for how long things took.
fn events(stderr: &str) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    for line in stderr.lines() {
        let mut event: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        if let Some(event) = event.as_object_mut() {
            event.remove("milliseconds");
            event.remove("parts");
        }
        events.push(event);
    }
    Ok(events)
}

#[test]
fn four_languages_share_a_slot_in_one_phase_the_same_every_time() -> Result<()> {
    let dibhost = dibhost()?;
    let grant = "[grants.fake-os]\nfacts = [\"dib:os/distribution@1\"]\nrootfs = [\"write /\"]\n";
    definition(&dibhost, "fake-os", grant)?;
    let raw = dibhost.folder().join("menu.raw");
    let mut first = None;
    for jobs in ["1", "4"] {
        for run in 1..=RUNS {
            let built = dibhost
                .run(&["build", "menu.toml", "-o", "menu", "--jobs", jobs, "--log-format", "json"])?
                .expect_code(0)?;
            check_menus(&raw).with_context(|| format!("run {run} at --jobs {jobs}"))?;
            let made = (events(&built.stderr)?, std::fs::read(&raw)?);
            let first = first.get_or_insert_with(|| made.clone());
            ensure!(first.0 == made.0, "run {run} at --jobs {jobs} told {:#?}", made.0);
            ensure!(first.1 == made.1, "run {run} at --jobs {jobs} made another image");
        }
    }
    Ok(())
}
