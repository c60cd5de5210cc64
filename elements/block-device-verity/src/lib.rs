//! /usr as a filesystem that never changes, with the hashes that show it.

block_device::preset!(BlockDeviceVerity, block_device::verity);
