//! An MBR with one partition, for machines with a BIOS.

block_device::preset!(BlockDeviceMbr, block_device::mbr);
