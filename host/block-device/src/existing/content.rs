//! What is on a device: tables, and the signatures of filesystems and volumes.

use std::fmt;
use std::io;

use serde::Serialize;

use super::mark::is_marked;
use crate::stack::Part;
use dibhost_filesystems::probe;
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::Medium;
use dibhost_volumes::gpt::{self, Gpt, GptError};
use dibhost_volumes::mbr::{self, Found};

/// Something that is on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    /// The number of its partition; none: it is the whole device's.
    pub partition: Option<u32>,
    /// Where it lies.
    pub extent: Extent,
    /// A partition's name in a GPT.
    pub label: String,
    /// What was found, by its signatures.
    pub what: Vec<String>,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(number) => write!(f, "partition {number}")?,
            None => f.write_str("the whole device")?,
        }
        if !self.label.is_empty() {
            write!(f, " `{}`", self.label.escape_debug())?;
        }
        write!(f, ", {}: ", rounded_size(self.extent.size))?;
        if self.what.is_empty() {
            return f.write_str("nothing that is known");
        }
        f.write_str(&self.what.join("; "))
    }
}

/// The partition table of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Table {
    None,
    /// None yet: an installation of which nothing was preserved did not end.
    Unfinished,
    /// One that cannot be read, or only the mark that a GPT leaves in an MBR: what it had is not known.
    Broken(String),
    Gpt(Gpt),
    Mbr(mbr::Table),
}

/// The table, and all that is found on the device and on its partitions.
pub(super) fn contents(device: &dyn Medium, sector: u32) -> io::Result<(Table, Vec<Content>)> {
    let mut found = Vec::new();
    let whole = Extent { offset: 0, size: device.size() };
    let mut what = signatures(device)?;
    let table = match gpt::read(device) {
        Ok(Some(table)) => Table::Gpt(table),
        Ok(None) => match of_mbr(device, sector, &mut what) {
            Table::None if is_marked(device)? => Table::Unfinished,
            table => table,
        },
        Err(GptError::Io(source)) => return Err(source),
        Err(broken) => {
            what.push(format!("a broken partition table: {broken}"));
            Table::Broken(broken.to_string())
        }
    };
    let partitions: Vec<(u32, Extent, String)> = match &table {
        Table::None | Table::Unfinished | Table::Broken(_) => Vec::new(),
        Table::Gpt(gpt) => {
            gpt.partitions.iter().map(|p| (p.number, p.extent, p.label.clone())).collect()
        }
        Table::Mbr(mbr) => {
            mbr.partitions.iter().map(|p| (p.number, p.extent, String::new())).collect()
        }
    };
    if !what.is_empty() {
        found.push(Content { partition: None, extent: whole, label: String::new(), what });
    }
    for (number, extent, label) in partitions {
        // A table may be of a larger disk that this one was copied from.
        let whole = extent.offset.checked_add(extent.size).is_some_and(|end| end <= device.size());
        let what = match whole {
            true => signatures(&Part { lower: device, extent })?,
            false => vec!["it ends beyond the device".to_owned()],
        };
        found.push(Content { partition: Some(number), extent, label, what });
    }
    Ok((table, found))
}

fn signatures(volume: &dyn Medium) -> io::Result<Vec<String>> {
    Ok(probe::signatures(volume)?.iter().map(ToString::to_string).collect())
}

fn of_mbr(device: &dyn Medium, sector: u32, what: &mut Vec<String>) -> Table {
    match mbr::read(device, sector) {
        Ok(Some(Found::Table(table))) => Table::Mbr(table),
        Ok(None) => Table::None,
        Ok(Some(Found::Protective | Found::Hybrid(_))) => {
            what.push("the protective MBR of a GPT that is not there".to_owned());
            Table::Broken("its MBR says that it has a GPT, and there is none".to_owned())
        }
        // Boot sectors of filesystems end with the same mark.
        Err(_) if !what.is_empty() => Table::None,
        Err(broken) => {
            what.push(format!("a broken partition table: {broken}"));
            Table::Broken(broken.to_string())
        }
    }
}
