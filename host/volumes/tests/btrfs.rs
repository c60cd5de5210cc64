//! What has right checksums and is no btrfs: made by somebody who means no good. The filesystems that
//! the kernel makes are read in `inspect/subvolumes.rs`.

use std::fs::File;

use dibhost_arbitrary::crc32c;
use dibhost_volumes::btrfs::{BtrfsBudget, MOST_SUBVOLUMES, subvolumes};
use dibhost_volumes::{FileMedium, Medium as _};

/// An object, a type, an offset.
type Key = (u64, u8, u64);
type Item = (Key, Vec<u8>);

const INODE_REF: u8 = 12;
const DIR_ITEM: u8 = 84;
const ROOT_ITEM: u8 = 132;
const ROOT_BACKREF: u8 = 144;
const CHUNK_ITEM: u8 = 228;

const SUPERBLOCK: u64 = 64 << 10;
const NODE: u64 = 4096;
/// The one chunk: its logical address, its place on the device, its bytes.
const CHUNK: (u64, u64, u64) = (1 << 20, 2 << 20, 8 << 20);
const CHUNKS: u64 = CHUNK.0;
const ROOTS: u64 = CHUNK.0 + NODE;
const TOP: u64 = CHUNK.0 + 2 * NODE;
const EMPTY: u64 = CHUNK.0 + 3 * NODE;
/// Blocks from here on are free.
const FREE: u64 = CHUNK.0 + 4 * NODE;

