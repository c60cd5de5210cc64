//! Label and metadata of a physical volume, back to the types they were written from. The bytes are
//! hostile: sizes are bounded before anything is allocated, and every number is checked.

use std::collections::BTreeMap;

use super::config::{Node, Section, Value, parse};
use super::crc::crc;
use super::error::LvmError;
use super::group::{
    LogicalVolume, LogicalVolumeKind, PhysicalVolume, SECTOR, Segment, Stripe, VolumeGroup,
};
use super::id::LvmId;
use super::write::{AREA_MAGIC, HEADER};
use crate::medium::Medium;

/// lvm looks for its label in as many sectors.
const LABEL_SECTORS: u64 = 4;
/// More text than this is no text of a volume group that anybody made, bytes.
const TEXT_MOST: u64 = 16 << 20;
/// The flag of a metadata area that lvm was told not to use.
const IGNORED: u32 = 1;

/// What a physical volume says of itself and of the group that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The physical volume's identifier.
    pub id: LvmId,
    /// Bytes of the medium that it was made on.
    pub size: u64,
    /// Where the data begins, bytes.
    pub data_start: u64,
    /// The group, and which of its physical volumes this one is. None of a physical volume that
    /// belongs to no group, or leaves the metadata to the others.
    pub volume_group: Option<(VolumeGroup, usize)>,
}

/// Reads the label and the metadata of a physical volume; `None` where there is no label.
///
/// What the types do not hold (tags, when a volume was changed, who made it) is not kept, and kinds
/// of segments that this module cannot write become [`LogicalVolumeKind::Other`].
///
/// # Errors
/// When there is a label, and it or the metadata cannot be sound.
pub fn read(medium: &dyn Medium) -> Result<Option<Label>, LvmError> {
    for sector in 0..LABEL_SECTORS {
        let offset = sector * SECTOR;
        if offset + SECTOR > medium.size() {
            return Ok(None);
        }
        let bytes = read_at(medium, offset, HEADER)?;
        if bytes.starts_with(b"LABELONE") {
            return read_label(medium, &bytes, sector).map(Some);
        }
    }
    Ok(None)
}

fn read_at(medium: &dyn Medium, offset: u64, length: usize) -> Result<Vec<u8>, LvmError> {
    let mut bytes = vec![0; length];
    let doing = || format!("reading {length} bytes at {offset}");
    medium.read_exact_at(&mut bytes, offset).map_err(|e| LvmError::io(doing())(e))?;
    Ok(bytes)
}

/// Numbers of a header, one after the other.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the header begins on the medium.
    offset: u64,
}

impl Header<'_> {
    fn wrong(&self, why: impl Into<String>) -> LvmError {
        LvmError::Metadata { offset: self.offset, why: why.into() }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], LvmError> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let found = *found.ok_or_else(|| self.wrong("it goes on behind its sector's end"))?;
        self.at += N;
        Ok(found)
    }

    fn number(&mut self) -> Result<u64, LvmError> {
        self.take().map(u64::from_le_bytes)
    }

    fn small(&mut self) -> Result<u32, LvmError> {
        self.take().map(u32::from_le_bytes)
    }

    /// Offsets and sizes up to a pair of zeros.
    fn areas(&mut self) -> Result<Vec<(u64, u64)>, LvmError> {
        let mut areas = Vec::new();
        loop {
            let area = (self.number()?, self.number()?);
            if area.0 == 0 {
                return Ok(areas);
            }
            areas.push(area);
        }
    }
}

