//! A step that is recorded and replayed, as an author does it.

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository};

/// What `TestHost::replay` replays natively in the elements' own tests holds for the components.
#[test]
fn the_records_of_shipped_elements_are_theirs() -> Result<()> {
    let dibhost = dibhost()?;
    for (element, record) in [("sysprep", "cleanup.json"), ("serial-console", "install.json")] {
        let file = repository().join("elements").join(element).join("tests").join(record);
        let file = file.to_str().context("the repository has a name in UTF-8")?;
        let replayed = dibhost.run(&["element", "run", element, "--replay", file])?;
        let replayed = replayed.expect_code(0).context("`make records` writes it anew")?;
        ensure!(replayed.stdout.contains("it was done"), "{}", replayed.stdout);
    }
    Ok(())
}

#[test]
fn a_step_is_recorded_on_a_tree_and_replayed_without_one() -> Result<()> {
    let dibhost = dibhost()?;
    dibhost.write("tree/etc/issue", "mine\n")?;
    let step = ["element", "run", "motd", "--phase", "install"];
    let given = ["--tree", "tree", "--parameter", "text=hello", "--record", "s.json"];
    dibhost.run(&[&step[..], &given[..]].concat())?.expect_code(0)?;
    let tree = dibhost.folder().join("tree/etc");
    ensure!(!tree.join("motd").exists(), "the folder is copied, and the copy thrown away");

    let record = std::fs::read_to_string(dibhost.folder().join("s.json"))?;
    ensure!(record.contains("\"rootfs.tree.apply\""), "{record}");
    let replay = ["element", "run", "motd", "--replay", "s.json"];
    std::fs::remove_dir_all(dibhost.folder().join("tree"))?;
    dibhost.run(&replay)?.expect_code(0)?;

    // Other answers of the host make it do something else, which is said with both.
    dibhost.write("s.json", &record.replace("\"Text\": \"hello\"", "\"Text\": \"other\""))?;
    let differs = dibhost.run(&replay)?.expect_code(1)?;
    for words in ["differs from its record at call 3", "aGVsbG8K", "b3RoZXIK"] {
        ensure!(differs.stderr.contains(words), "no `{words}` in:\n{}", differs.stderr);
    }
    Ok(())
}