fn key((of, kind, offset): Key) -> Vec<u8> {
    [&of.to_le_bytes()[..], &[kind], &offset.to_le_bytes()].concat()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn put64(bytes: &mut [u8], at: usize, value: u64) {
    put(bytes, at, &value.to_le_bytes());
}

/// A chunk of one copy on device 1.
fn chunk((logical, physical, length): (u64, u64, u64)) -> Item {
    let mut item = vec![0; 80];
    put64(&mut item, 0, length);
    put64(&mut item, 24, 2 | 4);
    put(&mut item, 44, &[1]);
    put64(&mut item, 48, 1);
    put64(&mut item, 56, physical);
    ((256, CHUNK_ITEM, logical), item)
}

fn root_item(id: u64, at: u64) -> Item {
    let mut item = vec![0; 279];
    put64(&mut item, 176, at);
    ((id, ROOT_ITEM, 0), item)
}

/// A subvolume's place: its name in a folder of another.
fn backref(id: u64, parent: u64, folder: u64, name: &[u8]) -> Item {
    let length = (name.len() as u16).to_le_bytes();
    let item = [&folder.to_le_bytes()[..], &[0; 8], &length, name].concat();
    ((id, ROOT_BACKREF, parent), item)
}

fn inode_ref(id: u64, parent: u64, name: &[u8]) -> Item {
    let item = [&[0; 8][..], &(name.len() as u16).to_le_bytes(), name].concat();
    ((id, INODE_REF, parent), item)
}

/// The entry that says which subvolume is mounted.
fn default(id: u64) -> Item {
    let item = [&key((id, ROOT_ITEM, u64::MAX))[..], &[0; 10], &[7, 0, 2], b"default"].concat();
    ((6, DIR_ITEM, 1), item)
}

fn roots() -> Vec<Item> {
    vec![
        root_item(5, TOP),
        default(256),
        root_item(256, EMPTY),
        backref(256, 5, 257, b"home"),
        root_item(257, EMPTY),
        backref(257, 256, 256, b"deep"),
    ]
}

/// A filesystem, byte by byte.
struct Forged {
    file: File,
}

impl Forged {
    /// `a/home`, the default, and `a/home/deep`.
    fn new() -> Self {
        let file = tempfile::tempfile().unwrap();
        file.set_len(16 << 20).unwrap();
        let forged = Self { file };
        forged.superblock(|bytes| {
            put(bytes, 64, b"_BHRfS_M");
            put64(bytes, 80, ROOTS);
            put64(bytes, 88, CHUNKS);
            put64(bytes, 128, 6);
            put64(bytes, 136, 1);
            put(bytes, 148, &(NODE as u32).to_le_bytes());
            put64(bytes, 201, 1);
        });
        forged.system(&[chunk(CHUNK)]);
        forged.leaf(CHUNKS, &[chunk(CHUNK)]);
        forged.leaf(ROOTS, &roots());
        forged.leaf(TOP, &[inode_ref(257, 256, b"a")]);
        forged.leaf(EMPTY, &[]);
        forged
    }

    /// Changes bytes, and makes their checksum right.
    fn change(&self, at: u64, change: impl FnOnce(&mut [u8])) {
        let medium = FileMedium::whole(&self.file).unwrap();
        let mut bytes = vec![0; NODE as usize];
        medium.read_exact_at(&mut bytes, at).unwrap();
        change(&mut bytes);
        let sum = !crc32c(&bytes[32..]);
        put(&mut bytes, 0, &sum.to_le_bytes());
        medium.write_all_at(&bytes, at).unwrap();
    }

    fn superblock(&self, change: impl FnOnce(&mut [u8])) {
        self.change(SUPERBLOCK, change);
    }

    /// The chunks in the superblock.
    fn system(&self, chunks: &[Item]) {
        let all: Vec<u8> =
            chunks.iter().flat_map(|(of, item)| [key(*of), item.clone()]).flatten().collect();
        self.superblock(|bytes| {
            put(bytes, 160, &(all.len() as u32).to_le_bytes());
            put(bytes, 811, &all);
        });
    }

    /// Where the root tree is, and how high.
    fn root_tree(&self, at: u64, level: u8) {
        self.superblock(|bytes| {
            put64(bytes, 80, at);
            bytes[198] = level;
        });
    }

    /// A block by its logical address.
    fn block(&self, at: u64, change: impl FnOnce(&mut [u8])) {
        self.change(at - CHUNK.0 + CHUNK.1, change);
    }

    fn leaf(&self, at: u64, items: &[Item]) {
        self.block(at, |bytes| {
            bytes.fill(0);
            put64(bytes, 48, at);
            put(bytes, 96, &(items.len() as u32).to_le_bytes());
            let mut end = NODE as usize;
            for (number, (of, item)) in items.iter().enumerate() {
                end -= item.len();
                let place = [(end - 101) as u32, item.len() as u32].map(u32::to_le_bytes).concat();
                put(bytes, 101 + number * 25, &[key(*of), place].concat());
                put(bytes, end, item);
            }
        });
    }

    fn node(&self, at: u64, level: u8, children: &[(Key, u64)]) {
        self.block(at, |bytes| {
            bytes.fill(0);
            put64(bytes, 48, at);
            put(bytes, 96, &(children.len() as u32).to_le_bytes());
            bytes[100] = level;
            for (number, (of, child)) in children.iter().enumerate() {
                put(bytes, 101 + number * 33, &[key(*of), child.to_le_bytes().into()].concat());
            }
        });
    }

    /// A tree in free blocks: its root, and how high it is.
    fn tree(&self, items: &[Item], in_leaf: usize) -> (u64, u8) {
        let mut free = (FREE..).step_by(NODE as usize);
        let mut blocks: Vec<(Key, u64)> = Vec::new();
        for items in items.chunks(in_leaf) {
            let at = free.next().unwrap();
            self.leaf(at, items);
            blocks.push((items[0].0, at));
        }
        let mut level = 0;
        while blocks.len() > 1 {
            level += 1;
            let below = std::mem::take(&mut blocks);
            for children in below.chunks(121) {
                let at = free.next().unwrap();
                self.node(at, level, children);
                blocks.push((children[0].0, at));
            }
        }
        (blocks[0].1, level)
    }

    fn read_within(&self, mut budget: BtrfsBudget) -> Result<Vec<String>, String> {
        let medium = FileMedium::whole(&self.file).unwrap();
        let found = subvolumes(&medium, &mut budget).map_err(|error| error.to_string())?;
        assert_eq!(found.damage, [""; 0]);
        let shown = |path: &[u8], default| {
            let path = String::from_utf8(path.to_vec()).unwrap();
            if default { format!("{path} (the default)") } else { path }
        };
        Ok(found.found.iter().map(|one| shown(&one.path, one.default)).collect())
    }

    fn read(&self) -> Result<Vec<String>, String> {
        self.read_within(BtrfsBudget::default())
    }

    fn refuses(&self, why: &str) {
        let error = self.read().unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn what_is_made_here_is_read() {
    let forged = Forged::new();
    assert_eq!(forged.read().unwrap(), ["a/home (the default)", "a/home/deep"]);
    // The same, as a tree of two levels.
    let (root, level) = forged.tree(&roots(), 2);
    forged.root_tree(root, level);
    assert_eq!(level, 1);
    assert_eq!(forged.read().unwrap(), ["a/home (the default)", "a/home/deep"]);
}

#[test]
fn superblocks_that_cannot_be() {
    let refused = |why: &str, at: usize, value: &[u8]| {
        let forged = Forged::new();
        forged.superblock(|bytes| put(bytes, at, value));
        forged.refuses(why);
    };
    refused("it has no superblock", 64, b"X");
    refused("its checksums are of kind 1", 196, &[1]);
    refused("it has features 0x1000", 189, &[0x10]);
    refused("it lies on 2 devices", 136, &[2]);
    refused("it lies on 0 devices", 136, &[0]);
    refused("its blocks have 0 bytes", 148, &[0; 4]);
    refused("its blocks have 2048 bytes", 148, &2048_u32.to_le_bytes());
    refused("its blocks have 5000 bytes", 148, &5000_u32.to_le_bytes());
    refused("its blocks have 131072 bytes", 148, &(128_u32 << 10).to_le_bytes());
    refused("its superblock has 2049 bytes of chunks", 160, &2049_u32.to_le_bytes());
    refused("a tree has 8 levels", 198, &[8]);
    refused("a tree has 255 levels", 199, &[255]);
    refused("it is of another filesystem", 32, &[1]);
    refused("it is of level 0, not 1", 199, &[1]);
    let forged = Forged::new();
    // Where a feature says so, blocks are known by another UUID than the filesystem.
    forged.superblock(|bytes| {
        put(bytes, 32, &[1]);
        put(bytes, 188, &[0, 4]);
    });
    assert_eq!(forged.read(), Forged::new().read());
    forged.superblock(|bytes| put(bytes, 571, &[1]));
    forged.refuses("it is of another filesystem");
    let forged = Forged::new();
    let medium = FileMedium::whole(&forged.file).unwrap();
    medium.write_all_at(&[1], SUPERBLOCK + 4000).unwrap();
    forged.refuses("its superblock has a wrong checksum");
}

#[test]
fn chunks_that_cannot_be() {
    let refused = |why: &str, of: Key, change: &dyn Fn(&mut Vec<u8>)| {
        // In the tree and in the superblock.
        for system in [false, true] {
            let forged = Forged::new();
            let (_, mut item) = chunk((1 << 30, 1 << 20, 1 << 20));
            change(&mut item);
            let chunks = [chunk(CHUNK), (of, item)];
            if system {
                forged.system(&chunks)
            } else {
                forged.leaf(CHUNKS, &chunks)
            }
            forged.refuses(why);
        }
    };
    let of = |logical| (256, CHUNK_ITEM, logical);
    let far = of(1 << 30);
    refused("what tells of it is cut off", far, &|item| item.truncate(79));
    refused("what tells of it is cut off", far, &|item| put(item, 44, &[0]));
    refused("what tells of it is cut off", far, &|item| put(item, 44, &[0xff; 2]));
    for kind in [3, 6, 7, 8] {
        refused("it lies in stripes", far, &|item| put64(item, 24, 1 << kind));
    }
    refused("it is as large as none can be", far, &|item| put64(item, 0, 0));
    refused("it is as large as none can be", far, &|item| put64(item, 0, u64::MAX));
    refused("it lies on another device", far, &|item| put64(item, 48, 2));
    let end = CHUNK.0 + CHUNK.2;
    refused("it overlaps another", of(end - 1), &|_| {});
    // Of another one than the tree's, which the superblock alone could tell.
    let forged = Forged::new();
    forged.system(&[chunk(CHUNK), ((257, CHUNK_ITEM, 1 << 30), chunk(CHUNK).1)]);
    forged.refuses("what tells of it is cut off");
    // Before what is there already, and over it; the same, with other copies.
    for chunks in [chunk((CHUNK.0 - 1, 0, 2)), chunk((CHUNK.0, 0, CHUNK.2))] {
        let forged = Forged::new();
        forged.leaf(CHUNKS, &[chunks]);
        forged.refuses("it overlaps another");
    }
    let forged = Forged::new();
    let many: Vec<Item> = (0..=65536).map(|number| (of(number), Vec::new())).collect();
    let (root, level) = forged.tree(&many, 159);
    forged.superblock(|bytes| {
        put64(bytes, 88, root);
        bytes[199] = level;
    });
    forged.refuses("it has more than 65536 chunks");
}

#[test]
fn trees_that_cannot_be() {
    let refused = |why: &str, change: &dyn Fn(&Forged)| {
        let forged = Forged::new();
        change(&forged);
        forged.refuses(why);
    };
    let first: Key = (5, ROOT_ITEM, 0);
    refused("it says that it is the block at 7", &|f| f.block(ROOTS, |b| put64(b, 48, 7)));
    refused("it is of another filesystem", &|f| f.block(ROOTS, |b| b[47] = 1));
    refused("it is of level 1, not 0", &|f| f.node(ROOTS, 1, &[(first, FREE)]));
    refused("it has 160 entries, more than fit", &|f| f.block(ROOTS, |b| b[96] = 160));
    refused("its keys do not rise", &|f| f.leaf(ROOTS, &[root_item(6, TOP), root_item(5, TOP)]));
    refused("its keys do not rise", &|f| f.leaf(ROOTS, &[root_item(5, TOP), root_item(5, TOP)]));
    // Of the first item: where it begins, how long it is.
    let beyond = "one of its items lies beyond it";
    refused(beyond, &|f| f.block(ROOTS, |b| put(b, 101 + 17, &[0xff; 4])));
    refused(beyond, &|f| f.block(ROOTS, |b| put(b, 101 + 21, &[0xff; 4])));
    refused(beyond, &|f| f.block(ROOTS, |b| b[101 + 21] += 1));

    let above = |children: &[(Key, u64)]| {
        let forged = Forged::new();
        forged.root_tree(FREE, 1);
        forged.node(FREE, 1, children);
        forged
    };
    assert_eq!(above(&[(first, ROOTS)]).read(), Forged::new().read());
    above(&[]).refuses("nothing is below it");
    above(&[(first, FREE)]).refuses("it is of level 1, not 0");
    above(&[(first, CHUNK.0 - NODE)]).refuses("no chunk has its block at");
    above(&[(first, CHUNK.0 + CHUNK.2 - 1)]).refuses("no chunk has its block at");
    above(&[(first, u64::MAX)]).refuses("no chunk has its block at");
    let others = "has other keys than the one above it says";
    above(&[((5, ROOT_ITEM, 1), ROOTS)]).refuses(others);
    above(&[(first, ROOTS), ((257, ROOT_BACKREF, 0), EMPTY)]).refuses(others);
}

#[test]
fn subvolumes_that_cannot_be() {
    let with = |at: usize, item: Item| {
        let forged = Forged::new();
        let mut items = roots();
        items[at] = item;
        forged.leaf(ROOTS, &items);
        forged
    };
    let (of, mut item) = root_item(256, EMPTY);
    item.truncate(238);
    with(2, (of, item.clone())).refuses("what tells of subvolume 256 is cut off");
    // As old kernels wrote it, without UUIDs.
    item.resize(239, 0);
    assert_eq!(with(2, (of, item)).read(), Forged::new().read());
    for name in [&b""[..], b"a/b", b"/", b"a\0"] {
        with(3, backref(256, 5, 256, name)).refuses("subvolume 256 has no name");
    }
    let (of, mut item) = backref(256, 5, 256, b"home");
    item.truncate(21);
    with(3, (of, item)).refuses("subvolume 256 has no name");
    with(3, backref(256, 257, 256, b"home")).refuses("lies in itself, or too deep");
    with(3, backref(256, 256, 256, b"home")).refuses("lies in itself, or too deep");
    with(3, backref(256, 5, 300, b"home")).refuses("folder 300 of subvolume 5 has no name");
    // Somebody removed what they are in, or themselves: they are going.
    assert_eq!(with(3, backref(256, 999, 256, b"home")).read().unwrap(), [""; 0]);
    assert_eq!(with(2, ((256, 1, 0), Vec::new())).read().unwrap(), [""; 0]);
    assert_eq!(with(4, ((257, 1, 0), Vec::new())).read().unwrap(), ["a/home (the default)"]);

    let forged = Forged::new();
    forged.leaf(TOP, &[inode_ref(257, 257, b"a")]);
    forged.refuses("folder 257 of subvolume 5 lies in itself");
    forged.leaf(TOP, &[inode_ref(257, 256, b".\0")]);
    forged.refuses("folder 257 of subvolume 5 has no name");

    // In one another, with names of 255 bytes: as deep as a path can be, and one more.
    let name = vec![b'n'; 255];
    let deep = |levels: u64| {
        let forged = Forged::new();
        let mut items = vec![root_item(5, TOP)];
        for id in 256..256 + levels {
            let parent = if id == 256 { 5 } else { id - 1 };
            items.extend([root_item(id, EMPTY), backref(id, parent, 256, &name)]);
        }
        let (root, level) = forged.tree(&items, 6);
        forged.root_tree(root, level);
        forged
    };
    assert_eq!(deep(15).read().unwrap().len(), 15);
    deep(16).refuses("subvolume 271 lies in itself, or too deep");
    let folders = |levels: u64| {
        let forged = Forged::new();
        let last = 257 + levels - 1;
        let parent = |id: u64| if id == last { 256 } else { id + 1 };
        let items: Vec<Item> = (257..=last).map(|id| inode_ref(id, parent(id), &name)).collect();
        let (root, level) = forged.tree(&items, 9);
        forged.leaf(ROOTS, &[]);
        let (of, mut item) = root_item(5, root);
        item[238] = level;
        let inside = [root_item(256, EMPTY), backref(256, 5, 257, b"x")];
        forged.leaf(ROOTS, &[&[(of, item)], &inside[..]].concat());
        forged
    };
    assert_eq!(
        folders(15).read().unwrap(),
        [[vec!["n".repeat(255); 15].join("/"), "x".into()].join("/")]
    );
    folders(17).refuses("folder 257 of subvolume 5 lies in itself");

    let forged = Forged::new();
    let many: Vec<Item> = (256..).take(MOST_SUBVOLUMES).map(|id| root_item(id, EMPTY)).collect();
    let read = |more: &[Item]| {
        let items = [&[root_item(5, TOP)], &many[..], more].concat();
        let (root, level) = forged.tree(&items, 13);
        forged.root_tree(root, level);
        forged.read()
    };
    assert_eq!(read(&[]).unwrap(), [""; 0]);
    let error = read(&[root_item(1 << 20, EMPTY)]).unwrap_err();
    assert!(error.contains("it has more than 4096 subvolumes"), "{error}");
}

#[test]
fn no_more_is_read_than_may_be() {
    let forged = Forged::new();
    let whole = BtrfsBudget::default();
    let least = |fits: &dyn Fn(u64) -> bool| (0..100).find(|n| fits(*n)).unwrap();
    let bytes = least(&|n| forged.read_within(BtrfsBudget { bytes: n * NODE, ..whole }).is_ok());
    let looks = least(&|n| forged.read_within(BtrfsBudget { looks: n, ..whole }).is_ok());
    // Three blocks, of which one is looked at three times.
    assert_eq!((bytes, looks), (3, 5));
    for budget in [BtrfsBudget { bytes: 3 * NODE - 1, ..whole }, BtrfsBudget { looks: 4, ..whole }]
    {
        let error = forged.read_within(budget).unwrap_err();
        assert!(error.contains("larger than what is looked into"), "{error}");
    }
}
