//! Who is trusted: an element that is signed, pushed, named by a definition and locked; and everything
//! that somebody between can do to it. Against Debian's own `docker-registry` on the loopback address.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_tests::program::{Dibhost, Outcome};
use dibhost_tests::registry::Registry;
use dibhost_tests::{dibhost, tool};

/// A person with keys, a policy and elements; the registry that they share them by.
struct Shop {
    dibhost: Dibhost,
    registry: Registry,
}

/// `motd` in other versions: its texts are changed where they stand, by others of the same length.
fn motd(dibhost: &Dibhost, version: &str, more: bool) -> Result<Vec<u8>> {
    let path = dibhost.elements().join("examples/motd.wasm");
    let mut bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    replace(&mut bytes, b"motd1.0.0Apache", format!("motd{version}Apache").as_bytes())?;
    if more {
        replace(&mut bytes, b"rootfswrite /etc/motd", b"rootfswrite /etc/sudo")?;
    }
    Ok(bytes)
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) -> Result<()> {
    ensure!(from.len() == to.len());
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.context("the component has that text")?;
    bytes[at..at + to.len()].copy_from_slice(to);
    Ok(())
}

impl Shop {
    fn open() -> Result<Self> {
        let registry = Registry::start()?;
        let dibhost = dibhost()?.env("DIBHOST_PLAIN_HTTP", &registry.host).empty_cache();
        let dibhost = {
            let trust = dibhost.folder().join("trust.toml");
            dibhost.env("DIBHOST_TRUST", trust)
        };
        let shop = Self { dibhost, registry };
        shop.policy("")?;
        for name in ["acme", "evil"] {
            shop.good(&["element", "keygen", "-o", name])?;
        }
        shop.policy("keys = [\"acme.pub\"]\n")?;
        Ok(shop)
    }

    fn good(&self, args: &[&str]) -> Result<Outcome> {
        self.dibhost.run(args)?.expect_code(0)
    }

    fn refused(&self, args: &[&str], words: &[&str]) -> Result<()> {
        let said = self.dibhost.run(args)?;
        ensure!(matches!(said.code(), 1 | 2), "{args:?} ended well:\n{}", said.stdout);
        for words in words {
            ensure!(said.stderr.contains(words), "no `{words}` in:\n{}", said.stderr);
        }
        ensure!(said.stderr.contains("help: "), "no help in:\n{}", said.stderr);
        Ok(())
    }

    /// The policy: one publisher for `acme/…` of this registry.
    fn policy(&self, rest: &str) -> Result<()> {
        let text = match rest {
            "" => "default = \"deny\"\n".to_owned(),
            rest => format!(
                "[[publishers]]\nname = \"acme\"\nnames = [\"oci://{}/acme/*\"]\n{rest}",
                self.registry.host
            ),
        };
        self.dibhost.write("trust.toml", &text)?;
        Ok(())
    }

    fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.registry.host)
    }

    /// Writes a component, pushes it as its version, and has it signed by these keys.
    fn publish(&self, version: &str, more: bool, keys: &[&str]) -> Result<()> {
        self.put(&motd(&self.dibhost, version, more)?)?;
        self.good(&["element", "push", "motd.wasm", &self.reference("acme/motd")])?;
        for key in keys {
            self.sign(key, &format!("acme/motd:{version}"))?;
        }
        Ok(())
    }

    fn put(&self, component: &[u8]) -> Result<()> {
        std::fs::write(self.dibhost.folder().join("motd.wasm"), component)?;
        Ok(())
    }

    fn sign(&self, key: &str, rest: &str) -> Result<()> {
        let key = format!("{key}.key");
        self.good(&["element", "sign", "--key", &key, &self.reference(rest)])?;
        Ok(())
    }

    /// Has the registry call a manifest by another tag too, as anybody may who writes to it.
    fn tag(&self, repository: &str, from: &str, to: &str) -> Result<()> {
        let at =
            |tag: &str| format!("http://{}/v2/{repository}/manifests/{tag}", self.registry.host);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let (accept, sent) = (format!("Accept: {kind}"), format!("Content-Type: {kind}"));
        let file = self.dibhost.folder().join("manifest.json");
        let file = file.to_string_lossy();
        tool::run("curl", &["-sSf", "-H", &accept, "-o", &file, &at(from)])?;
        let data = format!("@{file}");
        tool::run("curl", &["-sSf", "-X", "PUT", "-H", &sent, "--data-binary", &data, &at(to)])?;
        Ok(())
    }

    fn definition(&self, wanted: &str) -> Result<()> {
        let text = format!(
            "[image]\nname = \"x\"\nelements = [\"{}\"]\n\n[parameters.motd]\ntext = \"hi\"\n\n\
             [grants.motd]\nrootfs = [\"write /\"]\n",
            self.reference(&format!("acme/motd{wanted}"))
        );
        self.dibhost.write("image.toml", &text)?;
        Ok(())
    }

    fn forget(&self) -> Result<()> {
        // Another machine's cache: all that was pulled and compiled is gone.
        let cache = self.cache();
        if cache.exists() {
            std::fs::remove_dir_all(&cache)?;
        }
        Ok(())
    }

    fn cache(&self) -> PathBuf {
        self.dibhost.folder().join("cache")
    }

    fn lock(&self) -> Result<String> {
        std::fs::read_to_string(self.dibhost.folder().join("dib.lock")).context("reading dib.lock")
    }

    /// Plans a build up to where it would begin: it fails then, for there is no `/etc` in an image of
    /// `motd` alone.
    fn build(&self, more: &[&str]) -> Result<Outcome> {
        let args: Vec<&str> =
            ["build"].iter().chain(more).chain(&["image.toml"]).copied().collect();
        let said = self.dibhost.run(&args)?;
        ensure!(said.code() == 1, "it ended with {}:\n{}", said.code(), said.stderr);
        Ok(said)
    }

    fn store(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![self.cache()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        Ok(found)
    }
}

fn field<'t>(text: &'t str, name: &str) -> Result<&'t str> {
    let line = text.lines().find(|line| line.trim_start().starts_with(name));
    let line = line.with_context(|| format!("a line with `{name}` in:\n{text}"))?;
    Ok(line.trim_start()[name.len()..].trim())
}

#[test]
fn an_element_of_a_registry_is_fetched_locked_and_used_without_the_network() -> Result<()> {
    let mut shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.publish("1.2.0", false, &["acme"])?;
    shop.definition(":^1.0")?;
    // Nothing asks the network but who says so.
    shop.refused(&["plan", "image.toml"], &["is not in the store", "dibhost fetch"])?;
    shop.refused(&["build", "--no-fetch", "image.toml"], &["is not in the store"])?;
    shop.refused(&["build", "--locked", "image.toml"], &["is not in `dib.lock`"])?;
    let fetched = shop.good(&["fetch", "image.toml"])?;
    for words in ["motd 1.2.0", "(acme)", "asks for   rootfs write /etc/motd"] {
        ensure!(fetched.stdout.contains(words), "no `{words}` in:\n{}", fetched.stdout);
    }
    ensure!(shop.lock().is_err(), "fetching agrees to nothing");
    let plan = shop.good(&["plan", "image.toml"])?;
    ensure!(plan.stdout.contains("motd"), "{}", plan.stdout);

    shop.build(&[])?;
    let locked = shop.lock()?;
    let manifest = field(&fetched.stdout, "manifest")?;
    let key = field(&fetched.stdout, "key")?.split(' ').next().context("a key")?;
    for line in
        ["version = \"1.2.0\"", &format!("manifest = \"{manifest}\""), &format!("key = \"{key}\"")]
    {
        ensure!(locked.contains(line), "no `{line}` in:\n{locked}");
    }
    ensure!(!locked.contains(&format!("digest = \"{manifest}\"")), "two digests of two things");
    // Locked and in the store: the registry may be gone.
    shop.registry.end();
    shop.build(&["--locked"])?;
    shop.good(&["fetch", "--locked", "image.toml"])?;
    shop.good(&["plan", "image.toml"])?;
    ensure!(shop.lock()? == locked);
    Ok(())
}

