//! LUKS2 against `cryptsetup`: what is written here it opens, what it writes is read here.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dibhost_sys::{Cancel, SecretBytes};
use dibhost_volumes::luks::{
    Argon2Cost, LuksError, LuksHeader, LuksMedium, LuksOptions, Pbkdf, VolumeKey, format, open,
    read_header,
};
use dibhost_volumes::{FileMedium, Medium};
use uuid::{Uuid, uuid};

const MIB: u64 = 1 << 20;
const UUID: Uuid = uuid!("0d1bcd15-53f4-4dbd-9d69-0b4d6bd2e1a4");

/// As cheap as `cryptsetup` allows: what a guess costs is not what is tested.
const CHEAP: Argon2Cost = Argon2Cost { iterations: 4, memory: 64, parallel: 1 };

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::read_from(&mut &*bytes, 1 << 20).unwrap()
}

fn file(folder: &Path, name: &str, size: u64) -> (PathBuf, File) {
    let path = folder.join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(size).unwrap();
    (path, file)
}

fn options(sector: u32, offset: u64) -> LuksOptions<'static> {
    LuksOptions { uuid: UUID, label: Some("dibhost-root"), sector, offset, cost: CHEAP }
}

/// Runs a program with `key` on its standard input.
fn run(program: &str, args: &[&str], key: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("starting {program}: {e}"));
    child.stdin.take().unwrap().write_all(key).unwrap();
    child.wait_with_output().unwrap()
}

fn well(program: &str, args: &[&str], key: &[u8]) -> String {
    let output = run(program, args, key);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}:\n{said}");
    said
}

/// Bytes that are different everywhere, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length).map(|_| next().to_le_bytes()[0]).collect()
}

fn make(lower: &dyn Medium, sector: u32, keys: &[&[u8]], folder: &Path) -> (LuksHeader, VolumeKey) {
    let key = VolumeKey::random().unwrap();
    let secrets: Vec<_> = keys.iter().map(|key| secret(key)).collect();
    let secrets: Vec<_> = secrets.iter().collect();
    let options = options(sector, 16 * MIB);
    let made = format(lower, &options, &key, &secrets, folder, &Cancel::new());
    (made.unwrap(), key)
}

#[test]
fn cryptsetup_finds_what_was_asked_for_and_opens_every_slot() {
    let folder = tempfile::tempdir().unwrap();
    let (path, disk) = file(folder.path(), "disk", 20 * MIB);
    // What an earlier owner left there.
    disk.write_all_at(&[0xa5; 4096], 8 * MIB).unwrap();
    let lower = FileMedium::whole(&disk).unwrap();
    let keyfile = noise(4096);
    // A newline is part of a passphrase, and so is a NUL of a keyfile.
    let keys: [&[u8]; 4] = [b"hunter2", b"line\n", b"\0\x01", &keyfile];
    let (header, _) = make(&lower, 4096, &keys, folder.path());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the scratch file was left");

    let path = path.to_str().unwrap();
    let dump = well("cryptsetup", &["luksDump", "--disable-locks", path], b"");
    let words = dump.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "Version: 2",
        &format!("UUID: {UUID}"),
        "Label: dibhost-root",
        "offset: 16777216 [bytes]",
        "cipher: aes-xts-plain64",
        "sector: 4096 [bytes]",
        "Key: 512 bits",
        "PBKDF: argon2id Time cost: 4 Memory: 64 Threads: 1",
    ] {
        assert!(words.contains(wanted), "no `{wanted}` in:\n{dump}");
    }
    for (slot, key) in keys.iter().enumerate() {
        let open = ["open", "--disable-locks", "--test-passphrase", "--key-file=-", "--key-slot"];
        let number = slot.to_string();
        well("cryptsetup", &[&open[..], &[&number, path]].concat(), key);
        let wrong = run("cryptsetup", &[&open[..], &[&number, path]].concat(), b"hunter3");
        assert_eq!(wrong.status.code(), Some(2));
    }

    let read = read_header(&lower).unwrap().unwrap();
    assert_eq!(read, header);
    assert_eq!(read.slots.len(), 4);
    let cost = Pbkdf::Argon2id { iterations: 4, memory: 64, parallel: 1 };
    assert!(read.slots.values().all(|slot| slot.pbkdf == cost));
    // Between the last key slot and the payload nothing is left.
    let mut rest = vec![0; 14 << 20];
    lower.read_exact_at(&mut rest, 2 * MIB).unwrap();
    assert!(rest.iter().all(|byte| *byte == 0));
}

