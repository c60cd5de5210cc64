//! GRUB for BIOS: the boot sector and the core image, told where they lie. `grub-install` finds
//! that out from a device of the kernel; here it is known.
//!
//! ```text
//! MBR   │ code │ table │ core image ── gap │ partition 1 …
//!         └─────────────► block list ──►
//! GPT   │ code │ protective │ GPT │ BIOS boot partition: core image │ …
//! ```
//!
//! Offsets: GRUB 2, `include/grub/i386/pc/boot.h` and `include/grub/offsets.h`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::extent::Extent;

/// GRUB counts in sectors of 512 bytes, whatever the disk.
const SECTOR: usize = 512;
/// What of the first sector is code; the disk signature and the table follow.
const BOOT_CODE: usize = 440;
/// In `boot.img`: the sector of the core image.
const KERNEL_SECTOR: usize = 0x5c;
/// In `boot.img`: a jump over the check of the boot drive, which some BIOSes get wrong. Two NOPs, as
/// `grub-bios-setup` writes for a disk that is not a floppy.
const DRIVE_CHECK: usize = 0x66;
/// In the core image's first sector: the list of blocks it goes on with.
const BLOCK_LIST: usize = 0x1f4;
const BLOCK_LIST_LENGTH: usize = 0x1fc;
/// Bytes of an image at the most: one list of blocks says where the core image is.
pub const MOST: usize = u16::MAX as usize * SECTOR;

/// Whether these are what they should be.
///
/// # Errors
/// A sentence without its place.
pub fn check(boot: &[u8], core: &[u8]) -> Result<(), String> {
    if boot.len() != SECTOR || boot[510..] != [0x55, 0xaa] {
        return Err("`boot.img` is not a boot sector of 512 bytes".to_owned());
    }
    if boot[DRIVE_CHECK] != 0xeb && boot[DRIVE_CHECK..DRIVE_CHECK + 2] != [0x90, 0x90] {
        return Err("`boot.img` is not the boot sector of GRUB 2 for BIOS".to_owned());
    }
    // The load segment that diskboot.img's block list starts with.
    if core.len() <= 2 * SECTOR || core[0x1fe..0x200] != [0x20, 0x08] {
        return Err("`core.img` is not a core image of GRUB 2 for BIOS".to_owned());
    }
    if core.len() > MOST {
        return Err("`core.img` is too large for one list of blocks".to_owned());
    }
    Ok(())
}

fn boot_code(boot: &[u8], core_sector: u64) -> Vec<u8> {
    let mut code = boot[..BOOT_CODE].to_vec();
    code[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&core_sector.to_le_bytes());
    code[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0x90, 0x90]);
    code
}

fn core_image(core: &[u8], core_sector: u64) -> io::Result<Vec<u8>> {
    let mut core = core.to_vec();
    let rest = u16::try_from(core.len().div_ceil(SECTOR) - 1).map_err(io::Error::other)?;
    core[BLOCK_LIST..BLOCK_LIST + 8].copy_from_slice(&(core_sector + 1).to_le_bytes());
    core[BLOCK_LIST_LENGTH..BLOCK_LIST_LENGTH + 2].copy_from_slice(&rest.to_le_bytes());
    Ok(core)
}

/// Writes both: the core image into its partition or gap, the boot sector's code into the first
/// sector.
pub fn write(image: &File, place: Extent, boot: &[u8], core: &[u8]) -> io::Result<()> {
    let sector = place.offset / SECTOR as u64;
    if core.len() as u64 > place.size {
        return Err(io::Error::other("the core image is larger than its place"));
    }
    image.write_all_at(&core_image(core, sector)?, place.offset)?;
    image.write_all_at(&boot_code(boot, sector), 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The shape of GRUB's images, with nothing in them that runs.
    pub(crate) fn images() -> (Vec<u8>, Vec<u8>) {
        let mut boot = vec![0x11; SECTOR];
        boot[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0xeb, 0x05]);
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut core = vec![0x22; 5 * SECTOR + 100];
        core[BLOCK_LIST..0x200].fill(0);
        core[0x1fe..0x200].copy_from_slice(&[0x20, 0x08]);
        (boot, core)
    }

    #[test]
    fn both_learn_where_they_lie() {
        let (boot, core) = images();
        check(&boot, &core).unwrap();
        let code = boot_code(&boot, 2048);
        assert_eq!(code.len(), 440);
        assert_eq!(code[0x5c..0x64], 2048u64.to_le_bytes());
        assert_eq!(code[0x66..0x68], [0x90, 0x90]);
        let core = core_image(&core, 2048).unwrap();
        assert_eq!(core[0x1f4..0x1fc], 2049u64.to_le_bytes());
        assert_eq!(core[0x1fc..0x200], [5, 0, 0x20, 0x08]);
    }

    #[test]
    fn other_files_are_refused() {
        let (boot, core) = images();
        assert!(check(&core, &core).is_err());
        assert!(check(&boot, &boot).is_err());
        assert!(check(&boot[..511], &core).is_err());
        assert!(check(&[], &[]).is_err());
    }
}
