//! A GPT with one partition, for machines with a BIOS.

block_device::preset!(BlockDeviceGpt, block_device::gpt);
