//! What a picture is made of.

/// Something that is cut into parts.
pub(super) struct Strip {
    /// `disk`, `volume group`, …
    pub(super) what: &'static str,
    pub(super) name: String,
    /// The rest of what there is to say in a line.
    pub(super) told: Vec<String>,
    pub(super) parts: Vec<Part>,
}

/// A part of a strip.
pub(super) struct Part {
    pub(super) class: Class,
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// Bytes.
    pub(super) size: u64,
    /// What stands on it, the lowest first.
    pub(super) above: Vec<Boxed>,
}

/// Something that stands on what is below it.
pub(super) struct Boxed {
    pub(super) class: Class,
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

/// What a box is, and so its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Partition,
    Free,
    Encryption,
    Group,
    Array,
    Filesystem,
}