#[test]
fn an_update_tells_rights_first_and_stops_where_they_grow() -> Result<()> {
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.definition(":^1.0")?;
    shop.build(&[])?;
    let first = shop.lock()?;
    let update = ["update", "--only", "elements", "image.toml"];
    ensure!(shop.good(&update)?.stdout.contains("nothing changed"));

    // A new version that asks for nothing more is taken by `update`, and by nothing else.
    shop.publish("1.1.0", false, &["acme"])?;
    shop.build(&[])?;
    ensure!(shop.lock()? == first, "a build holds to what is locked");
    ensure!(shop.good(&update)?.stdout.contains("~ motd  1.0.0 → 1.1.0"));
    let second = shop.lock()?;
    ensure!(second.contains("1.1.0"));

    shop.publish("1.2.0", true, &["acme"])?;
    let said = shop.dibhost.run(&update)?.expect_code(2)?;
    for words in ["~ motd  1.1.0 → 1.2.0", "asks for more: ", "write /etc/sudo"] {
        let (told, wrong) = (&said.stdout, &said.stderr);
        ensure!(told.contains(words), "no `{words}` in:\n{told}{wrong}");
    }
    ensure!(said.stderr.contains("nothing was updated") && said.stderr.contains("--agree"));
    ensure!(shop.lock()? == second);
    shop.build(&[])?;
    shop.good(&["update", "--only", "elements", "--agree", "image.toml"])?;
    ensure!(shop.lock()?.contains("write /etc/sudo"));
    shop.build(&["--locked"])?;

    // Signed by another key that counts as well, it is another's element all the same.
    shop.policy("keys = [\"acme.pub\", \"evil.pub\"]\n")?;
    shop.publish("1.3.0", true, &["evil"])?;
    let said = shop.dibhost.run(&update)?.expect_code(2)?;
    ensure!(said.stdout.contains("signed by sha256:"), "{}", said.stdout);
    Ok(())
}

#[test]
fn what_no_trusted_key_signed_is_not_used_and_not_kept() -> Result<()> {
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &[])?;
    shop.definition(":1.0.0")?;
    let fetch = ["fetch", "image.toml"];
    shop.refused(&fetch, &["is refused: it is signed by nobody"])?;
    shop.sign("evil", "acme/motd:1.0.0")?;
    // Who signs has looked at it; who fetches has not yet.
    shop.forget()?;
    shop.refused(&fetch, &["is refused: it is signed by no key that is trusted for it"])?;
    shop.refused(&["build", "image.toml"], &["signed by no key"])?;
    let pull = ["element", "pull", &shop.reference("acme/motd:1.0.0")];
    shop.refused(&pull, &["signed by no key"])?;
    shop.policy("")?;
    shop.refused(&fetch, &["is refused: nobody is trusted for it", "[[publishers]]"])?;
    let kept = shop.store()?;
    let of_it = |path: &PathBuf| !path.ends_with(".lock");
    ensure!(!kept.iter().any(of_it), "of what was refused there is something: {kept:?}");

    shop.policy("keys = [\"acme.pub\"]\n")?;
    shop.sign("acme", "acme/motd:1.0.0")?;
    shop.good(&fetch)?;
    // What is kept is asked anew: the trust may have ended.
    shop.policy("keys = [\"acme.pub\"]\nuntil = 2020-01-01\n")?;
    shop.refused(&["plan", "image.toml"], &["the trust in who signed it ended with 2020-01-01"])?;
    shop.policy("keys = [\"evil.pub\"]\n")?;
    shop.good(&["plan", "image.toml"])?;
    shop.policy("keys = []\n")?;
    shop.refused(&["plan", "image.toml"], &["signed by no key"])?;
    Ok(())
}

#[test]
fn an_element_under_the_name_or_version_of_another_is_refused() -> Result<()> {
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    // Copied by a registry under the name of another element, its signature with it.
    let from = shop.reference("acme/motd:1.0.0");
    shop.good(&["element", "copy", &from, &shop.reference("acme/sshd:1.0.0")])?;
    let text =
        format!("[image]\nname = \"x\"\nelements = [\"{}\"]\n", shop.reference("acme/sshd:1.0.0"));
    shop.dibhost.write("other.toml", &text)?;
    let name = "its signature is of the name `motd`, and this is `sshd`";
    shop.refused(&["fetch", "other.toml"], &[name])?;
    // An old version under the tag of a new one.
    let copy = ["element", "copy", &from, &shop.reference("acme/motd:1.9.0")];
    let said = shop.dibhost.run(&copy)?.expect_code(1)?.stderr;
    ensure!(said.contains("a version stands under its own tag"), "{said}");
    shop.tag("acme/motd", "1.0.0", "1.9.0")?;
    shop.definition(":^1.0")?;
    shop.refused(&["fetch", "image.toml"], &["1.9.0", "1.0.0"])?;
    // Nobody signs what is under another name.
    shop.refused(
        &["element", "sign", "--key", "acme.key", &shop.reference("acme/sshd:1.0.0")],
        &["its name is `motd`", "is not signed"],
    )?;
    Ok(())
}

