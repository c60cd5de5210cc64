//! Image files: formats, checksums, manifest.
