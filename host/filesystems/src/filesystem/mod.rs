//! What a filesystem may be told: kinds, labels, UUIDs, tuning. Everything here ends up in the
//! arguments of programs or on the disk, so everything is checked against what it may be, never
//! against what it may not.

mod kind;
mod label;
mod refused;
mod tuning;
mod uuid;

pub use kind::FilesystemKind;
pub use label::check_label;
pub use refused::Refused;
pub use tuning::{
    Compressor, Ext4Tuning, FatBits, FreeTuning, PackedTuning, Tuning, VfatTuning, parse_tuning,
};
pub use uuid::{FatSerial, FilesystemUuid, parse_uuid};
