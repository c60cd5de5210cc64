//! The root filesystem mirrored on two disks.

block_device::preset!(BlockDeviceRaid1, block_device::raid1);