#[test]
fn what_was_written_is_read_with_every_key_and_is_not_there_in_clear() {
    for sector in [512, 4096] {
        let folder = tempfile::tempdir().unwrap();
        let (_, disk) = file(folder.path(), "disk", 24 * MIB);
        let lower = FileMedium::whole(&disk).unwrap();
        let keys: [&[u8]; 2] = [b"hunter2", b"second"];
        let (header, key) = make(&lower, sector, &keys, folder.path());
        let payload = header.payload(&lower, &key).unwrap();
        assert_eq!(payload.size(), 8 * MIB);
        let plain = noise(5 << 20);
        payload.write_all_at(&plain, 12_345).unwrap();
        for key in keys {
            let key = open(&lower, &header, &secret(key)).unwrap();
            let payload = header.payload(&lower, &key).unwrap();
            let mut read = vec![0; plain.len()];
            payload.read_exact_at(&mut read, 12_345).unwrap();
            assert!(read == plain, "read something else, sectors of {sector}");
        }
        let wrong = open(&lower, &header, &secret(b"hunter2\n"));
        assert!(matches!(wrong, Err(LuksError::NoKey)), "{wrong:?}");
        let all = std::fs::read(folder.path().join("disk")).unwrap();
        let clear = all.windows(8).filter(|window| *window == &plain[..8]).count();
        assert_eq!(clear, 0);
    }
}

/// An independent proof of the cipher, its tweaks and the header: `cryptsetup` encrypts a file of
/// its own, which is read here.
#[test]
fn what_cryptsetup_encrypted_offline_is_decrypted_here() {
    for sector in ["512", "4096"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, disk) = file(folder.path(), "disk", 38 * MIB);
        let plain = noise(6 << 20);
        disk.write_all_at(&plain, 0).unwrap();
        let path = path.to_str().unwrap();
        let mut args = vec!["reencrypt", "--encrypt", "--reduce-device-size", "32M", "-q"];
        args.extend(["--disable-locks", "--type", "luks2", "--cipher", "aes-xts-plain64"]);
        args.extend(["--key-size", "512", "--sector-size", sector, "--pbkdf", "argon2id"]);
        args.extend(["--pbkdf-force-iterations", "4", "--pbkdf-memory", "64"]);
        args.extend(["--pbkdf-parallel", "1", "--key-file=-", path]);
        well("cryptsetup", &args, b"hunter2");
        let lower = FileMedium::whole(&disk).unwrap();
        let header = read_header(&lower).unwrap().unwrap();
        assert_eq!(header.sector.to_string(), sector);
        let key = open(&lower, &header, &secret(b"hunter2")).unwrap();
        let payload = header.payload(&lower, &key).unwrap();
        let mut read = vec![0; plain.len()];
        payload.read_exact_at(&mut read, 0).unwrap();
        assert!(read == plain, "read something else, sectors of {sector}");
    }
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (_, disk) = file(folder.path(), "disk", 20 * MIB);
    let lower = FileMedium::whole(&disk).unwrap();
    let key = VolumeKey::random().unwrap();
    let secrets = [secret(b"hunter2"), secret(b"")];
    let refused = |options: LuksOptions<'_>, keys: &[&SecretBytes]| {
        let made = format(&lower, &options, &key, keys, folder.path(), &Cancel::new());
        made.unwrap_err().to_string()
    };
    let good = options(512, 16 * MIB);
    let one = [&secrets[0]];
    let label = LuksOptions { label: Some(&"x".repeat(48)), ..good };
    assert!(refused(label, &one).contains("longer than 47 bytes"));
    assert!(refused(LuksOptions { sector: 1024, ..good }, &one).contains("sectors of 1024"));
    assert!(refused(LuksOptions { offset: 20 * MIB, ..good }, &one).contains("whole sectors"));
    assert!(refused(LuksOptions { offset: 256 << 10, ..good }, &one).contains("payload at byte"));
    let cost = Argon2Cost { iterations: 3, ..CHEAP };
    assert!(refused(LuksOptions { cost, ..good }, &one).contains("at least 4 iterations"));
    assert!(refused(good, &[]).contains("0 passphrases"));
    assert!(refused(good, &[&secrets[0], &secrets[1]]).contains("keyfile 2 has 0 bytes"));
    let mut all = vec![0; 20 << 20];
    lower.read_exact_at(&mut all, 0).unwrap();
    assert!(all.iter().all(|byte| *byte == 0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_small_header_has_room_for_its_slots() {
    let folder = tempfile::tempdir().unwrap();
    let (path, disk) = file(folder.path(), "disk", 2 * MIB);
    let lower = FileMedium::whole(&disk).unwrap();
    let keys = [secret(b"one"), secret(b"two"), secret(b"three")];
    let keys: Vec<_> = keys.iter().collect();
    let key = VolumeKey::random().unwrap();
    let options = LuksOptions { label: None, ..options(512, MIB) };
    let header = format(&lower, &options, &key, &keys, folder.path(), &Cancel::new()).unwrap();
    assert_eq!((header.offset, header.label), (MIB, None));
    let args = ["open", "--disable-locks", "--test-passphrase", "--key-file=-"];
    well("cryptsetup", &[&args[..], &[path.to_str().unwrap()]].concat(), b"three");
    let payload = LuksMedium::new(&lower, MIB, 512, &key).unwrap();
    assert_eq!(payload.size(), MIB);
}
