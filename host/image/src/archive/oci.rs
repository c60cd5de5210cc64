//! The tree as an image of a container: an [OCI image layout](https://github.com/opencontainers/image-spec)
//! of one layer in one archive, as `podman load` and `skopeo copy oci-archive:…` read it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::source::{Failed, Source};
use crate::digest::hexadecimal;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Bytes of a block of an archive.
const BLOCK: u64 = 512;

/// Hashes what is written, and counts it.
struct Hashed<W> {
    to: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A file of the layout that is small.
struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn of(value: &Value) -> Self {
        let bytes = value.to_string().into_bytes();
        Self { digest: hexadecimal(&Sha256::digest(&bytes)), bytes }
    }

    fn descriptor(&self, kind: &str) -> Value {
        descriptor(kind, &self.digest, self.bytes.len() as u64)
    }
}

fn descriptor(kind: &str, digest: &str, bytes: u64) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes })
}

/// The layer comes first, behind a place for its name: what it is called is its own digest.
pub(super) fn write(source: &Source<'_>, file: &File) -> Result<(), Failed> {
    let mut to = file;
    to.seek(SeekFrom::Start(BLOCK)).map_err(Failed::Write)?;
    let mut plain = Sha256::new();
    let mut layer = Hashed { to, digest: Sha256::new(), bytes: 0 };
    source.gzip(&mut layer, &mut |piece| plain.update(piece))?;
    let (digest, bytes) = (hexadecimal(&layer.digest.finalize()), layer.bytes);
    let container = source.container;

    let config = Blob::of(&container.config(&hexadecimal(&plain.finalize())));
    let manifest = Blob::of(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(CONFIG),
        "layers": [descriptor(LAYER, &digest, bytes)],
    }));
    let mut listed = manifest.descriptor(MANIFEST);
    listed["annotations"] = json!({ "org.opencontainers.image.ref.name": container.name });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });

    let mut written = || {
        let at = |digest: &str| format!("blobs/sha256/{digest}");
        file.write_all_at(header(&at(&digest), bytes, container.created)?.as_bytes(), 0)?;
        // What fills the last block of the layer is zeros.
        to.seek(SeekFrom::Start(BLOCK + bytes.next_multiple_of(BLOCK)))?;
        let mut archive = tar::Builder::new(to);
        let mut add = |name: &str, bytes: &[u8]| {
            let header = header(name, bytes.len() as u64, container.created)?;
            archive.append(&header, bytes)
        };
        add(&at(&config.digest), &config.bytes)?;
        add(&at(&manifest.digest), &manifest.bytes)?;
        add("index.json", index.to_string().as_bytes())?;
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        archive.finish()
    };
    written().map_err(Failed::Write)
}

fn header(name: &str, bytes: u64, time: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(time);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}
