//! `[disk]`, and the settings of the root filesystem that have no key of their own.

use dibhost_block_device::Size;
use dibhost_block_device::config::{SIZES, size_of};
use toml::de::DeValue;

use crate::definition::{DiskSection, VolumeSize};
use crate::diagnostic::Diagnostic;
use crate::keys::DISK_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Key, Reader, integer, kind};

/// The least that a disk has room for a table in.
const LEAST: u64 = 1 << 20;

impl Reader<'_> {
    pub(super) fn disk(&mut self, _section: &Key<'_>, item: &Item<'_>) -> DiskSection {
        let mut disk = DiskSection::default();
        let Some(table) = self.table(item, "disk") else { return disk };
        self.known_keys(table, &DISK_KEYS, "`[disk]`");
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "size" => {
                    disk.size = self.size(item, "size");
                    if disk.size.as_ref().is_some_and(|size| size.value < LEAST) {
                        let message = "a disk of less than 1 MiB has no room for a table";
                        let help = "write a size with its unit, as `20GB` or `8GiB`";
                        self.refuse(item, Diagnostic::new(message).with_help(help));
                    }
                }
                "volumes" => disk.volumes = self.volumes(item),
                _ => {}
            }
        }
        disk
    }

    fn volumes(&mut self, item: &Item<'_>) -> Vec<VolumeSize> {
        let Some(table) = self.table(item, "disk.volumes") else { return Vec::new() };
        let mut volumes = Vec::new();
        for (key, item) in table {
            let size = match item.get_ref() {
                DeValue::String(text) => size_of(text),
                value => integer(value).and_then(|n| u64::try_from(n).ok()).map(Size::Bytes),
            };
            let Some(size) = size else {
                let is = match item.get_ref() {
                    DeValue::String(text) => format!("`{}`", text.escape_debug()),
                    value => kind(value),
                };
                let message = format!("the size of `{}` is no size: {is}", key.get_ref());
                self.refuse(item, Diagnostic::new(message).with_help(SIZES));
                continue;
            };
            let name = Spanned::new(key.get_ref().to_string(), self.source.locate(&key.span()));
            volumes.push(VolumeSize { name, size: self.spanned(item, size) });
        }
        volumes
    }

    pub(super) fn tuning(&mut self, item: &Item<'_>) -> Vec<(Spanned<String>, String)> {
        let Some(table) = self.table(item, "root-filesystem.tuning") else { return Vec::new() };
        let mut tuning = Vec::new();
        for (key, item) in table {
            let text = match item.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(value) => value.to_string(),
                value => match integer(value) {
                    Some(number) => number.to_string(),
                    None => {
                        let message = format!(
                            "`{}` has to be a text, a whole number, or `true` or `false`; this is {}",
                            key.get_ref(),
                            kind(value)
                        );
                        self.refuse(item, Diagnostic::new(message));
                        continue;
                    }
                },
            };
            let name = Spanned::new(key.get_ref().to_string(), self.source.locate(&item.span()));
            tuning.push((name, text));
        }
        tuning
    }
}
