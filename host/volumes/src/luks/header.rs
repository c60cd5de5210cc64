//! Reads what is on a disk: both binary headers and the JSON area, which anybody may have written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::LuksError;
use crate::medium::Medium;

/// Bytes of a binary header; the JSON follows it.
const BINARY: usize = 4096;

/// Header and JSON area together, as many bytes as the specification allows: where the second
/// header can lie when nothing tells any more.
pub const SIZES: [u64; 9] =
    [0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000];

/// What a header begins with.
pub const MAGIC: &[u8; 6] = b"LUKS\xba\xbe";
/// What the second header, its copy, begins with.
pub const SECOND_MAGIC: &[u8; 6] = b"SKUL\xba\xbe";

/// Where the checksum lies in a binary header.
const CHECKSUM: std::ops::Range<usize> = 448..512;

/// Key slots that the specification allows.
const MOST_SLOTS: usize = 32;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LuksHeader {
    /// Of the volume.
    pub uuid: Uuid,
    /// None: it has none.
    pub label: Option<String>,
    /// Bytes of a sector of the payload.
    pub sector: u32,
    /// Bytes from the start of the medium to the payload.
    pub offset: u64,
    /// Bytes of the payload; none: to the end of the medium.
    pub size: Option<u64>,
    /// As dm-crypt names it: `aes-xts-plain64`.
    pub cipher: String,
    /// By their numbers.
    pub slots: BTreeMap<u32, KeySlot>,
    /// What tells the right volume key.
    pub(crate) digest: Digest,
}

/// One key slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySlot {
    /// How a key is made of a passphrase.
    pub pbkdf: Pbkdf,
    /// Bytes of the volume key.
    pub key: usize,
    pub(crate) salt: Vec<u8>,
    pub(crate) stripes: usize,
    /// Of the anti-forensic splitter.
    pub(crate) hash: String,
    /// Bytes from the start of the medium.
    pub(crate) area: u64,
    /// As dm-crypt names the area's cipher.
    pub(crate) encryption: String,
    /// Bytes of the area's key.
    pub(crate) area_key: usize,
}

/// How a key is made of a passphrase, and what that costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pbkdf {
    /// Costs memory too.
    Argon2id {
        /// Passes over the memory.
        iterations: u32,
        /// Memory, in KiB.
        memory: u32,
        /// Lanes, which can be filled side by side.
        parallel: u32,
    },
    /// Another one, by its name: `pbkdf2`, `argon2i`. Described, and not opened here.
    Other(String),
}

/// How the right volume key is told from a wrong one (PBKDF2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) hash: String,
    pub(crate) iterations: u32,
    pub(crate) salt: Vec<u8>,
    pub(crate) digest: Vec<u8>,
}

#[derive(Deserialize)]
struct Json {
    keyslots: BTreeMap<String, Value>,
    segments: BTreeMap<String, Segment>,
    digests: BTreeMap<String, JsonDigest>,
}

#[derive(Deserialize)]
struct Segment {
    r#type: String,
    offset: String,
    size: String,
    iv_tweak: Option<String>,
    encryption: Option<String>,
    sector_size: Option<u32>,
    integrity: Option<Value>,
}

#[derive(Deserialize)]
struct JsonSlot {
    key_size: usize,
    af: Splitter,
    area: Area,
    kdf: Kdf,
}

#[derive(Deserialize)]
struct Splitter {
    r#type: String,
    stripes: usize,
    hash: String,
}

#[derive(Deserialize)]
struct Area {
    r#type: String,
    offset: String,
    size: String,
    encryption: String,
    key_size: usize,
}

#[derive(Deserialize)]
struct Kdf {
    r#type: String,
    salt: String,
    time: Option<u32>,
    memory: Option<u32>,
    cpus: Option<u32>,
}

#[derive(Deserialize)]
struct JsonDigest {
    r#type: String,
    segments: Vec<String>,
    hash: String,
    iterations: u32,
    salt: String,
    digest: String,
}

fn not(why: impl Into<String>) -> LuksError {
    LuksError::Header(why.into())
}

fn number(text: &str, what: &str) -> Result<u64, LuksError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number
        .ok_or_else(|| not(format!("has `{}` as {what}, which is no number", text.escape_debug())))
}

fn base64(text: &str, what: &str) -> Result<Vec<u8>, LuksError> {
    let decoded = data_encoding::BASE64.decode(text.as_bytes());
    decoded.map_err(|_| not(format!("has {what} that is no base64")))
}

