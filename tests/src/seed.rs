//! Seeds for cloud-init's NoCloud datasource, and SSH keys to put in them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::tool;

/// An SSH key pair made for one test.
#[derive(Debug, Clone)]
pub struct Key {
    /// The file with the private half.
    pub private: PathBuf,
    /// The public half, as in `authorized_keys`.
    pub public: String,
}

impl Key {
    /// Makes an Ed25519 key without passphrase in a folder.
    ///
    /// # Errors
    /// When `ssh-keygen` fails.
    pub fn generate(folder: &Path) -> Result<Self> {
        let private = folder.join("id_ed25519");
        let file = private.to_string_lossy().into_owned();
        tool::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", &file])?;
        let public = std::fs::read_to_string(folder.join("id_ed25519.pub"))
            .context("reading the public key that ssh-keygen made")?;
        Ok(Self { private, public: public.trim().to_owned() })
    }
}

/// Makes a NoCloud seed in a folder: a small FAT filesystem labelled `CIDATA` with a user who
/// may log in with the key and become root without password. Attach it as a drive.
///
/// # Errors
/// When `mkfs.vfat` or `mcopy` fails.
pub fn nocloud(folder: &Path, user: &str, public_key: &str) -> Result<PathBuf> {
    nocloud_with(folder, &user_data(user, public_key))
}

/// Makes a NoCloud seed with a `user-data` of one's own.
///
/// # Errors
/// When `mkfs.vfat` or `mcopy` fails.
pub fn nocloud_with(folder: &Path, user_data: &str) -> Result<PathBuf> {
    let meta_data = "instance-id: dibhost-test\nlocal-hostname: seeded\n";
    let seed = folder.join("seed.img");
    let image = seed.to_string_lossy().into_owned();
    // 1 MiB; -S and -F left to mkfs.vfat, whose own choice every kernel reads.
    tool::run("mkfs.vfat", &["-C", "-n", "CIDATA", &image, "1024"])?;
    for (name, text) in [("meta-data", meta_data), ("user-data", user_data)] {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        tool::run("mcopy", &["-i", &image, &file.to_string_lossy(), &format!("::{name}")])?;
    }
    Ok(seed)
}

fn user_data(user: &str, public_key: &str) -> String {
    // JSON is YAML: no quoting of ours can go wrong. One kind of host key, for making the RSA and
    // DSA ones takes emulation half a minute.
    let config = serde_json::json!({
        "ssh_genkeytypes": ["ed25519"],
        "users": [{
            "name": user,
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": true,
            "ssh_authorized_keys": [public_key],
        }],
    });
    format!("#cloud-config\n{config}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_the_label_and_both_files() {
        let folder = crate::work_folder().unwrap();
        let key = Key::generate(folder.path()).unwrap();
        let seed = nocloud(folder.path(), "tester", &key.public).unwrap();
        let image = seed.to_string_lossy().into_owned();
        let listing = tool::run("mdir", &["-i", &image, "::"]).unwrap();
        assert!(listing.contains("CIDATA"), "{listing}");
        let text = tool::run("mtype", &["-i", &image, "::user-data"]).unwrap();
        assert!(text.starts_with("#cloud-config\n"), "{text}");
        assert!(text.contains(&key.public), "{text}");
        assert!(tool::run("mtype", &["-i", &image, "::meta-data"]).unwrap().contains("seeded"));
    }
}
