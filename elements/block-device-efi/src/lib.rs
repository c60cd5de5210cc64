//! A GPT that UEFI and a BIOS start from.

block_device::preset!(BlockDeviceEfi, block_device::efi);
