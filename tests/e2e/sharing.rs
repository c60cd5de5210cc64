//! Elements shared by a registry as people do it: pushed by one, pulled by another on what could be
//! another machine, carried in a file, copied; and what is in the way of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::dibhost;
use dibhost_tests::program::Dibhost;
use dibhost_tests::registry::Registry;
use serde_json::Value;

/// Somebody's machine, that knows of registries without TLS.
fn somebody(hosts: &str) -> Result<Dibhost> {
    let dibhost = dibhost()?.empty_cache().env("DIBHOST_PLAIN_HTTP", hosts);
    // Who is trusted is another matter: `trust.rs`.
    let trust = dibhost.write("trust.toml", "default = \"allow\"\n")?;
    Ok(dibhost.env("DIBHOST_TRUST", trust))
}

fn json(dibhost: &Dibhost, args: &[&str]) -> Result<Value> {
    let said = dibhost.run(&[args, &["--format", "json"]].concat())?.expect_code(0)?.stdout;
    serde_json::from_str(&said).with_context(|| format!("what {args:?} says: {said}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn folder_is_whole(dibhost: &Dibhost) -> Result<()> {
    dibhost.run(&["cache", "verify"])?.expect_code(0)?;
    let left: Vec<_> = std::fs::read_dir(dibhost.folder().join("cache/pulled"))?
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    ensure!(!left.iter().any(|name| name.starts_with(".draft")), "{left:?}");
    Ok(())
}

#[test]
fn elements_go_from_one_machine_to_another() -> Result<()> {
    let (here, there) = (Registry::start()?, Registry::start()?);
    let hosts = format!("{},{}", here.host, there.host);
    let author = somebody(&hosts)?;
    let elements = author.elements().to_owned();
    let host = here.host.clone();
    let of = |name: &str| format!("oci://{host}/acme/{name}");
    let mut digests = Vec::new();
    for name in ["growroot", "vm"] {
        let file = elements.join(format!("{name}.wasm"));
        let file = file.to_string_lossy().into_owned();
        let first = json(&author, &["element", "push", &file, &of(name)])?;
        ensure!(first["was-there"] == false && text(&first, "name") == name, "{first}");
        let again = json(&author, &["element", "push", &file, &of(name)])?;
        ensure!(again["was-there"] == true, "{again}");
        ensure!(again["manifest-digest"] == first["manifest-digest"], "pushed twice, one digest");
        let tags = json(&author, &["element", "tags", &of(name)])?;
        ensure!(tags == serde_json::json!([text(&first, "version")]), "{tags}");
        digests.push((name, text(&first, "manifest-digest").to_owned(), file));
    }

    let user = somebody(&hosts)?;
    for (name, manifest, file) in &digests {
        let pulled = json(&user, &["element", "pull", &of(name), "-o", "pulled.wasm"])?;
        ensure!(text(&pulled, "manifest-digest") == manifest, "{pulled}");
        ensure!(pulled["requests"].is_array(), "{pulled}");
        let bytes = std::fs::read(user.folder().join("pulled.wasm"))?;
        ensure!(bytes == std::fs::read(file)?, "{name} is not what was pushed");
    }
    let told = user.run(&["element", "pull", &of("vm")])?.expect_code(0)?.stdout;
    ensure!(told.contains("manifest   sha256:") && told.contains("component  sha256:"), "{told}");

    // In one file, which is the same each time, to where nobody is reached.
    let pinned: Vec<String> = digests.iter().map(|(n, d, _)| format!("{}@{d}", of(n))).collect();
    let [one, two] = [&pinned[0], &pinned[1]];
    user.run(&["element", "save", one, two, "-o", "a.tar"])?.expect_code(0)?;
    user.run(&["element", "save", two, one, "-o", "b.tar"])?.expect_code(0)?;
    let file = |name: &str| std::fs::read(user.folder().join(name));
    ensure!(file("a.tar")? == file("b.tar")?, "saved twice, one file");
    let alone = somebody("")?;
    let archive = user.folder().join("a.tar").to_string_lossy().into_owned();
    let loaded = json(&alone, &["element", "load", &archive])?;
    ensure!(loaded.as_array().is_some_and(|all| all.len() == 2), "{loaded}");

    // Copied, and known there by the same digest; then nobody is asked for what is here.
    let copy = format!("oci://{}/mirror/vm", there.host);
    let copied = json(&user, &["element", "copy", &pinned[1], &format!("{copy}:mirrored")])?;
    ensure!(text(&copied, "manifest-digest") == digests[1].1, "{copied}");
    drop((here, there));
    for pinned in &pinned {
        alone.run(&["element", "pull", pinned])?.expect_code(0)?;
        user.run(&["element", "pull", pinned])?.expect_code(0)?;
    }
    let gone = user.run(&["element", "pull", &of("vm")])?.expect_code(1)?;
    ensure!(
        gone.stderr.contains("could not be had") && gone.stderr.contains("help:"),
        "{}",
        gone.stderr
    );
    let listed = alone.run(&["cache", "list"])?.expect_code(0)?.stdout;
    ensure!(listed.contains("/acme/vm@sha256:"), "{listed}");
    folder_is_whole(&user)?;
    folder_is_whole(&alone)
}

#[test]
fn a_helper_says_who_asks_and_others_are_not_let_in() -> Result<()> {
    // `builder`, `hunter2`.
    let known = "builder:$2y$04$aizSOPOJfsTx4gvce2NvD.v9U5.OA.E5WH7R7A.0tEyCmccKBcTqW\n";
    let auth = "auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/htpasswd\n";
    let registry = Registry::start_with(&[("htpasswd", known)], auth)?;
    let stranger = somebody(&registry.host)?;
    let file = stranger.elements().join("growroot.wasm").to_string_lossy().into_owned();
    let to = format!("oci://{}/acme/growroot", registry.host);
    let refused = stranger.run(&["element", "push", &file, &to])?.expect_code(1)?;
    ensure!(refused.stderr.contains("without credentials"), "{}", refused.stderr);

    let author = somebody(&registry.host)?;
    let bin = author.folder().join("bin");
    std::fs::create_dir_all(&bin)?;
    let helper = bin.join("docker-credential-trial");
    let script = "#!/bin/sh\nread -r host || true\necho \"$1 $host\" >> \"$HOME/asked\"\n\
                  echo '{\"ServerURL\":\"\",\"Username\":\"builder\",\"Secret\":\"hunter2\"}'\n";
    std::fs::write(&helper, script)?;
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755))?;
    let config = format!("{{\"credHelpers\":{{\"{}\":\"trial\"}}}}", registry.host);
    author.write("docker/config.json", &config)?;
    let docker = author.folder().join("docker");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let author = author.env("PATH", path).env("DOCKER_CONFIG", docker);
    author.run(&["element", "push", &file, &to])?.expect_code(0)?;
    author.run(&["element", "pull", &to])?.expect_code(0)?;
    let asked = std::fs::read_to_string(author.folder().join("home/asked"))?;
    ensure!(asked.lines().all(|line| line == format!("get {}", registry.host)), "{asked}");
    Ok(())
}

