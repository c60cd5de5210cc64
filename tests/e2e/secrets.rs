//! A real image with secrets: they are in it where they belong, and nowhere else.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, disk, repository, tool};

/// Nothing else on this machine has these.
const PASSWORD: &str = "Pa55-zq3hUxW9vTgL";
const KEY: &str = "K3y-mR7cYd2sNfQe";
const TOKEN: &str = "T0ken-xB8jPw4kVaHu";
/// Of `secret`.
const HASH: &str = "$5$Rm5sUgD/y3cqEVaq$8e71ksAFiFM7X480NjBLHNccFwf/w0tY3WAMItzeBU1";

/// The element of `tests/elements/keeper`.
fn element() -> Result<PathBuf> {
    let out = repository().join("out/test-elements");
    let path = |p: &std::path::Path| p.to_str().map(str::to_owned).context("a path that is text");
    let script = path(&repository().join("elements/build.sh"))?;
    let source = path(&repository().join("tests/elements/keeper"))?;
    tool::run("sh", &[&script, "--only", &source, "--out", &path(&out)?])?;
    Ok(out.join("keeper.wasm"))
}

/// Every command line of the machine that has a secret in it, seen until told to stop.
fn watch(stop: &AtomicBool) -> (usize, Vec<String>) {
    let (mut seen, mut found) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            seen += usize::from(line.contains("cat; sleep 2"));
            if [PASSWORD, KEY, TOKEN, HASH].iter().any(|secret| line.contains(secret)) {
                found.push(line);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (seen, found)
}

#[test]
fn secrets_are_in_the_image_where_they_belong_and_nowhere_else() -> Result<()> {
    let element = element()?;
    let dibhost = dibhost()?.env("KEEPER_TOKEN", TOKEN);
    dibhost.write("private/password", &format!("{PASSWORD}\n"))?;
    dibhost.write("private/key", KEY)?;
    let text = format!(
        r#"[image]
name = "x"
elements = ["debian-minimal", "{}"]
formats = ["raw"]

[parameters.keeper]
password = "root-password"
key = "key"
token = "token"
hash = "{HASH}"

[secrets]
root-password = {{ command = ["cat", "private/password"] }}
key = {{ file = "private/key" }}
token = {{ environment = "KEEPER_TOKEN" }}
"#,
        element.display()
    );
    dibhost.write("image.toml", &text)?;
    // Nobody granted it anything yet.
    let refused = dibhost.run(&["build", "image.toml"])?.expect_code(2)?;
    ensure!(refused.stderr.contains(r#"secret = ["open token", "place key", "place password"]"#));
    dibhost.run(&["grant", "--write", "image.toml"])?.expect_code(0)?;

    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    let json = dibhost.run(&["plan", "--format", "json", "image.toml"])?.expect_code(0)?;
    ensure!(plan.stdout.contains("password of root from the secret root-password"));
    ensure!(plan.stdout.contains("root by sudo without a password password by sha256crypt"));
    for form in [&plan.stdout, &json.stdout] {
        ensure!(!form.contains("8e71ksAFiFM7X480"), "a hash is in a plan: {form}");
    }

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || watch(&stop)
    });
    std::fs::create_dir(dibhost.folder().join("out"))?;
    let args = ["--verbose", "--log-format", "json", "build", "image.toml", "-o", "out/x"];
    let built = dibhost.run(&args);
    stop.store(true, Ordering::Relaxed);
    let (seen, found) = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))?;
    let built = built?.expect_code(0)?;
    ensure!(found.is_empty(), "in the arguments of a process: {found:?}");
    ensure!(seen > 0, "the watcher saw no program of the image");

    // Said aloud by a program and by the element, and struck out.
    let struck = |words: &str| built.stderr.lines().any(|l| l.contains(words) && l.contains("***"));
    ensure!(struck("the token is ***!"), "{}", built.stderr);
    ensure!(struck("keeper: cat"), "{}", built.stderr);

    let mut places: Vec<(String, Vec<u8>)> = vec![
        ("plan".into(), plan.stdout.into()),
        ("plan as json".into(), json.stdout.into()),
        ("standard output".into(), built.stdout.into()),
        ("log".into(), built.stderr.into()),
        ("dib.lock".into(), std::fs::read(dibhost.folder().join("dib.lock"))?),
        ("image.toml".into(), std::fs::read(dibhost.folder().join("image.toml"))?),
    ];
    for entry in std::fs::read_dir(dibhost.folder().join("out"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "raw") {
            places.push((path.display().to_string(), std::fs::read(&path)?));
        }
    }
    for (place, content) in &places {
        for secret in [PASSWORD, KEY, TOKEN] {
            let there = content.windows(secret.len()).any(|w| w == secret.as_bytes());
            ensure!(!there, "{secret} is in {place}");
        }
    }

    let raw = dibhost.folder().join("out/x.raw");
    let key = disk::read_file(&raw, "/etc/keeper")?.context("the key is in the image")?;
    ensure!(key == KEY.as_bytes());
    ensure!(disk::stat(&raw, "/etc/keeper")?.contains("Mode:  0600"));
    let shadow = disk::read_file(&raw, "/etc/shadow")?.context("there is /etc/shadow")?;
    let shadow = String::from_utf8_lossy(&shadow).into_owned();
    let root = shadow.lines().find(|l| l.starts_with("root:")).context("root has a line")?;
    let hash = root.split(':').nth(1).context("the line has a hash")?;
    ensure!(hash.starts_with('$'), "no password was set: {root}");
    let same = tool::output(
        "perl",
        &["-e", "exit(crypt($ARGV[0], $ARGV[1]) ne $ARGV[1])", PASSWORD, hash],
    )?;
    ensure!(same.status.success(), "the password is another one");
    // All that was said of the keeper, by the image's own tools.
    let keeper = shadow.lines().find(|l| l.starts_with("keeper:")).context("there is a keeper")?;
    ensure!(keeper == format!("keeper:{HASH}:0:0:99999:7::22279:"), "{keeper}");
    let text = |path: &str| -> Result<String> {
        let content = disk::read_file(&raw, path)?.with_context(|| format!("there is {path}"))?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    };
    ensure!(text("/etc/passwd")?.contains(":Keeps secrets:/home/keeper:/bin/bash\n"));
    let rule = "/etc/sudoers.d/dibhost-keeper";
    ensure!(text(rule)? == "keeper ALL=(ALL:ALL) NOPASSWD: ALL\n");
    ensure!(disk::stat(&raw, rule)?.contains("Mode:  0440"));
    let drop_in = "/etc/systemd/system/keeper.service.d/10-more.conf";
    ensure!(text(drop_in)? == "[Service]\nRestart=always\n");
    ensure!(text("/etc/systemd/system-preset/90-dibhost.preset")? == "disable keeper-*\n");
    // The one that was only opened is nowhere in the image.
    let whole = std::fs::read(&raw)?;
    for (secret, expected) in [(KEY, true), (TOKEN, false), (PASSWORD, false)] {
        let there = whole.windows(secret.len()).any(|w| w == secret.as_bytes());
        ensure!(there == expected, "{secret} in the image: {there}");
    }
    Ok(())
}

#[test]
fn a_secret_that_is_not_there_stops_the_build_before_it_begins() -> Result<()> {
    let element = element()?;
    let dibhost = dibhost()?;
    let text = format!(
        "[image]\nname = \"x\"\nelements = [\"{}\"]\n[parameters.keeper]\npassword = \"a\"\nkey = \"a\"\n\
         token = \"a\"\n[secrets]\na = {{ file = \"nowhere/a\" }}\n",
        element.display()
    );
    dibhost.write("image.toml", &text)?;
    dibhost.run(&["grant", "--write", "image.toml"])?.expect_code(0)?;
    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(plan.stdout.contains("the secret `a` is not there"), "{}", plan.stdout);
    let refused = dibhost.run(&["build", "image.toml"])?.expect_code(2)?;
    ensure!(refused.stderr.contains("the secret `a` is not there"), "{}", refused.stderr);
    Ok(())
}
