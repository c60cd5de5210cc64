//! A GPT with a root filesystem of btrfs.

block_device::preset!(BlockDeviceBtrfs, block_device::btrfs, subvolumes);
