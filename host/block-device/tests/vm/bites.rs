//! The comparison bites: disks that were changed behind its back are told, by what was changed.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use dibhost_block_device::{Backend, Graph, Node, config::Config};

use crate::appliance::{Boots, Case, Proof, WorkFolder, output, prove, text};
use crate::host;

const LAYOUT: &str = r#"
block-device = [
  { name = "disk", type = "disk" },
  { name = "table", type = "gpt", on = "disk" },
  { name = "root", type = "partition", on = "table", size = "content", label = "root" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", label = "root-fs", mount = "/" },
]
"#;

fn nodes() -> Vec<Node> {
    Config::parse(LAYOUT).unwrap_or_else(|errors| panic!("{errors:?}")).nodes
}

/// A change by its name: what `debugfs` does, and the paths that are not the same any more. The
/// filesystem is whole after each.
const CHANGES: [(&str, &[&str], &[&str]); 9] = [
    ("nothing", &[], &[]),
    ("owner", &["sif /etc/hostname uid 1"], &["/etc/hostname"]),
    ("mode", &["sif /usr/bin/tool mode 0100755"], &["/another", "/usr/bin/other", "/usr/bin/tool"]),
    ("time", &["sif /etc/nothing mtime @1500000001"], &["/etc/nothing"]),
    ("attribute", &["ea_set /etc/empty trusted.note m"], &["/etc/empty"]),
    (
        "link",
        &["ln /etc/hostname /more", "sif /etc/hostname links_count 2"],
        &["/etc/hostname", "/more"],
    ),
    ("device", &["sif /dev/null block[0] 0x105"], &["/dev/null"]),
    ("missing", &["rm /etc.d"], &["/etc.d"]),
    ("content", &[], &["/etc.d"]),
];

/// The filesystem as its tools name it.
fn filesystem(case: &Case) -> Result<String> {
    let place = case.layout.filesystems[0].place.as_ref().context("it is in pieces")?;
    Ok(format!("{}?offset={}", text(&case.disks[0].path)?, place.extent.offset))
}

fn debugfs(case: &Case, request: &str) -> Result<String> {
    output("debugfs", &["-w", "-R", request, &filesystem(case)?])
}

/// One bit of a file's content.
fn turn_a_bit(case: &Case, path: &str) -> Result<()> {
    let block: u64 = debugfs(case, &format!("bmap {path} 0"))?.trim().parse()?;
    let place = case.layout.filesystems[0].place.as_ref().context("it is in pieces")?;
    let disk = File::options().read(true).write(true).open(&case.disks[0].path)?;
    let (at, mut byte) = (place.extent.offset + block * 4096, [0]);
    disk.read_exact_at(&mut byte, at)?;
    ensure!(byte == *b"s", "that is not where the file lies");
    disk.write_all_at(&[byte[0] ^ 1], at)?;
    Ok(())
}

/// The paths of lines that are not the same.
fn paths<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let path = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
    let mut paths: Vec<_> = lines.map(path).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn changed(case: Case) -> Result<Case> {
    let found = CHANGES.iter().find(|(name, ..)| *name == case.name);
    let (name, requests, told) = found.context("no such change")?;
    for request in *requests {
        debugfs(&case, request)?;
    }
    if *name == "content" {
        turn_a_bit(&case, told[0])?;
    }
    host::tables(&case)?;
    host::filesystems(&case)?;
    // This machine's kernel shows it too.
    let wrong = host::files(&case)?;
    let found = paths(wrong.iter().map(String::as_str));
    ensure!(found == *told, "{found:?}, not {told:?}");
    Ok(case)
}

#[test]
fn whatever_is_changed_is_told() {
    let proof = |(name, ..): &(&str, &[&str], &[&str])| Proof {
        name: (*name).to_owned(),
        nodes: nodes(),
        backends: &[Backend::File],
        same: |_| Ok(()),
        then: changed,
    };
    let proved = prove(CHANGES.iter().map(proof).collect(), Boots::Once);
    let known = |name: &String| CHANGES.iter().any(|(known, ..)| known == name);
    let other: Vec<_> = proved.faults.iter().filter(|(name, _)| !known(name)).collect();
    assert!(other.is_empty(), "{other:#?}");
    for (name, _, told) in CHANGES {
        let of = proved.faults.iter().filter(|(of, _)| of == name);
        let faults: Vec<_> = of.map(|(_, fault)| fault.as_str()).collect();
        assert_eq!(paths(faults.iter().copied()), told, "{name}:\n{}", faults.join("\n"));
    }
}

/// What a machine's script would not list: it stops there.
#[test]
fn other_labels_and_uuids_are_told() {
    let graph = Graph::new(nodes()).unwrap();
    let told = |change: &dyn Fn(&Case)| {
        let made = Case::build("identity", &graph, &Backend::ALL).unwrap();
        change(&made.cases[1]);
        host::same(&made.cases).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(told(&|_| ()), "");
    for change in [["-L", "other"], ["-U", "01234567-89ab-4def-8123-456789abcdef"]] {
        let error = told(&|case| {
            let filesystem = filesystem(case).unwrap();
            // Another UUID is only given to what was just checked.
            output("e2fsck", &["-fp", &filesystem]).unwrap();
            output("tune2fs", &[&change[..], &[&filesystem]].concat()).unwrap();
        });
        assert!(error.contains("reads what is not the same"), "{change:?}: {error}");
    }
    for change in ["1:other", "1:01234567-89ab-4def-8123-456789abcdef"] {
        let option = if change.len() > 10 { "-u" } else { "-c" };
        let disk = |case: &Case| text(&case.disks[0].path).unwrap().to_owned();
        let error = told(&|case| drop(output("sgdisk", &[option, change, &disk(case)]).unwrap()));
        assert!(error.contains("reads what is not the same"), "{change}: {error}");
    }
    let longer = |case: &Case| {
        let disk = File::options().write(true).open(&case.disks[0].path).unwrap();
        disk.set_len(disk.metadata().unwrap().len() + 4096).unwrap();
    };
    assert!(told(&longer).contains("other sizes"));
}

/// Runs as a process of its own in the test below, and is ended there.
#[test]
#[ignore = "not a test: what the next one ends"]
#[expect(clippy::print_stdout, reason = "it is read there")]
fn work_until_ended() {
    // `make test-all` starts it too, by itself: then there is nothing to do.
    if std::env::var_os("DIBHOST_TEST_WAITS").is_none() {
        return;
    }
    let folder = WorkFolder::new().unwrap();
    println!("\n{}", folder.path().display());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_test_that_is_ended_leaves_no_work_folder() {
    use std::io::BufRead as _;
    let parent = tempfile::tempdir().unwrap();
    for signal in ["TERM", "KILL"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bites::work_until_ended", "--ignored", "--nocapture"])
            .env("DIBHOST_TEST_WAITS", "1")
            .env("DIBHOST_TEST_FOLDER", parent.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let folder = lines.map(Result::unwrap).find(|line| line.contains("dibhost-test-")).unwrap();
        assert!(Path::new(&folder).is_dir());
        output("kill", &["-s", signal, &child.id().to_string()]).unwrap();
        assert!(!child.wait().unwrap().success());
        let start = std::time::Instant::now();
        while Path::new(&folder).exists() {
            assert!(start.elapsed().as_secs() < 60, "{signal}: {folder} is there still");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