/// A component that is another one and says the same of itself.
fn another(file: &Path, to: &Path) -> Result<()> {
    let mut bytes = std::fs::read(file)?;
    // A custom section at the end changes the digest and nothing else.
    bytes.extend_from_slice(b"\0\x05\x01xabc");
    std::fs::write(to, bytes)?;
    Ok(())
}

#[test]
fn a_version_stays_what_it_is_and_what_is_spoilt_is_said() -> Result<()> {
    let registry = Registry::start()?;
    let somebody = somebody(&registry.host)?;
    let file = somebody.elements().join("growroot.wasm");
    let to = format!("oci://{}/acme/growroot", registry.host);
    let pushed = json(&somebody, &["element", "push", &file.to_string_lossy(), &to])?;
    let other = somebody.folder().join("growroot.wasm");
    another(&file, &other)?;
    let refused =
        somebody.run(&["element", "push", &other.to_string_lossy(), &to])?.expect_code(1)?;
    ensure!(
        refused.stderr.contains("already") && refused.stderr.contains("--replace"),
        "{}",
        refused.stderr
    );
    let wrong = somebody
        .run(&["element", "push", &other.to_string_lossy(), &format!("{to}:99.0.0")])?
        .expect_code(2)?;
    ensure!(wrong.stderr.contains("the tag `99.0.0` is a version"), "{}", wrong.stderr);
    let wrong = somebody.run(&["element", "pull", "oci://user:pw@x.example/a"])?.expect_code(2)?;
    ensure!(wrong.stderr.contains("no place in a reference"), "{}", wrong.stderr);

    // A flipped byte in what was pulled.
    let pinned = format!("{to}@{}", text(&pushed, "manifest-digest"));
    somebody.run(&["element", "pull", &pinned])?.expect_code(0)?;
    let hex = text(&pushed, "component-digest").replace(':', "-");
    let kept = somebody.folder().join("cache/pulled").join(hex);
    let mut bytes = std::fs::read(&kept)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&kept, bytes)?;
    let again = somebody.run(&["element", "pull", &pinned])?.expect_code(0)?;
    ensure!(again.stderr.contains("is not what was put there"), "{}", again.stderr);
    ensure!(std::fs::read(&kept)? == std::fs::read(&file)?, "it came anew");
    let mut bytes = std::fs::read(&kept)?;
    bytes[middle] ^= 1;
    std::fs::write(&kept, bytes)?;
    let verified = somebody.run(&["cache", "verify"])?.expect_code(1)?;
    ensure!(verified.stdout.contains("dropped"), "{}", verified.stdout);
    folder_is_whole(&somebody)
}

