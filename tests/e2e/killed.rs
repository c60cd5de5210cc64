//! Commands that are killed by SIGKILL at any moment, again and again.
//!
//! ```text
//! DIBHOST_TEST_KILLS=1000 DIBHOST_TEST_SEED=7 cargo nextest run --run-ignored all -E 'test(killed::)'
//! ```

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, disk, tool};
use rustix::process::Signal;

use crate::block_device::{LoopDisk, layout, names};

/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(240);
/// Each so many times a command is let to its end, and what the killed ones left has to be gone.
const LET: u32 = 8;

/// Numbers of a seed, so that what was seen once is seen again.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(u32::MAX >> 1)
    }
}

fn number(variable: &str, default: u32) -> Result<u32> {
    let said = std::env::var(variable).ok();
    said.map_or(Ok(default), |text| text.parse::<u32>().with_context(|| format!("`{variable}`")))
}

/// Files of 48 MiB that no two pieces of are alike: time to be killed in.
fn large(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("boot"))?;
    fs::create_dir_all(folder.join("etc"))?;
    fs::write(folder.join("boot/vmlinuz"), "kernel\n")?;
    let mut random = File::open("/dev/urandom")?.take(48 << 20);
    std::io::copy(&mut random, &mut File::create(folder.join("large"))?)?;
    Ok(())
}

/// A command, and what has to be so of its outputs whenever it ended.
struct Command<'a> {
    args: Vec<Vec<String>>,
    whole: &'a dyn Fn() -> Result<()>,
    /// The folder of its outputs, and their names: what else is there was left.
    outputs: (&'a Path, &'a dyn Fn(&str) -> bool),
}

/// Kills it so many times, each of its ways in turn.
fn kill(dibhost: &Dibhost, command: &Command<'_>) -> Result<()> {
    let kills = number("DIBHOST_TEST_KILLS", 200)?.div_ceil(4);
    let seed = number("DIBHOST_TEST_SEED", 7)?;
    let mut random = Random(u64::from(seed));
    // How long each of its ways takes undisturbed: the first time it is read from a disk.
    let mut took = Vec::new();
    for way in &command.args {
        dibhost.run(way)?.expect_code(0)?;
        took.push(dibhost.run(way)?.expect_code(0)?.took);
    }
    let before = Snapshot::take(&[])?;
    let (folder, ours) = command.outputs;
    let work = dibhost.folder().join("cache/work");
    let (mut killed, mut late) = (0, 0);
    for turn in 0..kills {
        let at = turn as usize % command.args.len();
        let way = &command.args[at];
        let context = || format!("{way:?}, kill {turn} of seed {seed}");
        let running = dibhost.spawn(way)?;
        std::thread::sleep(took[at].mul_f64(random.share()));
        running.signal(Signal::KILL)?;
        match running.wait(LONG)?.code() {
            -1 => killed += 1,
            // It was quicker than before.
            0 => late += 1,
            code => anyhow::bail!("it ended with {code}: {}", context()),
        }
        before.assert_none_left().with_context(context)?;
        (command.whole)().with_context(context)?;
        if turn % LET == LET - 1 || turn + 1 == kills {
            dibhost.run(way)?.expect_code(0).with_context(context)?;
            before.assert_none_left().with_context(context)?;
            (command.whole)().with_context(context)?;
            let left: Vec<_> = names(folder)?.into_iter().filter(|name| !ours(name)).collect();
            ensure!(left.is_empty(), "{left:?} are left: {}", context());
            let builds = names(&work).unwrap_or_default();
            let builds: Vec<_> = builds.iter().filter(|name| name.starts_with("build-")).collect();
            ensure!(builds.is_empty(), "{builds:?} are left: {}", context());
        }
    }
    #[expect(clippy::print_stderr, reason = "how many it were is what a long run is for")]
    {
        eprintln!("{killed} of {kills} were killed, {late} had ended: {:?}", command.args[0]);
    }
    ensure!(killed > kills / 3, "only {killed} of {kills} were killed on their way");
    Ok(())
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
#[ignore = "long: a build is killed again and again"]
fn a_build_that_is_killed_leaves_old_or_new_outputs() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    large(&dibhost.folder().join("tree"))?;
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    let definition = |name: &str, greeting: &str| {
        let text = format!(
            "[image]\nname = \"x\"\nformats = [\"raw\", \"qcow2\"]\nelements = [\"stable-interface-names\"]\n\
             [[files]]\npath = \"/srv/tree\"\nsource = \"tree\"\n\
             [[files]]\npath = \"/etc/greeting\"\ncontent = \"{greeting}\\n\"\n"
        );
        dibhost.write(name, &text)
    };
    definition("one.toml", "one")?;
    definition("two.toml", "two")?;
    let args = ["one.toml", "two.toml"].into_iter().flat_map(|file| {
        let build = ["build", file, "-o", "out/x"];
        [words(&build), words(&[&build[..], &["--no-tmpfs"]].concat())]
    });
    // What the sums say is what is there, and the manifest says the same.
    let whole = || {
        let manifest = fs::read_to_string(out.join("x.manifest.json"))?;
        for file in ["x.raw", "x.qcow2"] {
            let told = fs::read_to_string(out.join(format!("{file}.sha256")))?;
            let is = tool::run("sha256sum", &[out.join(file).display().to_string()])?;
            let sum = is.split(' ').next().context("a sum")?;
            ensure!(told.starts_with(sum), "`{file}` is not what its sum says");
            ensure!(manifest.contains(sum), "`{file}` is not what the manifest says");
        }
        disk::check_qcow2(&out.join("x.qcow2"))
    };
    let command = Command {
        args: args.collect(),
        whole: &whole,
        outputs: (&out, &|name| name.starts_with("x.")),
    };
    kill(&dibhost, &command)
}

