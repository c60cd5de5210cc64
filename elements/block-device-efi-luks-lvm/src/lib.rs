//! Logical volumes on an encrypted partition.

block_device::preset!(BlockDeviceEfiLuksLvm, block_device::efi_luks_lvm, luks);
