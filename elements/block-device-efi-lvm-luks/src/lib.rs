//! An encrypted root filesystem on a logical volume.

block_device::preset!(BlockDeviceEfiLvmLuks, block_device::efi_lvm_luks, luks);
