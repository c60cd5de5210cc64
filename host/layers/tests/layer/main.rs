//! Layers: what they keep of a tree comes back, and nothing else ever does. Run as root, on a tmpfs.

mod attributes;
mod damage;
mod hostile;
mod packing;
mod random;
mod reading;
mod traps;
mod tree;
mod wire;
