//! A GPT with an encrypted root filesystem.

block_device::preset!(BlockDeviceEfiLuks, block_device::efi_luks, luks);
