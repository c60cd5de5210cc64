//! What the image of a container says beside its tree.

use dibhost_text::{Moment, oci_platform};
use serde_json::{Value, json};

/// What an image of a container says beside its tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name, by which it is known where it is loaded.
    pub name: String,
    /// Debian's name of its processor.
    pub arch: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
}

impl Container {
    /// Its configuration, of a layer whose archive has that SHA-256 before it is compressed.
    pub(super) fn config(&self, plain: &str) -> Value {
        let (arch, variant) = oci_platform(&self.arch);
        let created = Moment::of(i64::try_from(self.created).unwrap_or(i64::MAX)).rfc3339();
        let mut config = json!({
            "created": created,
            "architecture": arch,
            "os": "linux",
            "config": { "Cmd": ["/bin/sh"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{plain}")] },
            "history": [{ "created": created, "created_by": "dibhost build" }],
        });
        if let Some(variant) = variant {
            config["variant"] = json!(variant);
        }
        config
    }
}