#[test]
#[ignore = "long: a disk is written and killed again and again"]
fn a_disk_that_is_killed_is_old_or_new() -> Result<()> {
    let dibhost = dibhost()?.env("SOURCE_DATE_EPOCH", "1700000000");
    let (one, two) = (dibhost.folder().join("one"), dibhost.folder().join("two"));
    large(&one)?;
    large(&two)?;
    let file = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    let output = out.join("x.raw").display().to_string();
    let mut args = Vec::new();
    for backend in ["file", "loop"] {
        for tree in [&one, &two] {
            let tree = tree.display().to_string();
            let build = ["block-device", "build", &file, "--tree", &tree, "-o", &output];
            args.push(words(&[&build[..], &["--backend", backend]].concat()));
        }
    }
    let raw = out.join("x.raw");
    let command = Command {
        args,
        whole: &|| disk::verify_gpt(&raw),
        outputs: (&out, &|name| name == "x.raw"),
    };
    kill(&dibhost, &command)
}

#[test]
#[ignore = "long: a step is run and killed again and again"]
fn a_step_by_itself_that_is_killed_leaves_nothing() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    let tree = dibhost.folder().join("tree");
    large(&tree)?;
    let step = ["element", "run", "motd", "--phase", "install", "--parameter", "text=hello"];
    let tree = tree.display().to_string();
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    let command = Command {
        args: vec![words(&[&step[..], &["--tree", &tree]].concat())],
        whole: &|| Ok(()),
        outputs: (&out, &|_| false),
    };
    kill(&dibhost, &command)
}

#[test]
#[ignore = "long: a device is installed on and killed again and again"]
fn a_device_whose_installation_is_killed_is_empty_or_whole() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = dibhost.folder().join("root");
    large(&tree)?;
    let tree = tree.display().to_string();
    let text = layout("ext4").replace("size = \"content\"", "size = \"rest\"");
    let file = dibhost.write("layout.toml", &text)?.display().to_string();
    let image = dibhost.folder().join("device");
    File::create(&image)?.set_len(256 << 20)?;
    let device = LoopDisk::of(&image)?;
    let install = ["block-device", "install", &file, "--tree", &tree, "--device", &device.0];
    dibhost.run(&install)?.expect_code(0)?;
    let whole = || {
        tool::run("blockdev", &["--flushbufs", &device.0])?;
        let said = tool::output("blkid", &["-p", &device.0])?;
        if said.stdout.is_empty() { Ok(()) } else { disk::verify_gpt(&image) }
    };
    let temporary = dibhost.folder().join("tmp");
    let command = Command {
        args: vec![words(&[&install[..], &["--overwrite", &device.0]].concat())],
        whole: &whole,
        outputs: (&temporary, &|_| false),
    };
    kill(&dibhost, &command)
}
