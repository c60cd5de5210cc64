// Nodes of the block device: a flat list of nodes that name what they stand on.

const node = (name, on, tag, val) => ({ name, on, kind: { tag, val }, extensions: [] });

/** A whole disk; without a size from its content. */
export const disk = (name, { size = null, sectorSize = 512 } = {}) => node(name, [], "disk", { size, sectorSize });
/** A partition table: `gpt` or `mbr`. */
export const table = (name, on, kind = "gpt", alignment = null) => node(name, [on], "table", { kind, alignment });
/** A partition; `typeId` is a name of the discoverable partitions specification, or a UUID. */
export const partition = (name, on, typeId, size, { label = name, attributes = [], preserve = false } = {}) =>
  node(name, [on], "partition", { label, typeId, size, attributes, preserve });
/** A filesystem: `ext4`, `xfs`, `btrfs`, `vfat`, … */
export const filesystem = (name, on, kind, { label = null, uuid = null, tuning = {} } = {}) =>
  node(name, [on], "filesystem", { kind, label, uuid, tuning: Object.entries(tuning) });
/** Where a filesystem is mounted. */
export const mount = (name, on, at, { options = [], inFstab = true } = {}) => node(name, [on], "mount", { at, options, inFstab });

/** Sizes of partitions. */
export const size = {
  bytes: (count) => ({ tag: "bytes", val: count }),
  share: (millionths) => ({ tag: "share", val: millionths }),
  shareOfRest: (millionths) => ({ tag: "share-of-rest", val: millionths }),
  rest: () => ({ tag: "rest" }),
  content: (extra = 0) => ({ tag: "content", val: extra }),
};