/// A field of fixed length that ends with its first NUL.
fn text(bytes: &[u8], what: &str) -> Result<String, LuksError> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8(bytes[..end].to_vec());
    text.map_err(|_| not(format!("has {what} that is no UTF-8")))
}

/// One of the two headers, checked: its sequence number, binary part and JSON area.
struct Found {
    sequence: u64,
    binary: Vec<u8>,
    json: Vec<u8>,
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads the header at `at`; none when its magic is not there.
fn at(medium: &dyn Medium, at: u64, magic: &[u8; 6]) -> Result<Option<Found>, LuksError> {
    if at + BINARY as u64 > medium.size() {
        return Ok(None);
    }
    let mut binary = vec![0; BINARY];
    medium.read_exact_at(&mut binary, at)?;
    if &binary[..6] != magic {
        return Ok(None);
    }
    match u16::from_be_bytes([binary[6], binary[7]]) {
        2 => {}
        1 => return Err(not("is of LUKS1, which is not read here")),
        other => return Err(not(format!("is of version {other}; only 2 is known"))),
    }
    let size = be64(&binary, 8);
    if !SIZES.contains(&size) {
        return Err(not(format!("says that it has {size} bytes, which is no size it can have")));
    }
    if be64(&binary, 256) != at {
        return Err(not(format!("at byte {at} says that it lies at byte {}", be64(&binary, 256))));
    }
    if text(&binary[72..104], "a checksum's name")? != "sha256" {
        return Err(not("has a checksum of another kind than SHA-256"));
    }
    if at.checked_add(size).is_none_or(|end| end > medium.size()) {
        return Err(not("is cut off"));
    }
    // No more than 4 MiB, and the medium has them.
    #[expect(clippy::cast_possible_truncation, reason = "one of `SIZES`")]
    let mut json = vec![0; size as usize - BINARY];
    medium.read_exact_at(&mut json, at + BINARY as u64)?;
    let mut unsigned = binary.clone();
    unsigned[CHECKSUM].fill(0);
    let checksum = Sha256::new().chain_update(&unsigned).chain_update(&json).finalize();
    if binary[CHECKSUM][..32] != checksum[..] {
        return Err(not(format!("at byte {at} does not match its checksum")));
    }
    Ok(Some(Found { sequence: be64(&binary, 16), binary, json }))
}

/// Reads the LUKS2 header of a medium; none when it has none. Of two that are whole the newer one
/// counts; one that is damaged is passed over when the other is whole.
///
/// # Errors
/// When there is a header that is damaged, hostile, or holds what is not known here (a volume that
/// is half encrypted, integrity, several segments); when reading fails.
pub fn read_header(medium: &dyn Medium) -> Result<Option<LuksHeader>, LuksError> {
    let first = at(medium, 0, MAGIC);
    let mut second = Ok(None);
    for offset in SIZES {
        match at(medium, offset, SECOND_MAGIC) {
            Ok(None) => {}
            found => {
                second = found;
                break;
            }
        }
    }
    let found = match (first, second) {
        (Ok(Some(first)), Ok(Some(second))) if second.sequence > first.sequence => second,
        (Ok(Some(found)), _) | (Err(_), Ok(Some(found))) | (Ok(None), Ok(Some(found))) => found,
        (Err(LuksError::Io(error)), _) | (_, Err(LuksError::Io(error))) => return Err(error.into()),
        (Err(error), _) | (_, Err(error)) => return Err(error),
        (Ok(None), Ok(None)) => return Ok(None),
    };
    parse(&found, medium.size()).map(Some)
}

fn parse(found: &Found, size: u64) -> Result<LuksHeader, LuksError> {
    let uuid = text(&found.binary[168..208], "a UUID")?;
    let uuid = Uuid::try_parse(&uuid)
        .map_err(|_| not(format!("has `{}` as UUID, which is none", uuid.escape_debug())))?;
    let label = text(&found.binary[24..72], "a label")?;
    let end = found.json.iter().position(|byte| *byte == 0).unwrap_or(found.json.len());
    let json: Json = serde_json::from_slice(&found.json[..end])
        .map_err(|error| not(format!("has JSON that is not understood: {error}")))?;
    let (1, Some(segment)) = (json.segments.len(), json.segments.get("0")) else {
        let count = json.segments.len();
        return Err(not(format!("has {count} segments; one whole payload is known here")));
    };
    let (encryption, sector) = match segment {
        Segment {
            r#type,
            encryption: Some(encryption),
            sector_size: Some(sector),
            integrity: None,
            ..
        } if r#type == "crypt" && matches!(sector, 512 | 1024 | 2048 | 4096) => {
            (encryption.clone(), *sector)
        }
        _ => return Err(not("has a segment that is not encrypted, or in a way not known here")),
    };
    if number(segment.iv_tweak.as_deref().unwrap_or("0"), "a tweak")? != 0 {
        return Err(not("has a segment whose tweaks do not begin at 0"));
    }
    let offset = number(&segment.offset, "an offset of the payload")?;
    if offset >= size || !offset.is_multiple_of(512) {
        return Err(not(format!("has its payload at byte {offset} of {size}")));
    }
    let payload = match segment.size.as_str() {
        "dynamic" => None,
        text => {
            let length = number(text, "a size of the payload")?;
            if offset.checked_add(length).is_none_or(|end| end > size) {
                return Err(not(format!("has a payload of {length} bytes, which do not fit")));
            }
            Some(length)
        }
    };
    if json.keyslots.len() > MOST_SLOTS {
        return Err(not(format!("has {} key slots", json.keyslots.len())));
    }
    let mut slots = BTreeMap::new();
    for (name, value) in json.keyslots {
        let slot_number = u32::try_from(number(&name, "a key slot's number")?)
            .map_err(|_| not("has a key slot of a number that is none"))?;
        slots.insert(slot_number, slot(slot_number, &value, size)?);
    }
    let digests: Vec<_> = json.digests.values().collect();
    let digest = match digests[..] {
        [digest] if digest.r#type == "pbkdf2" && digest.segments == ["0"] => Digest {
            hash: digest.hash.clone(),
            iterations: digest.iterations,
            salt: base64(&digest.salt, "a digest's salt")?,
            digest: base64(&digest.digest, "a digest")?,
        },
        _ => return Err(not("has not one digest of its volume key")),
    };
    let label = (!label.is_empty()).then_some(label);
    Ok(LuksHeader { uuid, label, sector, offset, size: payload, cipher: encryption, slots, digest })
}

