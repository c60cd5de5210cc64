//! A GPT with logical volumes for the folders that CIS benchmarks want apart.

block_device::preset!(BlockDeviceEfiLvmCis, block_device::efi_lvm_cis);
