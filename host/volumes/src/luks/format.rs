//! Makes header and key slots, by `cryptsetup` on a scratch file.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;

use dibhost_sys::{Cancel, Hold, Program, SecretBytes};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::error::LuksError;
use super::header::{KeySlot, LuksHeader, Pbkdf, read_header};
use super::key::{VOLUME_KEY, VolumeKey};
use super::room::make_room;
use crate::medium::{FileMedium, Medium};

/// Bytes before the payload when nobody says otherwise: what `cryptsetup` leaves too, with room
/// for 32 key slots and for encrypting anew in place.
pub const DEFAULT_OFFSET: u64 = 16 << 20;

/// Both headers with their JSON areas, as `cryptsetup` makes them.
const HEADERS: u64 = 2 * 16384;

/// Bytes of a key slot's area: 4000 stripes of a volume key, in whole blocks of 4096.
const SLOT: u64 = (4000 * VOLUME_KEY as u64).next_multiple_of(4096);

/// Bytes before the payload at the least, with so many key slots.
pub fn least_offset(slots: usize) -> u64 {
    (HEADERS + slots as u64 * SLOT).next_multiple_of(4096)
}

/// Key slots that a header can have.
const MOST_SLOTS: usize = 32;

/// Bytes that a header's label can have.
const MOST_LABEL: usize = 47;

/// Bytes of a keyfile, as many as fit into a pipe everywhere.
const MOST_KEY: usize = 64 << 10;

/// What one guess of a passphrase costs. Fixed: `cryptsetup` would measure the machine that
/// builds, which is not the one that opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Passes over the memory; 4 or more.
    pub iterations: u32,
    /// Memory, in KiB; 32 or more. Whoever opens the volume has to have it free, in the initramfs
    /// for a root filesystem.
    pub memory: u32,
    /// Lanes; 1 to 4. `cryptsetup` takes no more than the machine that builds has processors.
    pub parallel: u32,
}

impl Default for Argon2Cost {
    /// 256 MiB, which a virtual machine of 512 MiB can spare in its initramfs; four passes, about
    /// one second of one processor; one lane, which every machine can build and none waits
    /// longer for. RFC 9106 recommends 64 MiB and three passes where memory is short.
    fn default() -> Self {
        Self { iterations: 4, memory: 256 << 10, parallel: 1 }
    }
}

/// What a header is made of.
#[derive(Debug, Clone, Copy)]
pub struct LuksOptions<'a> {
    /// Of the volume.
    pub uuid: Uuid,
    /// At most 47 bytes.
    pub label: Option<&'a str>,
    /// Bytes of a sector of the payload: 512 or 4096, and no less than the disk's.
    pub sector: u32,
    /// Bytes before the payload ([`DEFAULT_OFFSET`]), a multiple of 4096.
    pub offset: u64,
    /// Of every key slot.
    pub cost: Argon2Cost,
}

impl LuksOptions<'_> {
    /// Checks what can be before anything is made: `size` is the medium's in bytes, `slots` the
    /// number of passphrases and keyfiles.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, size: u64, slots: usize) -> Result<(), LuksError> {
        let unfit = |why: String| Err(LuksError::Unfit(why));
        let Self { label, sector, offset, cost, .. } = self;
        let label = label.unwrap_or_default();
        if label.len() > MOST_LABEL || label.contains(|c: char| c.is_control()) {
            let label = label.escape_debug();
            return unfit(format!(
                "the label `{label}` is longer than {MOST_LABEL} bytes, or holds control characters"
            ));
        }
        if !matches!(sector, 512 | 4096) {
            return unfit(format!("sectors of {sector} bytes: LUKS2 has them of 512 or 4096 here"));
        }
        if !(1..=MOST_SLOTS).contains(&slots) {
            return unfit(format!(
                "{slots} passphrases and keyfiles: LUKS2 takes 1 to {MOST_SLOTS}"
            ));
        }
        let least = least_offset(slots);
        if !offset.is_multiple_of(4096) || *offset < least {
            return unfit(format!(
                "a payload at byte {offset}: with {slots} key slots it begins at a multiple of 4096, and at {least} or after it",
            ));
        }
        let payload = size.saturating_sub(*offset);
        if payload == 0 || !payload.is_multiple_of(u64::from(*sector)) {
            return unfit(format!(
                "a volume of {size} bytes: behind the header's {offset} there have to be whole sectors of {sector}"
            ));
        }
        // Limits of libcryptsetup; 4 GiB are its most.
        let costs = cost.iterations >= 4
            && (32..=4 << 20).contains(&cost.memory)
            && (1..=4).contains(&cost.parallel);
        if !costs {
            return unfit(format!(
                "Argon2id with {} iterations, {} KiB and {} lanes: at least 4 iterations, 32 KiB to 4 GiB and 1 to 4 lanes",
                cost.iterations, cost.memory, cost.parallel
            ));
        }
        Ok(())
    }
}

