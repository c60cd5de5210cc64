//! A GPT with logical volumes for /, /var and /home.

block_device::preset!(BlockDeviceEfiLvm, block_device::efi_lvm);
