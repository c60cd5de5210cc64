//! First trees of the image of a container, which lies in Debian's own registry and was put there by
//! skopeo.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::program::Outcome;
use dibhost_tests::registry::Registry;
use dibhost_tests::{Dibhost, dibhost, machine, tool};
use serde_json::{Value, json};

use crate::rootless::User;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Debian 12 with a second layer, in a registry.
struct Published {
    registry: Registry,
    /// That of its manifest.
    digest: String,
    /// Those of its layers.
    layers: Vec<String>,
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Puts bytes into a layout.
fn blob(layout: &Path, bytes: &[u8]) -> Result<String> {
    let draft = layout.join("draft");
    fs::write(&draft, bytes)?;
    let sum = tool::run("sha256sum", &[text(&draft)])?;
    let hex = sum.split(' ').next().context("a sum")?;
    fs::rename(&draft, layout.join("blobs/sha256").join(hex))?;
    Ok(format!("sha256:{hex}"))
}

fn read(layout: &Path, digest: &str) -> Result<Value> {
    let path = layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// A layer over the tree: one file new, one replaced, one gone, a folder emptied.
fn layer(folder: &Path) -> Result<Vec<u8>> {
    let root = folder.join("layer");
    for (name, content) in [
        ("etc/of-the-layer", "new\n"),
        ("etc/issue", "replaced\n"),
        ("etc/.wh.issue.net", ""),
        ("usr/share/doc/apt/.wh..wh..opq", ""),
        ("usr/share/doc/apt/own", "the layer's\n"),
        (".dockerenv", ""),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, content)?;
    }
    let archive = folder.join("layer.tar.gz");
    tool::run("tar", &["-czf", text(&archive), "-C", text(&root), "."])?;
    Ok(fs::read(archive)?)
}

impl Published {
    fn new() -> Result<Self> {
        let dibhost = dibhost()?;
        let definition =
            "[image]\nname = \"base\"\nformats = [\"oci\"]\nelements = [\"debian-minimal\"]\n";
        dibhost.write("base.toml", definition)?;
        dibhost.run(&["build", "base.toml", "-o", "base"])?.expect_code(0)?;
        let layout = dibhost.folder().join("layout");
        let archive = format!("oci-archive:{}", dibhost.folder().join("base.oci").display());
        let to = format!("oci:{}:base", layout.display());
        tool::run("skopeo", &["copy", "--quiet", &archive, &to])?;

        let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
        let first = index["manifests"][0]["digest"].as_str().context("a digest")?;
        let mut manifest = read(&layout, first)?;
        let mut config = read(&layout, manifest["config"]["digest"].as_str().context("a digest")?)?;
        let over = layer(dibhost.folder())?;
        let plain = tool::run(
            "sh",
            &["-c", "gzip -dc \"$0\" | sha256sum", text(&dibhost.folder().join("layer.tar.gz"))],
        )?;
        let diff = format!("sha256:{}", plain.split(' ').next().context("a sum")?);
        config["rootfs"]["diff_ids"].as_array_mut().context("layers")?.push(json!(diff));
        config["history"].as_array_mut().context("history")?.push(json!({"created_by": "a test"}));
        let config = serde_json::to_vec(&config)?;
        manifest["config"]["digest"] = json!(blob(&layout, &config)?);
        manifest["config"]["size"] = json!(config.len());
        manifest["layers"].as_array_mut().context("layers")?.push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": blob(&layout, &over)?,
            "size": over.len(),
        }));
        let bytes = serde_json::to_vec(&manifest)?;
        let digest = blob(&layout, &bytes)?;
        let one = json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(),
            "annotations": {"org.opencontainers.image.ref.name": "two"}});
        fs::write(
            layout.join("index.json"),
            json!({"schemaVersion": 2, "manifests": [one]}).to_string(),
        )?;

        let registry = Registry::start()?;
        let from = format!("oci:{}:two", layout.display());
        let to = format!("docker://{}/library/debian:12", registry.host);
        tool::run("skopeo", &["copy", "--quiet", "--dest-tls-verify=false", &from, &to])?;
        let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &to];
        let digest = tool::run("skopeo", &inspect)?.trim().to_owned();
        let layers = manifest["layers"].as_array().context("layers")?;
        let layers = layers.iter().filter_map(|layer| layer["digest"].as_str().map(str::to_owned));
        Ok(Self { layers: layers.collect(), registry, digest })
    }

    fn definition(&self, image: &str, version: &str, more: &str) -> String {
        format!(
            "packages = [\"hello\"]\n[image]\nname = \"machine\"\nformats = [\"tar\"]\n\
             elements = [\"container\"]\n[parameters.container]\nimage = \"{}/library/debian{image}\"\n\
             system = \"debian\"\nversion = \"{version}\"\ncodename = \"bookworm\"\nmachine = false\n{more}",
            self.registry.host
        )
    }

    fn build(&self, dibhost: &Dibhost, definition: &str) -> Result<Outcome> {
        dibhost.write("machine.toml", definition)?;
        dibhost.run(&[
            "build",
            "machine.toml",
            "-o",
            "machine",
            "--plain-http",
            &self.registry.host,
        ])
    }
}

