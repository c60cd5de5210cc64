//! Merging: what several elements wish for, as one list without contradictions. A conflict
//! names both elements.

mod accounts;
mod arguments;
mod conflict;
mod packages;
mod units;

pub(crate) use accounts::{groups, passwords, users};
pub(crate) use arguments::kernel_arguments;
pub(crate) use packages::transactions;
pub(crate) use units::{definitions, states};
