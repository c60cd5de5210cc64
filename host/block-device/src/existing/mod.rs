//! An existing block device: whether it may be written, what is on it, and writing a layout to it in an
//! order in which what is half written is not taken for whole.

mod content;
mod device;
mod grounds;
mod install;
mod mark;
mod preserve;
mod system;
mod table;
mod write;

pub use content::Content;
pub use device::{Device, DeviceError};
pub use install::Installation;
pub use write::{InstallError, InstallTo, Installed};