/// The files of an archive.
fn unpacked(archive: &Path, into: PathBuf) -> Result<PathBuf> {
    fs::create_dir(&into)?;
    tool::run("tar", &["-xpf", text(archive), "-C", text(&into)])?;
    Ok(into)
}

fn sum(archive: &Path) -> Result<String> {
    let sum = fs::read_to_string(archive.with_added_extension("sha256"))?;
    Ok(sum.split(' ').next().context("a sum")?.to_owned())
}

#[test]
fn an_image_of_a_container_becomes_a_tree_that_packages_are_installed_in() -> Result<()> {
    let published = Published::new()?;
    let pinned = format!("@{}", published.digest);
    let definition = published.definition(&pinned, "12", "");
    let dibhost = dibhost()?.with_layers();
    let archive = dibhost.folder().join("machine.tar");
    published.build(&dibhost, &definition)?.expect_code(0)?;
    let tree = unpacked(&archive, dibhost.folder().join("tree"))?;
    let said = |path: &str| fs::read_to_string(tree.join(path)).with_context(|| path.to_owned());
    ensure!(said("etc/of-the-layer")? == "new\n" && said("etc/issue")? == "replaced\n");
    ensure!(said("usr/share/doc/apt/own")? == "the layer's\n");
    for gone in ["etc/issue.net", "usr/share/doc/apt/copyright", ".dockerenv", "etc/.wh.issue.net"]
    {
        ensure!(tree.join(gone).symlink_metadata().is_err(), "`{gone}` is there");
    }
    let hello = tool::run("chroot", &[text(&tree), "hello"])?;
    ensure!(hello.contains("Hello, world!"), "{hello}");
    let status = tool::run("chroot", &[text(&tree), "dpkg", "--audit"])?;
    ensure!(status.trim().is_empty(), "{status}");

    // By a user without any right, and from nothing: the same bytes.
    let user = User::new("containers", true)?;
    fs::write(user.at("machine.toml"), &definition)?;
    let words =
        ["build", "machine.toml", "-o", "machine", "--plain-http", &published.registry.host];
    user.run(&words)?.expect_code(0)?;
    ensure!(sum(&archive)? == sum(&user.at("machine.tar"))?, "a user's is another");

    // What was fetched is not fetched again, and a second build stands on the first tree of this one.
    for digest in &published.layers {
        fs::remove_file(published.registry.blob(digest))?;
    }
    let before = sum(&archive)?;
    let anew = dibhost_tests::dibhost()?;
    published.build(&anew, &definition)?.expect_code(0)?;
    ensure!(sum(&anew.folder().join("machine.tar"))? == before, "one from nothing is another");
    let other =
        published.definition(&pinned, "12", "[[files]]\npath = \"/etc/more\"\ncontent = \"x\"\n");
    let again = published.build(&dibhost, &other)?.expect_code(0)?;
    let tree = unpacked(&archive, dibhost.folder().join("other"))?;
    let all = tree.join("etc/more").is_file() && tree.join("etc/of-the-layer").is_file();
    ensure!(all && again.stderr.contains("restore what"), "{}", again.stderr);
    Ok(())
}

