//! dm-verity against `veritysetup`: the same tree, byte for byte, and the same root hash.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_volumes::verity::{
    BLOCK, VerityError, VeritySuperblock, hash_size, read_superblock, root_hash, write,
};
use dibhost_volumes::{Extent, FileMedium, Medium};
use uuid::{Uuid, uuid};

const UUID: Uuid = uuid!("5f0c6a52-9d1e-5b7c-8a43-1f2e3d4c5b6a");

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(folder: &Path, name: &str, size: u64) -> (PathBuf, File) {
    let path = folder.join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(size).unwrap();
    (path, file)
}

fn data(folder: &Path, blocks: u64) -> (PathBuf, File) {
    let (path, file) = file(folder, "data", blocks * BLOCK);
    let medium = FileMedium::whole(&file).unwrap();
    for block in 0..blocks {
        let content = [block.to_le_bytes(), (block * 7919).to_le_bytes()].concat();
        medium.write_all_at(&content, block * BLOCK + block % 4000).unwrap();
    }
    (path, file)
}

fn veritysetup(args: &[&str]) -> (bool, String) {
    let output =
        Command::new("/usr/sbin/veritysetup").env("LC_ALL", "C.UTF-8").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

#[test]
fn veritysetup_makes_the_same_and_finds_nothing_wrong() {
    // No level, one, two and three; whole blocks of hashes, one more, and pieces that are shared.
    for (blocks, salt) in
        [(1, 32), (2, 0), (127, 1), (128, 32), (129, 256), (513, 32), (16_385, 32), (20_000, 8)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (data_path, data) = data(folder.path(), blocks);
        let size = hash_size(blocks).unwrap();
        let (ours_path, ours) = file(folder.path(), "ours", size);
        let (theirs_path, _) = file(folder.path(), "theirs", 0);
        let salt: Vec<u8> = (0..salt).map(|byte| byte as u8 ^ 0x5a).collect();
        let (data, hashes) = (FileMedium::whole(&data).unwrap(), FileMedium::whole(&ours).unwrap());
        let root = write(&data, &hashes, UUID, &salt).unwrap();

        let salt_text = if salt.is_empty() { "-".to_owned() } else { hexadecimal(&salt) };
        let (salt_arg, uuid) = (format!("--salt={salt_text}"), format!("--uuid={UUID}"));
        let paths = [&data_path, &theirs_path, &ours_path].map(|path| path.to_str().unwrap());
        let (well, said) = veritysetup(&["format", &salt_arg, &uuid, paths[0], paths[1]]);
        assert!(well, "{said}");
        let root_text = hexadecimal(&root);
        assert!(said.contains(&root_text), "no {root_text} in:\n{said}");
        let (ours, theirs) = (std::fs::read(paths[2]).unwrap(), std::fs::read(paths[1]).unwrap());
        // `veritysetup` ends its file where the superblock does when there is no tree.
        assert!(ours[..theirs.len()] == theirs[..], "another tree over {blocks} blocks");
        assert!(ours[theirs.len()..].iter().all(|byte| *byte == 0) && theirs.len() >= 512);

        let (well, said) = veritysetup(&["verify", paths[0], paths[2], &root_text]);
        assert!(well, "{said}");
        let read = read_superblock(&hashes).unwrap().unwrap();
        assert_eq!(read, VeritySuperblock { uuid: UUID, data_blocks: blocks, salt });
        match root_hash(&hashes, &read) {
            Ok(read) => assert_eq!(read, root),
            Err(error) => assert_eq!((blocks, matches!(error, VerityError::Unfit(_))), (1, true)),
        }

        data.write_all_at(&[0xff], blocks * BLOCK - 1).unwrap();
        let (well, said) = veritysetup(&["verify", paths[0], paths[2], &root_text]);
        assert!(!well, "a changed byte was not found: {said}");
    }
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (_, data) = data(folder.path(), 200);
    let (_, hashes) = file(folder.path(), "hashes", 4 * BLOCK);
    let data = |size| FileMedium::new(&data, Extent { offset: 0, size });
    let hashes_of = |size| FileMedium::new(&hashes, Extent { offset: 0, size });
    let all = hashes_of(4 * BLOCK);
    let refused = |data: &dyn Medium, hashes: &dyn Medium, salt: &[u8]| {
        write(data, hashes, UUID, salt).unwrap_err().to_string()
    };
    assert!(refused(&data(5000), &all, &[]).contains("whole blocks"));
    assert!(refused(&data(0), &all, &[]).contains("whole blocks"));
    assert!(refused(&data(200 * BLOCK), &hashes_of(4 * BLOCK - 1), &[]).contains("its volume has"));
    assert!(refused(&data(200 * BLOCK), &all, &[0; 257]).contains("at most 256"));
    let mut written = vec![0; 4 * 4096];
    all.read_exact_at(&mut written, 0).unwrap();
    assert!(written.iter().all(|byte| *byte == 0));
    assert_eq!(read_superblock(&all).unwrap(), None);
}
