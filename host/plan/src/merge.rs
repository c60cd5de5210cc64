//! Merging: what several elements wish for, as one list without contradictions. A conflict
//! names both elements.

mod accounts;
mod answers;
mod arguments;
mod conflict;
mod family;
mod files;
mod packages;
mod repositories;
mod units;
mod wanted;

pub(crate) use accounts::{groups, passwords, users};
pub(crate) use arguments::kernel_arguments;
pub(crate) use family::check as check_family;
pub(crate) use files::files;
pub(crate) use packages::transactions;
pub(crate) use units::{definitions, drop_ins, presets, states};