#[test]
fn an_image_that_is_not_what_is_said_makes_nothing() -> Result<()> {
    let published = Published::new()?;
    let dibhost = dibhost()?;
    let refused = |image: &str, version: &str, says: &str| -> Result<()> {
        let outcome = published.build(&dibhost, &published.definition(image, version, ""))?;
        let made = dibhost.folder().join("machine.tar").exists();
        ensure!(outcome.code() != 0 && !made, "{image} {version} was built");
        ensure!(outcome.stderr.contains(says), "{image} {version}: {}", outcome.stderr);
        Ok(())
    };
    let pinned = format!("@{}", published.digest);
    let nothing = format!("@sha256:{}", "0".repeat(64));
    refused(":12", "12", "is no image by its digest")?;
    refused(&nothing, "12", "there is no manifest")?;
    let other = "the tree says that it is `debian 12`, and what makes it says `debian 13`";
    refused(&pinned, "13", other)?;
    Ok(())
}

#[test]
fn a_layer_that_was_changed_where_it_lies_is_not_used() -> Result<()> {
    let published = Published::new()?;
    let path = published.registry.blob(&published.layers[1]);
    let mut bytes = fs::read(&path)?;
    bytes[20] ^= 1;
    fs::write(&path, &bytes)?;
    let dibhost = dibhost()?;
    let definition = published.definition(&format!("@{}", published.digest), "12", "");
    let outcome = published.build(&dibhost, &definition)?.expect_code(1)?;
    ensure!(outcome.stderr.contains("is not what it has to be"), "{}", outcome.stderr);
    ensure!(!dibhost.folder().join("machine.tar").exists());
    // Put right, it is taken: what was wrong was not kept.
    bytes[20] ^= 1;
    fs::write(&path, &bytes)?;
    published.build(&dibhost, &definition)?.expect_code(0)?;
    Ok(())
}

#[test]
#[ignore = "long: under `make test-all`"]
fn an_image_of_a_container_becomes_a_machine_that_boots() -> Result<()> {
    let published = Published::new()?;
    let dibhost = dibhost()?;
    let key = Key::generate(dibhost.folder())?;
    let definition = format!(
        "[image]\nname = \"machine\"\narch = \"amd64\"\n\
         elements = [\"container\", \"vm\", \"openssh-server\", \"serial-console\"]\n\
         [[users]]\nname = \"me\"\nsudo = \"nopasswd\"\nauthorized-keys = [\"{}\"]\n\
         [parameters.container]\nimage = \"{}/library/debian@{}\"\n\
         system = \"debian\"\nversion = \"12\"\ncodename = \"bookworm\"\n",
        key.public.trim(),
        published.registry.host,
        published.digest
    );
    published.build(&dibhost, &definition)?.expect_code(0)?;
    let image = machine(dibhost.folder().join("machine.qcow2")).firmware(Firmware::SeaBios);
    image.login("me", &key).see(|machine| {
        machine.wait_for("machine login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        for (command, says) in [
            ("cat /etc/of-the-layer", "new"),
            (". /etc/os-release; echo $ID $VERSION_ID", "debian 12"),
            ("sudo id -un", "root"),
            ("systemctl --failed --no-legend --plain | cat", ""),
        ] {
            let said = machine.ssh_text(command)?;
            ensure!(said.trim() == says, "`{command}` says {said:?} and not {says:?}");
        }
        Ok(machine.power_off()?)
    })
}