/// Writes header and key slots, one for each of `keys` (passphrases and keyfiles, byte for byte: a
/// newline at the end is part of one) in their order, to the start of `lower`. What lies before the
/// payload otherwise becomes zeros; the payload is [`LuksMedium`](super::LuksMedium)'s.
///
/// The scratch file is made in `folder` and is sparse. It holds what the header on the disk holds:
/// no key in clear. Keys reach `cryptsetup` by pipes, never by arguments, environment or files.
///
/// # Errors
/// When what is asked for does not fit together, `cryptsetup` is not there, refuses or makes
/// something else, or reading or writing fails.
pub fn format(
    lower: &dyn Medium,
    options: &LuksOptions<'_>,
    volume_key: &VolumeKey,
    keys: &[&SecretBytes],
    folder: &Path,
    cancel: &Cancel,
) -> Result<LuksHeader, LuksError> {
    options.check(lower.size(), keys.len())?;
    for (index, key) in keys.iter().enumerate() {
        let length = key.expose().len();
        if !(1..=MOST_KEY).contains(&length) {
            let number = index + 1;
            let why = format!("passphrase or keyfile {number} has {length} bytes: 1 to {MOST_KEY}");
            return Err(LuksError::Unfit(why));
        }
    }
    // Memory that is free at one moment may not be at the next.
    let mut again = 2;
    let (scratch, header) = loop {
        let made = make(lower.size(), options, volume_key, keys, folder, cancel)?;
        match costs(options, &made.1) {
            Ok(()) => break made,
            Err(_) if again > 0 => again -= 1,
            Err(error) => return Err(error),
        }
    };
    same(options, &header, keys.len())?;
    copy(&FileMedium::whole(scratch.as_file())?, lower, &header)?;
    Ok(header)
}

/// Has `cryptsetup` make header and key slots in a scratch file.
fn make(
    size: u64,
    options: &LuksOptions<'_>,
    volume_key: &VolumeKey,
    keys: &[&SecretBytes],
    folder: &Path,
    cancel: &Cancel,
) -> Result<(NamedTempFile, LuksHeader), LuksError> {
    let scratch = tempfile::Builder::new().prefix(".dibhost-luks-").tempfile_in(folder)?;
    scratch.as_file().set_len(size)?;
    for (index, key) in keys.iter().enumerate() {
        let program = match index {
            0 => luks_format(options).arg_descriptor(volume_key.0.pipe()?),
            _ => luks_add_key(&options.cost).arg_descriptor(volume_key.0.pipe()?),
        };
        make_room(options.cost.memory);
        // Both take the new keyfile as their second argument.
        let program = program.arg(scratch.path()).arg_descriptor(key.pipe()?);
        // Of its own, beside what a guess costs.
        let memory = (1 << 30) + u64::from(options.cost.memory) * 1024;
        program.held(Hold::new().ciphers().memory(memory).write(folder)).run(cancel)?;
    }
    let made = read_header(&FileMedium::whole(scratch.as_file())?)?;
    let header = made.ok_or_else(|| LuksError::Header("was not written".to_owned()))?;
    Ok((scratch, header))
}

