//! What the image of a container says beside its tree.

use dibhost_text::Moment;
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
    /// The names that OCI, which takes Go's, has for a processor: its own, and its variant.
    fn platform(&self) -> (&str, Option<&'static str>) {
        match self.arch.as_str() {
            "i386" => ("386", None),
            "arm64" => ("arm64", Some("v8")),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v5")),
            "ppc64el" => ("ppc64le", None),
            "mips64el" => ("mips64le", None),
            "loong64" => ("loong64", None),
            // amd64, s390x, riscv64.
            other => (other, None),
        }
    }

    /// Its configuration, of a layer whose archive has that SHA-256 before it is compressed.
    pub(super) fn config(&self, plain: &str) -> Value {
        let (arch, variant) = self.platform();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_the_names_of_oci() {
        let container = |arch: &str| Container { arch: arch.to_owned(), ..Container::default() };
        assert_eq!(container("amd64").platform(), ("amd64", None));
        assert_eq!(container("ppc64el").platform(), ("ppc64le", None));
        assert_eq!(container("armhf").platform(), ("arm", Some("v7")));
    }
}
