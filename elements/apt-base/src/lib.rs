//! What the systems made by apt share: addresses and names that go into files of theirs, the name of a
//! machine, its first network, its locale.

pub mod address;
pub mod locale;
pub mod machine;