fn cryptsetup(verb: &str, cost: &Argon2Cost) -> Program {
    Program::new("cryptsetup")
        .arg(verb)
        // The scratch file is nobody else's; and the folder of locks is root's.
        .args(["--batch-mode", "--disable-locks"])
        .args(["--pbkdf", "argon2id", "--pbkdf-force-iterations", &cost.iterations.to_string()])
        .args(["--pbkdf-memory", &cost.memory.to_string()])
        .args(["--pbkdf-parallel", &cost.parallel.to_string()])
}

fn luks_format(options: &LuksOptions<'_>) -> Program {
    let mut program = cryptsetup("luksFormat", &options.cost)
        .args(["--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", "512"])
        .args(["--hash", "sha256", "--sector-size", &options.sector.to_string()])
        // In 512 bytes, whatever the sectors are.
        .args(["--offset", &(options.offset / 512).to_string()])
        .args(["--uuid", &options.uuid.to_string()]);
    if let Some(label) = options.label {
        program = program.args(["--label", label]);
    }
    program.arg("--volume-key-file")
}

fn luks_add_key(cost: &Argon2Cost) -> Program {
    cryptsetup("luksAddKey", cost).arg("--volume-key-file")
}

/// Whether the key slots cost what was asked for: `cryptsetup` takes less memory and fewer lanes where
/// the machine has less than twice the memory or fewer processors, without a word.
fn costs(options: &LuksOptions<'_>, header: &LuksHeader) -> Result<(), LuksError> {
    let Argon2Cost { iterations, memory, parallel } = options.cost;
    let pbkdf = Pbkdf::Argon2id { iterations, memory, parallel };
    if let Some(slot) = header.slots.values().find(|slot| slot.pbkdf != pbkdf) {
        return Err(LuksError::Unfit(format!(
            "`cryptsetup` made a key slot of {:?} where {pbkdf:?} was asked for: this machine has too little memory or too few processors for it",
            slot.pbkdf
        )));
    }
    Ok(())
}

/// Holds what was made against what was asked for.
fn same(options: &LuksOptions<'_>, header: &LuksHeader, slots: usize) -> Result<(), LuksError> {
    let LuksOptions { uuid, label, sector, offset, .. } = *options;
    let sound = header.uuid == uuid
        && header.label.as_deref() == label.filter(|label| !label.is_empty())
        && (header.sector, header.offset, header.size) == (sector, offset, None)
        && header.cipher == "aes-xts-plain64"
        && header.slots.keys().copied().eq(0..u32::try_from(slots).unwrap_or(u32::MAX))
        && header.slots.values().all(|slot| slot.key == VOLUME_KEY);
    if !sound {
        return Err(LuksError::Header("that `cryptsetup` made is not what it was told".to_owned()));
    }
    Ok(())
}

/// Copies headers and key slots; everything else before the payload becomes zeros. `cryptsetup`
/// fills it with random bytes, so that no old key slot is left there: 16 MiB that no image format
/// compresses.
fn copy(scratch: &dyn Medium, lower: &dyn Medium, header: &LuksHeader) -> io::Result<()> {
    let area = |slot: &KeySlot| {
        let material = (slot.key * slot.stripes) as u64;
        slot.area..slot.area + material.next_multiple_of(4096)
    };
    let mut keep: BTreeSet<(u64, u64)> = BTreeSet::from([(0, HEADERS)]);
    keep.extend(header.slots.values().map(area).map(|range| (range.start, range.end)));
    let mut at = 0;
    for (start, end) in keep {
        clear(lower, at..start)?;
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        scratch.read_exact_at(&mut bytes, start)?;
        lower.write_all_at(&bytes, start)?;
        at = end;
    }
    clear(lower, at..header.offset)
}

/// Makes a range read as zeros, and writes nothing where it does already: a hole stays one.
fn clear(medium: &dyn Medium, range: Range<u64>) -> io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from((range.end - at).min(64 << 10)).map_err(io::Error::other)?;
        medium.read_exact_at(&mut bytes[..length], at)?;
        if bytes[..length].iter().any(|byte| *byte != 0) {
            bytes[..length].fill(0);
            medium.write_all_at(&bytes[..length], at)?;
        }
        at += length as u64;
    }
    Ok(())
}
