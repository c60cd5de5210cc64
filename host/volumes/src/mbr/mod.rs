//! Partition tables in a master boot record (MBR, "dos"), written as DIB places them.
//!
//! ```text
//! sector 0        alignment                                    the extended partition, to the end
//! ┌─────────┬────┬───────────┬───────────┬───────────┬─────────╥─────┬───────────┬─────┬───────────┐
//! │MBR      │    │ primary 1 │ primary 2 │ primary 3 │         ║ EBR │ logical 5 │ EBR │ logical 6 │
//! └─────────┴────┴───────────┴───────────┴───────────┴─────────╨──┬──┴───────────┴──▲──┴───────────┘
//!                                                                 └─ next ──────────┘
//! ```
//!
//! All primary partitions come first; then the extended one, of type `0x0f`, takes the rest of the
//! disk. Each logical partition has a slot in it: an extended boot record (EBR) in the slot's first
//! sector, the data one step of the alignment later. Logical partitions are numbered from 5 on.
//!
//! An entry holds its start and its size in 32 bits each, and cylinder, head and sector of both
//! ends as a BIOS with 255 heads and 63 sectors counts them.

mod chs;
mod hybrid;
mod read;
mod table;
mod write;

pub use hybrid::Hybrid;
pub use read::{Found, read};
pub use table::{
    ENTRIES, EXTENDED, Extended, FIRST_LOGICAL, MbrError, PROTECTIVE, Partition, Table,
    is_extended, reach,
};