fn slot(slot: u32, value: &Value, size: u64) -> Result<KeySlot, LuksError> {
    let not = |why: String| not(format!("has key slot {slot}, which {why}"));
    if value.get("type").and_then(Value::as_str) != Some("luks2") {
        return Err(not("is of a type not known here".into()));
    }
    let read = JsonSlot::deserialize(value).map_err(|e| not(format!("is not understood: {e}")))?;
    if read.af.r#type != "luks1" || read.area.r#type != "raw" {
        return Err(not("keeps its key in a way not known here".into()));
    }
    let area = number(&read.area.offset, "a key slot's offset")?;
    let length = number(&read.area.size, "a key slot's size")?;
    let material = read.key_size.checked_mul(read.af.stripes).map(|bytes| bytes as u64);
    // `cryptsetup` writes 4000 stripes of at most 64 bytes.
    let sound = (1..=128).contains(&read.key_size)
        && (1..=4000).contains(&read.af.stripes)
        && (1..=128).contains(&read.area.key_size);
    if !sound || material.is_none_or(|bytes| bytes > length) {
        let (key, stripes) = (read.key_size, read.af.stripes);
        return Err(not(format!("keeps {key} bytes in {stripes} stripes, which do not fit")));
    }
    if !area.is_multiple_of(512) || area.checked_add(length).is_none_or(|end| end > size) {
        return Err(not(format!("lies at byte {area} of {size}")));
    }
    let pbkdf = match (read.kdf.r#type.as_str(), read.kdf.time, read.kdf.memory, read.kdf.cpus) {
        ("argon2id", Some(iterations), Some(memory), Some(parallel)) => {
            Pbkdf::Argon2id { iterations, memory, parallel }
        }
        (other, ..) => Pbkdf::Other(other.to_owned()),
    };
    Ok(KeySlot {
        pbkdf,
        key: read.key_size,
        salt: base64(&read.kdf.salt, "a key slot's salt")?,
        stripes: read.af.stripes,
        hash: read.af.hash,
        area,
        encryption: read.area.encryption,
        area_key: read.area.key_size,
    })
}