#[test]
fn a_tag_that_moved_and_a_version_that_is_hidden_are_told() -> Result<()> {
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.publish("1.2.0", false, &["acme"])?;
    shop.definition(":^1.0")?;
    shop.build(&[])?;
    let locked = shop.lock()?;

    // The same version again, signed by the same key, and another component.
    shop.put(&{
        let mut bytes = motd(&shop.dibhost, "1.2.0", false)?;
        replace(&mut bytes, b"Writes the message of the day.", b"Writes the message of the dax.")?;
        bytes
    })?;
    let to = shop.reference("acme/motd");
    shop.refused(&["element", "push", "motd.wasm", &to], &["1.2.0"])?;
    shop.good(&["element", "push", "--replace", "motd.wasm", &to])?;
    shop.sign("acme", "acme/motd:1.2.0")?;
    // What is locked is in the store: nobody asks.
    shop.build(&["--locked"])?;
    shop.forget()?;
    shop.refused(&["build", "image.toml"], &["the tag `1.2.0` is the manifest", "`dib.lock` has"])?;
    ensure!(shop.lock()? == locked);

    // A registry that hides what is new offers what is old.
    let shop = Shop::open()?;
    shop.publish("1.2.0", false, &["acme"])?;
    shop.definition(":^1.0")?;
    shop.build(&[])?;
    let tags = shop.registry.stored().join("repositories/acme/motd");
    shop.publish("1.0.0", false, &["acme"])?;
    std::fs::remove_dir_all(tags.join("_manifests/tags/1.2.0"))?;
    let update = ["update", "--only", "elements", "image.toml"];
    shop.refused(&update, &["it is version 1.0.0, and 1.2.0 was there before", "--allow-older"])?;
    std::fs::remove_file(shop.dibhost.folder().join("dib.lock"))?;
    shop.refused(&["fetch", "image.toml"], &["1.2.0 was there before"])?;
    shop.good(&["fetch", "--allow-older", "image.toml"])?;
    Ok(())
}

#[test]
fn what_was_changed_in_the_store_or_in_the_lock_is_refused() -> Result<()> {
    let mut shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.definition(":1.0.0")?;
    shop.build(&[])?;
    let locked = shop.lock()?;
    let field = |name: &str| -> Result<String> {
        let line = locked.lines().find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.with_context(|| format!("`{name}` in {locked}"))?;
        Ok(line.split('"').nth(1).context("a text")?.to_owned())
    };
    let none = format!("sha256:{}", "0".repeat(64));
    for (name, words) in [("digest", "the component"), ("key", "the key")] {
        shop.dibhost.write("dib.lock", &locked.replace(&field(name)?, &none))?;
        shop.refused(&["build", "image.toml"], &["is refused: `dib.lock` has", words])?;
        shop.refused(&["plan", "image.toml"], &[words])?;
    }
    shop.dibhost.write("dib.lock", &locked.replace(&field("manifest")?, &none))?;
    shop.refused(&["plan", "image.toml"], &["is not in the store"])?;
    shop.refused(&["build", "image.toml"], &["`1.0.0` is the manifest", &none])?;
    shop.dibhost.write("dib.lock", &locked)?;

    // A flipped bit in the stored component, with the registry gone.
    let component = field("digest")?;
    let hex = component.trim_start_matches("sha256:").to_owned();
    let mut flipped = 0;
    for path in shop.store()? {
        let of_pulled = path.file_name().is_some_and(|name| name.to_string_lossy().contains(&hex));
        let bytes = std::fs::read(&path)?;
        if of_pulled && bytes.starts_with(b"\0asm") {
            let mut bytes = bytes;
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes)?;
            flipped += 1;
        }
    }
    ensure!(flipped == 1, "{flipped} stored components");
    // With the registry there it comes anew; what is spoilt is never used.
    shop.registry.end();
    shop.refused(&["build", "image.toml"], &["image.toml"])?;
    Ok(())
}