fn read_label(medium: &dyn Medium, bytes: &[u8], sector: u64) -> Result<Label, LvmError> {
    let mut header = Header { bytes, at: 8, offset: sector * SECTOR };
    if header.number()? != sector {
        return Err(header.wrong("the label says that it lies in another sector"));
    }
    let sum = header.small()?;
    if sum != crc(&bytes[header.at..]) {
        return Err(header.wrong("the label's checksum is wrong"));
    }
    let start = header.small()?;
    if &header.take::<8>()? != b"LVM2 001" {
        return Err(header.wrong("the label is none of the second format of LVM"));
    }
    header.at = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
    let id = LvmId::from_bytes(header.take()?);
    let id = id.ok_or_else(|| header.wrong("the physical volume's identifier is none"))?;
    let size = header.number()?;
    let data = header.areas()?;
    let areas = header.areas()?;
    let mut label = Label {
        id,
        size,
        data_start: data.first().map_or(0, |(offset, _)| *offset),
        volume_group: None,
    };
    // A sound area is enough, as for lvm: it keeps two on request, at both ends.
    let mut first_error = None;
    for (offset, size) in areas {
        match read_area(medium, offset, size) {
            Ok(Some((group, at))) => {
                let own = group.physical_volumes.iter().position(|volume| volume.id == id);
                let Some(own) = own else {
                    let why = format!("group `{}` does not know physical volume {id}", group.name);
                    return Err(LvmError::Metadata { offset: at, why });
                };
                label.volume_group = Some((group, own));
                return Ok(label);
            }
            Ok(None) => {}
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(label), Err)
}

/// The group that a metadata area holds, and where its text lies.
fn read_area(
    medium: &dyn Medium,
    offset: u64,
    size: u64,
) -> Result<Option<(VolumeGroup, u64)>, LvmError> {
    let bytes = read_at(medium, offset, HEADER)?;
    let mut header = Header { bytes: &bytes, at: 0, offset };
    let sum = header.small()?;
    if sum != crc(&bytes[4..]) {
        return Err(header.wrong("the checksum of the metadata area's header is wrong"));
    }
    if header.take()? != *AREA_MAGIC || header.small()? != 1 || header.number()? != offset {
        return Err(header.wrong("the metadata area's header is none of version 1 that lies here"));
    }
    if header.number()? != size {
        return Err(header.wrong("label and header give the metadata area two sizes"));
    }
    let (start, length) = (header.number()?, header.number()?);
    let (sum, flags) = (header.small()?, header.small()?);
    if start == 0 || flags & IGNORED != 0 {
        return Ok(None);
    }
    let room = size.saturating_sub(HEADER as u64);
    if start < HEADER as u64 || start >= size || length > room || length > TEXT_MOST {
        let why = format!("{length} bytes of text at {start} do not fit into the metadata area");
        return Err(header.wrong(why));
    }
    let at = offset.checked_add(start).filter(|at| at.checked_add(length).is_some());
    let at = at.ok_or_else(|| header.wrong("the metadata area lies beyond every medium"))?;
    // What reaches the area's end goes on behind its header.
    let direct = length.min(size - start);
    let mut text = read_at(medium, at, direct as usize)?;
    if direct < length {
        text.extend(read_at(medium, offset + HEADER as u64, (length - direct) as usize)?);
    }
    let wrong = |why: String| LvmError::Metadata { offset: at, why };
    if crc(&text) != sum {
        return Err(wrong("the text's checksum is wrong".to_owned()));
    }
    let text = text.strip_suffix(b"\0").unwrap_or(&text);
    let text = std::str::from_utf8(text).map_err(|_| wrong("the text is no UTF-8".to_owned()))?;
    let group =
        parse(text).map_err(|e| wrong(e.to_string())).and_then(|top| group(&top).map_err(wrong))?;
    group.validate()?;
    Ok(Some((group, at)))
}

/// The value of a name, and what to say when there is none.
trait Lookup {
    fn number(&self, name: &str) -> Result<u64, String>;
    fn text(&self, name: &str) -> Result<&str, String>;
    fn list(&self, name: &str) -> Result<&[Value], String>;
    fn id(&self) -> Result<LvmId, String>;
    /// A number of sectors, as bytes.
    fn bytes(&self, name: &str) -> Result<u64, String>;
}

impl Lookup for Section {
    fn number(&self, name: &str) -> Result<u64, String> {
        match self.get(name) {
            Some(Node::Value(Value::Number(number))) => {
                u64::try_from(*number).map_err(|_| format!("`{name}` is negative"))
            }
            _ => Err(format!("the number `{name}` is missing")),
        }
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        match self.get(name) {
            Some(Node::Value(Value::Text(text))) => Ok(text),
            _ => Err(format!("the text `{name}` is missing")),
        }
    }

    fn list(&self, name: &str) -> Result<&[Value], String> {
        match self.get(name) {
            Some(Node::Value(Value::List(list))) => Ok(list),
            _ => Err(format!("the list `{name}` is missing")),
        }
    }

    fn id(&self) -> Result<LvmId, String> {
        LvmId::parse(self.text("id")?).ok_or_else(|| "`id` is none of LVM's".to_owned())
    }

    fn bytes(&self, name: &str) -> Result<u64, String> {
        let bytes = self.number(name)?.checked_mul(SECTOR);
        bytes.ok_or_else(|| format!("`{name}` is more than any disk has"))
    }
}

fn group(top: &Section) -> Result<VolumeGroup, String> {
    if top.text("contents")? != "Text Format Volume Group" || top.number("version")? != 1 {
        return Err("it is no text of a volume group of version 1".to_owned());
    }
    let (name, section) = top.sections().next().ok_or("there is no volume group in it")?;
    let within = |what: String| move |why: String| format!("{what}: {why}");
    let own = within(format!("volume group `{}`", name.escape_debug()));
    let id = section.id().map_err(&own)?;
    let extent_size = section.bytes("extent_size").map_err(&own)?;
    if extent_size == 0 {
        return Err(own("`extent_size` is 0".to_owned()));
    }
    let mut group = VolumeGroup {
        name: name.to_owned(),
        id,
        extent_size,
        physical_volumes: Vec::new(),
        logical_volumes: Vec::new(),
        time: top.number("creation_time").unwrap_or(0),
    };
    let mut indexes = BTreeMap::new();
    let volumes = |what| match section.get(what) {
        Some(Node::Section(volumes)) => Some(volumes),
        _ => None,
    };
    for (name, section) in volumes("physical_volumes").into_iter().flat_map(Section::sections) {
        let own = within(format!("physical volume `{}`", name.escape_debug()));
        indexes.insert(name, group.physical_volumes.len());
        group.physical_volumes.push(physical_volume(name, section).map_err(own)?);
    }
    for (name, section) in volumes("logical_volumes").into_iter().flat_map(Section::sections) {
        let own = within(format!("logical volume `{}`", name.escape_debug()));
        let volume = logical_volume(name, section, extent_size, &indexes).map_err(own)?;
        group.logical_volumes.push(volume);
    }
    Ok(group)
}

fn physical_volume(name: &str, section: &Section) -> Result<PhysicalVolume, String> {
    Ok(PhysicalVolume {
        name: name.to_owned(),
        id: section.id()?,
        size: section.bytes("dev_size")?,
        data_start: section.bytes("pe_start")?,
        extents: section.number("pe_count")?,
    })
}

fn logical_volume(
    name: &str,
    section: &Section,
    extent_size: u64,
    physical_volumes: &BTreeMap<&str, usize>,
) -> Result<LogicalVolume, String> {
    let visible = Value::Text("VISIBLE".to_owned());
    let visible = section.list("status").is_ok_and(|status| status.contains(&visible));
    let count = section.number("segment_count")?;
    let mut segments = Vec::new();
    let mut other = None;
    let mut total = 0_u64;
    for number in 1..=count {
        let Some(Node::Section(segment)) = section.get(&format!("segment{number}")) else {
            return Err(format!("segment {number} of {count} is missing"));
        };
        let own = |why: String| format!("segment {number}: {why}");
        let extents = segment.number("extent_count").map_err(own)?;
        if segment.number("start_extent").map_err(own)? != total {
            return Err(own("it does not begin where the one before ends".to_owned()));
        }
        total = total.saturating_add(extents);
        match segment.text("type").map_err(own)? {
            "striped" | "linear" => {
                segments.push(stripes(segment, extents, physical_volumes).map_err(own)?);
            }
            kind => {
                let kind = whole_kind(kind, segment, extents, extent_size).map_err(own)?;
                other = other.or(Some(kind));
            }
        }
    }
    let kind = match other {
        None => LogicalVolumeKind::Extents(segments),
        // Pools and thin volumes are one segment.
        Some(kind) if count == 1 => kind,
        Some(_) => LogicalVolumeKind::Other { segment_type: "several".to_owned(), extents: total },
    };
    Ok(LogicalVolume { name: name.to_owned(), id: section.id()?, visible, kind })
}

/// Of a segment that is no extents, what it makes of its volume.
fn whole_kind(
    kind: &str,
    segment: &Section,
    extents: u64,
    extent_size: u64,
) -> Result<LogicalVolumeKind, String> {
    let text = |name| segment.text(name).map(str::to_owned);
    Ok(match kind {
        "thin-pool" => LogicalVolumeKind::ThinPool {
            metadata: text("metadata")?,
            data: text("pool")?,
            chunk_size: segment.bytes("chunk_size")?,
            transaction: segment.number("transaction_id")?,
        },
        // Where it was not written, such a volume reads from a volume outside of the pool.
        "thin" if segment.get("external_origin").is_none() => LogicalVolumeKind::Thin {
            pool: text("thin_pool")?,
            device: u32::try_from(segment.number("device_id")?)
                .map_err(|_| "`device_id` is too large".to_owned())?,
            transaction: segment.number("transaction_id")?,
            size: extents
                .checked_mul(extent_size)
                .ok_or_else(|| "`extent_count` is too large".to_owned())?,
        },
        _ => LogicalVolumeKind::Other { segment_type: kind.to_owned(), extents },
    })
}

fn stripes(
    segment: &Section,
    extents: u64,
    physical_volumes: &BTreeMap<&str, usize>,
) -> Result<Segment, String> {
    let list = segment.list("stripes")?;
    let stripe = |pair: &[Value]| match pair {
        [Value::Text(name), Value::Number(start)] => {
            let physical_volume = physical_volumes.get(name.as_str());
            let physical_volume = *physical_volume
                .ok_or_else(|| format!("there is no physical volume `{}`", name.escape_debug()))?;
            let start = u64::try_from(*start).map_err(|_| "a stripe's start is negative")?;
            Ok(Stripe { physical_volume, start })
        }
        _ => Err("`stripes` is no list of physical volumes and extents".to_owned()),
    };
    let stripes = list.chunks(2).map(stripe).collect::<Result<Vec<_>, String>>()?;
    if segment.number("stripe_count")? != stripes.len() as u64 {
        return Err("`stripe_count` is not the number of `stripes`".to_owned());
    }
    let stripe_size = if stripes.len() > 1 { segment.bytes("stripe_size")? } else { 0 };
    Ok(Segment { extents, stripe_size, stripes })
}
