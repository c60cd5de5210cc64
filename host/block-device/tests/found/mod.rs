//! A thin pool as others find it on a physical volume.

#![allow(dead_code, reason = "no test uses all of it")]

use std::fs::{self, File};
use std::path::PathBuf;

use dibhost_volumes::lvm::thin::{PoolMap, ThinMedium};
use dibhost_volumes::lvm::{LogicalVolumeKind, LogicalVolumeMedium, VolumeGroup, read};
use dibhost_volumes::{Extent, FileMedium, Medium};
use tempfile::TempDir;

use crate::built::run;
use crate::thin_dump;

/// A pool as it is found on a physical volume.
pub(crate) struct Found<'a> {
    pub(crate) group: VolumeGroup,
    pub(crate) pool: String,
    pub(crate) map: PoolMap,
    pub(crate) physical: &'a dyn Medium,
}

impl<'a> Found<'a> {
    pub(crate) fn on(physical: &'a dyn Medium, pool: &str) -> Self {
        let (group, _) = read(physical).unwrap().unwrap().volume_group.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let volume = group.logical_volume(&format!("{pool}_tmeta")).unwrap();
        let media = [physical];
        let metadata = LogicalVolumeMedium::new(&group, volume, &media).unwrap();
        let path = folder.path().join("tmeta");
        let mut bytes = vec![0; usize::try_from(metadata.size()).unwrap()];
        metadata.read_exact_at(&mut bytes, 0).unwrap();
        fs::write(&path, bytes).unwrap();
        run("thin_check", &[path.to_str().unwrap()]);
        let map = thin_dump::dump(&metadata);
        let found = group.logical_volume(pool).unwrap();
        let LogicalVolumeKind::ThinPool { transaction, chunk_size, .. } = found.kind else {
            panic!("{found:?}")
        };
        assert_eq!((map.transaction, map.chunk_size), (transaction, chunk_size));
        Self { group, pool: pool.to_owned(), map, physical }
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.map.devices.iter().flat_map(|device| &device.mappings).map(|m| m.length).sum()
    }

    pub(crate) fn with<T>(&self, volume: &str, act: impl FnOnce(&dyn Medium) -> T) -> T {
        let media = [self.physical];
        let data = self.group.logical_volume(&format!("{}_tdata", self.pool)).unwrap();
        let data = LogicalVolumeMedium::new(&self.group, data, &media).unwrap();
        let LogicalVolumeKind::Thin { device, size, .. } =
            self.group.logical_volume(volume).unwrap().kind
        else {
            panic!("{volume} is not thin")
        };
        let map = self.map.device(device).unwrap();
        act(&ThinMedium::new(map, self.map.chunk_size, size, &data))
    }

    /// A volume as a sparse file.
    pub(crate) fn extract(&self, volume: &str, folder: &TempDir) -> PathBuf {
        let path = folder.path().join(format!("thin-{volume}"));
        let file = File::create_new(&path).unwrap();
        self.with(volume, |medium| {
            file.set_len(medium.size()).unwrap();
            let out = FileMedium::new(&file, Extent { offset: 0, size: medium.size() });
            let LogicalVolumeKind::Thin { device, .. } =
                self.group.logical_volume(volume).unwrap().kind
            else {
                unreachable!()
            };
            let chunk = self.map.chunk_size;
            let mut bytes = vec![0; usize::try_from(chunk).unwrap()];
            for mapping in &self.map.device(device).unwrap().mappings {
                for origin in mapping.origin..mapping.origin + mapping.length {
                    medium.read_exact_at(&mut bytes, origin * chunk).unwrap();
                    assert!(bytes.iter().any(|b| *b != 0), "chunk {origin} holds zeros alone");
                    out.write_all_at(&bytes, origin * chunk).unwrap();
                }
            }
        });
        path
    }
}
