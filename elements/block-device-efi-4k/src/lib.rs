//! A GPT for UEFI on disks with sectors of 4096 bytes.

block_device::preset!(BlockDeviceEfi4k, block_device::efi_4k);
