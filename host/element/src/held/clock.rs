//! The clock of a guest.

/// Time of a guest: moves on a microsecond each time it is looked at, and by as much as is slept.
#[derive(Debug, Default)]
pub(crate) struct GuestClock {
    pub(crate) nanoseconds: u64,
}