#[test]
fn a_pull_that_is_killed_leaves_nothing_that_is_used() -> Result<()> {
    // A registry that stops in the middle of what it sends.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let host = listener.local_addr()?.to_string();
    let component = vec![7_u8; 1 << 20];
    let digest = |bytes: &[u8]| -> Result<String> {
        let mut child =
            Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("stdin")?.write_all(bytes)?;
        let said = String::from_utf8(child.wait_with_output()?.stdout)?;
        Ok(format!("sha256:{}", said.split(' ').next().unwrap_or_default()))
    };
    let manifest = format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"{}\",\
         \"size\":2}},\"layers\":[{{\"mediaType\":\"application/wasm\",\"digest\":\"{}\",\"size\":{}}}]}}",
        digest(b"{}")?,
        digest(&component)?,
        component.len()
    );
    let (halfway, reached) = std::sync::mpsc::channel();
    let empty = digest(b"{}")?;
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let (halfway, manifest, component) =
                (halfway.clone(), manifest.clone(), component.clone());
            let empty = empty.clone();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    connection.read_exact(&mut byte)?;
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let (body, sent) = match head.split(' ').nth(1).unwrap_or_default() {
                    path if path.contains("/manifests/") => (manifest.as_bytes(), manifest.len()),
                    path if path.ends_with(&empty) => (&b"{}"[..], 2),
                    _ => (&component[..], component.len() / 2),
                };
                write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
                connection.write_all(&body[..sent])?;
                if sent < body.len() {
                    let _ = halfway.send(());
                    std::thread::sleep(Duration::from_secs(60));
                }
                Ok(())
            });
        }
    });
    let somebody = somebody(&host)?;
    let from = format!("oci://{host}/acme/motd:1.0.0");
    let mut command = somebody.command(&["element", "pull", &from])?;
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    reached.recv_timeout(Duration::from_secs(60)).context("waiting for half of it")?;
    std::thread::sleep(Duration::from_millis(200));
    child.kill()?;
    child.wait()?;
    let listed = somebody.run(&["cache", "list"])?.expect_code(0)?.stdout;
    ensure!(!listed.contains("element"), "{listed}");
    folder_is_whole(&somebody)
}
