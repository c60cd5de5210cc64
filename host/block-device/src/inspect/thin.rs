//! Thin volumes that were found.

use std::collections::BTreeMap;

use super::finder::Finder;
use super::ground::Map;
use super::node::NodeAt;
use dibhost_volumes::lvm::LogicalVolumeKind;
use dibhost_volumes::lvm::thin::{DeviceMap, PoolMetadata};

/// What is read of a pool: its chunks' size, and the map of each device that was asked for.
struct Read {
    chunk_size: u64,
    maps: BTreeMap<u32, Result<DeviceMap, String>>,
}

impl Finder<'_> {
    /// Looks into the thin volumes of a group: node, number in the group, pool.
    pub(super) fn thin_volumes(&mut self, group: usize, volumes: &[(NodeAt, usize, String)]) {
        let mut by_pool: BTreeMap<&str, Vec<(NodeAt, usize)>> = BTreeMap::new();
        for (node, at, pool) in volumes {
            by_pool.entry(pool).or_default().push((*node, *at));
        }
        for (pool, volumes) in by_pool {
            self.volumes_of(group, pool, &volumes);
        }
    }

    fn volumes_of(&mut self, number: usize, pool: &str, volumes: &[(NodeAt, usize)]) {
        let group = &self.ground.groups[number].group;
        let by_name =
            |name: &str| group.logical_volumes.iter().position(|volume| volume.name == name);
        let Some(LogicalVolumeKind::ThinPool { metadata, data, chunk_size, transaction }) =
            by_name(pool).map(|at| &group.logical_volumes[at].kind)
        else {
            return;
        };
        let (Some(metadata), Some(data)) = (by_name(metadata), by_name(data)) else { return };
        let says = (*chunk_size, *transaction);
        let data_size = group.size_of(&group.logical_volumes[data]);
        let numbers: Vec<(NodeAt, u32, u64)> = volumes
            .iter()
            .filter_map(|(node, at)| match &group.logical_volumes[*at].kind {
                LogicalVolumeKind::Thin { device, size, .. } => Some((*node, *device, *size)),
                _ => None,
            })
            .collect();
        let devices: Vec<u32> = numbers.iter().map(|(_, device, _)| *device).collect();
        let read = match self.read_pool(number, metadata, data_size, says, &devices) {
            Ok(read) => read,
            Err(why) => {
                for (node, ..) in numbers {
                    let problem = format!("what is in it cannot be read: {why}");
                    self.drafts[node].problems.push(problem);
                }
                return;
            }
        };
        let Read { chunk_size, mut maps } = read;
        for (node, device, size) in numbers {
            match maps.remove(&device) {
                Some(Ok(map)) => {
                    self.volume(node, Map::Thin { group: number, data, chunk_size, size, map });
                }
                Some(Err(why)) => {
                    let problem = format!("what is in it cannot be read: {why}");
                    self.drafts[node].problems.push(problem);
                }
                None => self.drafts[node]
                    .problems
                    .push(format!("another volume is device {device} of the pool too")),
            }
        }
    }

    /// Reads a pool's metadata, once, and the maps of these devices.
    fn read_pool(
        &mut self,
        group: usize,
        metadata: usize,
        data_size: u64,
        (chunk_size, transaction): (u64, u64),
        devices: &[u32],
    ) -> Result<Read, String> {
        let mut budget = self.pool_budget;
        let mut result = Err("it was not lent".to_owned());
        let lent = self.ground.with_logical(group, metadata, &mut |medium| {
            result = PoolMetadata::read(medium).map_err(|error| error.to_string()).and_then(|pool| {
                if pool.chunk_size != chunk_size || pool.transaction != transaction {
                    return Err(format!(
                        "the pool's metadata is of transaction {} with chunks of {} bytes, the \
                         group's says {transaction} and {chunk_size}",
                        pool.transaction, pool.chunk_size
                    ));
                }
                if pool.chunks.saturating_mul(chunk_size) > data_size {
                    return Err(format!(
                        "the pool's metadata says {} chunks, and its data has {data_size} bytes",
                        pool.chunks
                    ));
                }
                let mut map = |device: u32| match pool.device(device, &mut budget) {
                    Ok(Some(map)) => Ok(map),
                    Ok(None) => Err(format!("the pool's metadata has no device {device}")),
                    Err(error) => Err(error.to_string()),
                };
                let mut maps = BTreeMap::new();
                for device in devices {
                    maps.entry(*device).or_insert_with(|| map(*device));
                }
                Ok(Read { chunk_size, maps })
            });
            Ok(())
        });
        self.pool_budget = budget;
        lent.map_err(|error| error.to_string())?;
        result
    }
}
