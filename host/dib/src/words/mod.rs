//! The words of `disk-image-create`: its options, the variables that it and its elements read,
//! its elements and formats, each with what becomes of it here.
//!
//! ```text
//! a command line ─► DibLine ─┬─ options ──────────────► DibGiven ─► DibRequest: keys of a definition,
//!                            ├─ variables ─► Environment ─► DibGiven         remarks, refusals
//!                            └─ elements ──────────────► Here
//! ```
//!
//! Each table is said once: parsers, answers, tests and `docs/from-diskimage-builder.md` are made of it.

mod element;
mod environment;
mod fate;
mod format;
mod line;
mod option;
mod page;
mod request;
mod variable;

pub use element::{DibElement, ELEMENTS, Here, element};
pub use environment::{Environment, not_obeyed};
pub use fate::{DibRefusal, DibRemark, Fate};
pub use format::{ending, format};
pub use line::{DibLine, line};
pub use option::{DibOption, OPTIONS, option};
pub use page::tables;
pub use request::{DibGiven, DibRequest, request};
pub use variable::{DibKey, DibMeaning, DibVariable, UserPart, VARIABLES, is_dibs, variable};
