//! DIB's block device YAML: its own test files and shipped layouts, against what DIB says of them.

#[path = "dib/case.rs"]
mod case;
#[path = "dib/layout.rs"]
mod layout;
#[path = "dib/lvm.rs"]
mod lvm;
