//! How things are written for people, and read from them: each said once.

mod duration;
mod harmless;
mod moment;
mod name;
mod neighbour;
mod platform;
mod quantity;
mod shell;
mod size;
mod suffix;
pub mod svg;

pub use duration::{format_duration, parse_duration};
pub use harmless::{for_terminal, harmless, harmless_line, is_hidden, json_for_terminal};
pub use moment::Moment;
pub use name::{closest, did_you_mean, quoted_list};
pub use neighbour::near_file;
pub use platform::oci_platform;
pub use shell::shell_word;
pub use size::{format_size, parse_size, readable_size, rounded_size, short_size};
pub use suffix::check_suffix;