#[test]
fn what_a_registry_changes_of_a_signature_or_component_is_refused() -> Result<()> {
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.definition(":1.0.0")?;
    let signed = shop.good(&["fetch", "image.toml"])?;
    let component = field(&signed.stdout, "component")?.to_owned();
    shop.forget()?;
    let blob = shop.registry.blob(&component);
    let whole = std::fs::read(&blob)?;
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x40;
    std::fs::write(&blob, &flipped)?;
    shop.refused(&["fetch", "image.toml"], &["sha256:"])?;
    std::fs::write(&blob, &whole)?;
    shop.good(&["fetch", "image.toml"])?;
    shop.forget()?;
    // The signature's own bytes: what its digest does not say is not read.
    let blobs = shop.registry.stored().join("blobs/sha256");
    let mut changed = 0;
    let mut folders = vec![blobs];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path)
                && text.contains("dsseEnvelope")
            {
                let at = text.find("\"sig\":\"").context("a signature")? + 20;
                let mut bytes = text.into_bytes();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                std::fs::write(&path, bytes)?;
                changed += 1;
            }
        }
    }
    ensure!(changed == 1, "{changed} signatures");
    shop.refused(&["fetch", "image.toml"], &["is refused"])?;
    Ok(())
}

#[test]
fn a_file_is_signed_and_verified_beside_itself() -> Result<()> {
    let shop = Shop::open()?;
    shop.put(&motd(&shop.dibhost, "1.0.0", false)?)?;
    let verify = |key: &'static str| ["element", "verify", "--key", key, "motd.wasm"];
    shop.refused(&verify("acme.pub"), &["it is signed by nobody"])?;
    shop.good(&["element", "sign", "--key", "acme.key", "motd.wasm"])?;
    let said = shop.good(&verify("acme.pub"))?;
    ensure!(said.stdout.contains("motd 1.0.0: signed"), "{}", said.stdout);
    shop.refused(&verify("evil.pub"), &["signed by no key"])?;
    shop.refused(&verify("/dev/zero"), &["no regular file"])?;
    shop.refused(&["element", "sign", "--key", "/dev/zero", "motd.wasm"], &["no regular file"])?;
    shop.refused(&["element", "sign", "--key", "acme.pub", "motd.wasm"], &["is a public key"])?;
    shop.refused(&["element", "keygen", "-o", "acme"], &["never overwritten"])?;
    // Another component under the signature of this one.
    shop.put(&motd(&shop.dibhost, "1.1.0", false)?)?;
    shop.refused(&verify("acme.pub"), &["its signature is of sha256:", "and not of sha256:"])?;
    // With a passphrase.
    shop.dibhost.write("secret.txt", "correct horse\n")?;
    shop.good(&["element", "keygen", "-o", "closed", "--passphrase-file", "secret.txt"])?;
    let key = std::fs::read_to_string(shop.dibhost.folder().join("closed.key"))?;
    ensure!(key.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"), "{key}");
    let sign = ["element", "sign", "--key", "closed.key", "motd.wasm"];
    shop.refused(&sign, &["is encrypted, and there is no passphrase for it"])?;
    let open = [&sign[..], &["--passphrase-file", "secret.txt"]].concat();
    shop.good(&open)?;
    shop.good(&verify("closed.pub"))?;
    Ok(())
}

#[test]
fn a_policy_that_is_malformed_or_anybodys_trusts_nobody() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let shop = Shop::open()?;
    shop.publish("1.0.0", false, &["acme"])?;
    shop.definition(":1.0.0")?;
    shop.dibhost.write("trust.toml", "defalt = \"allow\"\n")?;
    shop.refused(
        &["fetch", "image.toml"],
        &["trust.toml:1:1: unknown key `defalt`", "did you mean"],
    )?;
    shop.policy("keys = [\"none.pub\"]\n")?;
    shop.refused(&["fetch", "image.toml"], &["trust.toml:4:9", "none.pub"])?;
    shop.policy("keys = [\"acme.pub\"]\n")?;
    let file: &Path = &shop.dibhost.folder().join("trust.toml");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o666))?;
    shop.refused(&["fetch", "image.toml"], &["is refused: anybody may write it"])?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644))?;
    shop.good(&["fetch", "image.toml"])?;
    std::fs::remove_file(file)?;
    shop.refused(&["plan", "image.toml"], &["there is no policy"])?;
    if file.exists() {
        bail!("nobody writes a policy");
    }
    Ok(())
}
