//! GUID partition tables: identities of the plan, nothing random.

mod read;
mod write;

pub use read::{Gpt, GptError, GptPartition, primary_is_whole, read};
pub use write::write;
