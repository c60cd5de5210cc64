//! Seeds for cloud-init's NoCloud datasource, and SSH keys to put in them.

use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program};

use crate::MachineError;

/// An SSH key pair made for one machine.
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
    pub fn generate(folder: &Path) -> Result<Self, MachineError> {
        let private = folder.join("id_ed25519");
        let keygen = Program::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", ""]);
        keygen.args(["-C", "dibhost", "-f"]).arg(&private).run(&Cancel::new())?;
        let public = std::fs::read_to_string(folder.join("id_ed25519.pub"));
        let public =
            public.map_err(MachineError::io("reading the public key that ssh-keygen made"))?;
        Ok(Self { private, public: public.trim().to_owned() })
    }
}

/// Makes a NoCloud seed in a folder: a small FAT filesystem labelled `CIDATA` with a user who
/// may log in with the key and become root without password. Attach it as a drive.
///
/// # Errors
/// When `mkfs.vfat` or `mcopy` fails.
pub fn nocloud(folder: &Path, user: &str, public_key: &str) -> Result<PathBuf, MachineError> {
    nocloud_with(folder, &user_data(user, public_key))
}

/// Makes a NoCloud seed with a `user-data` of one's own.
///
/// # Errors
/// When `mkfs.vfat` or `mcopy` fails.
pub fn nocloud_with(folder: &Path, user_data: &str) -> Result<PathBuf, MachineError> {
    let meta_data = "instance-id: dibhost\nlocal-hostname: seeded\n";
    let seed = folder.join("seed.img");
    // 1 MiB; -S and -F left to mkfs.vfat, whose own choice every kernel reads.
    let format = Program::new("mkfs.vfat").args(["-C", "-n", "CIDATA"]).arg(&seed).arg("1024");
    format.run(&Cancel::new())?;
    for (name, text) in [("meta-data", meta_data), ("user-data", user_data)] {
        let file = folder.join(name);
        let writing = MachineError::io(format!("writing {}", file.display()));
        std::fs::write(&file, text).map_err(writing)?;
        let copy = Program::new("mcopy").arg("-i").arg(&seed).arg(&file).arg(format!("::{name}"));
        copy.run(&Cancel::new())?;
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
        let folder = tempfile::tempdir().unwrap();
        let key = Key::generate(folder.path()).unwrap();
        let seed = nocloud(folder.path(), "tester", &key.public).unwrap();
        let said = |program: &str, what: &str| {
            let program = Program::new(program).arg("-i").arg(&seed).arg(what);
            program.run(&Cancel::new()).unwrap().text()
        };
        let listing = said("mdir", "::");
        assert!(listing.contains("CIDATA"), "{listing}");
        let text = said("mtype", "::user-data");
        assert!(text.starts_with("#cloud-config\n"), "{text}");
        assert!(text.contains(&key.public), "{text}");
        assert!(said("mtype", "::meta-data").contains("seeded"));
    }
}
