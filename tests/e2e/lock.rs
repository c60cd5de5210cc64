//! `dib.lock` and `dibhost grant`: what somebody agreed to, and what stops when an element asks
//! for more.

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, repository};

const GRANT: &str = "[grants.motd]   # wide enough for anything\nrootfs = [\"write /\"]\n";

/// An image of `motd` alone. Its build fails, for there is no `/etc` to write to; the lock file is
/// settled before that.
fn definition(dibhost: &Dibhost, rest: &str) -> Result<()> {
    let motd = repository().join("out/elements/examples/motd.wasm");
    // As somebody else's: shadowing no name of the host's, but of other bytes it would be one.
    let text = format!(
        "# mine\n[image]\nname = \"x\"   # short\nelements = [\"{}\"]\n\n[parameters.motd]\ntext = \"hi\"\n{rest}",
        motd.display()
    );
    dibhost.write("image.toml", &text)?;
    Ok(())
}

fn lock(dibhost: &Dibhost) -> Result<String> {
    std::fs::read_to_string(dibhost.folder().join("dib.lock")).context("reading dib.lock")
}

/// The digest in a lock file, and the file with another one.
fn with_another_digest(lock: &str) -> Result<String> {
    let at = lock.find("sha256:").context("the lock file has a digest")?;
    Ok(lock.replace(&lock[at..at + 71], &format!("sha256:{}", "0".repeat(64))))
}

#[test]
fn an_element_that_asks_for_more_stops_the_build_until_somebody_agrees() -> Result<()> {
    let dibhost = dibhost()?;
    definition(&dibhost, GRANT)?;
    dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(lock(&dibhost).is_err(), "a plan writes nothing");
    let locked = dibhost.run(&["build", "--locked", "image.toml"])?.expect_code(2)?;
    ensure!(locked.stderr.contains("+ motd 1.0.0 sha256:"), "{}", locked.stderr);
    ensure!(lock(&dibhost).is_err());

    dibhost.run(&["build", "image.toml"])?.expect_code(1)?;
    let written = lock(&dibhost)?;
    ensure!(written.contains("rootfs = [\"write /etc/motd\"]"), "{written}");

    // An update that asks for nothing more is written down; `--locked` allows not even that.
    let changed = with_another_digest(&written)?;
    dibhost.write("dib.lock", &changed)?;
    let refused = dibhost.run(&["build", "--locked", "image.toml"])?.expect_code(2)?;
    ensure!(refused.stderr.contains("~ motd 1.0.0 sha256:"), "{}", refused.stderr);
    ensure!(lock(&dibhost)? == changed);
    dibhost.run(&["build", "image.toml"])?.expect_code(1)?;
    ensure!(lock(&dibhost)? == written);
    dibhost.run(&["build", "--locked", "image.toml"])?.expect_code(1)?;

    // One that asks for more stops, though the definition grants enough.
    let less = changed.replace("rootfs = [\"write /etc/motd\"]", "exec = [\"sh\"]");
    dibhost.write("dib.lock", &less)?;
    let refused = dibhost.run(&["build", "image.toml"])?.expect_code(2)?;
    for words in ["+ rootfs [\"write /etc/motd\"]", "dibhost grant image.toml", "grant --write"] {
        ensure!(refused.stderr.contains(words), "no `{words}` in:\n{}", refused.stderr);
    }
    ensure!(lock(&dibhost)? == less);
    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(plan.stdout.contains("+ rootfs [\"write /etc/motd\"]"), "{}", plan.stdout);
    let shown = dibhost.run(&["grant", "image.toml"])?.expect_code(0)?;
    ensure!(shown.stdout.contains("since `dib.lock` was written it asks for more"));
    ensure!(lock(&dibhost)? == less);
    dibhost.run(&["grant", "--write", "image.toml"])?.expect_code(0)?;
    ensure!(lock(&dibhost)? == written);
    let kept = std::fs::read_to_string(dibhost.folder().join("image.toml"))?;
    ensure!(kept.ends_with(GRANT), "nothing was missing: {kept}");
    dibhost.run(&["build", "image.toml"])?.expect_code(1)?;
    Ok(())
}

#[test]
fn a_lock_file_that_is_malformed_is_refused_with_its_place() -> Result<()> {
    let dibhost = dibhost()?;
    definition(&dibhost, GRANT)?;
    dibhost.write("dib.lock", "version = 1\n[image.x.motd]\ndigest = \"md5:0\"\n")?;
    for verb in ["plan", "build", "grant"] {
        let refused = dibhost.run(&[verb, "image.toml"])?.expect_code(2)?;
        ensure!(refused.stderr.contains("dib.lock:3:10: this is no digest"), "{}", refused.stderr);
    }
    Ok(())
}

#[test]
fn what_is_asked_is_shown_and_granted_and_no_more() -> Result<()> {
    let dibhost = dibhost()?;
    definition(&dibhost, "")?;
    let before = std::fs::read_to_string(dibhost.folder().join("image.toml"))?;
    let shown = dibhost.run(&["grant", "image.toml"])?.expect_code(0)?;
    let section = "[grants.motd]\nrootfs = [\"write /etc/motd\"]\n";
    ensure!(shown.stdout.ends_with(section), "{}", shown.stdout);
    ensure!(shown.stdout.contains("changes this path of the image"), "{}", shown.stdout);
    // All of it is TOML, to be put into the definition as it is.
    dibhost.write("copied.toml", &(before.clone() + &shown.stdout))?;
    dibhost.run(&["plan", "copied.toml"])?.expect_code(0)?;

    let json = dibhost.run(&["grant", "--format", "json", "image.toml"])?.expect_code(0)?;
    let json: serde_json::Value = serde_json::from_str(&json.stdout)?;
    ensure!(json["elements"][0]["asks"][0]["scope"] == "write /etc/motd", "{json}");
    ensure!(json["elements"][0]["asks"][0]["granted"] == false, "{json}");
    ensure!(std::fs::read_to_string(dibhost.folder().join("image.toml"))? == before);

    dibhost.run(&["grant", "--write", "image.toml"])?.expect_code(0)?;
    let after = std::fs::read_to_string(dibhost.folder().join("image.toml"))?;
    ensure!(after == format!("{before}\n{section}"), "{after}");
    dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    Ok(())
}
