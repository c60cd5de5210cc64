//! Block devices: loop devices, partitions that the kernel is told of, sizes and trimming.
//!
//! Numbers and structures are those of Linux's `include/uapi/linux/{loop,blkpg,fs}.h`.

#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; each with its SAFETY comment"
)]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::libc;
use rustix::fs::{CWD, FallocateFlags, FileType, Mode, fallocate, makedev, mknodat};
use rustix::io::Errno;

const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_PARTSCAN: u32 = 8;
const LO_FLAGS_DIRECT_IO: u32 = 16;

const BLKRRPART: libc::c_ulong = 0x125F;
const BLKFLSBUF: libc::c_ulong = 0x1261;
const BLKSSZGET: libc::c_ulong = 0x1268;
const BLKPG: libc::c_ulong = 0x1269;
const BLKDISCARD: libc::c_ulong = 0x1277;
const BLKPG_ADD_PARTITION: libc::c_int = 1;
const BLKPG_DEL_PARTITION: libc::c_int = 2;
/// `_IOR(0x12, 114, size_t)` and `_IOWR('X', 121, struct fstrim_range)`, whose numbers depend on
/// the machine: powerpc, mips and sparc put the direction elsewhere.
const BLKGETSIZE64: libc::c_ulong = request(READ, 0x12, 114, size_of::<usize>());
const FITRIM: libc::c_ulong = request(READ | WRITE, 0x58, 121, size_of::<FstrimRange>());

#[cfg(any(target_arch = "powerpc", target_arch = "powerpc64"))]
const ENCODING: (libc::c_ulong, libc::c_ulong, u32) = (2, 4, 29);
#[cfg(not(any(target_arch = "powerpc", target_arch = "powerpc64")))]
const ENCODING: (libc::c_ulong, libc::c_ulong, u32) = (2, 1, 30);
pub(crate) const READ: libc::c_ulong = ENCODING.0;
pub(crate) const WRITE: libc::c_ulong = ENCODING.1;

pub(crate) const fn request(
    direction: libc::c_ulong,
    kind: libc::c_ulong,
    number: libc::c_ulong,
    size: usize,
) -> libc::c_ulong {
    (direction << ENCODING.2) | ((size as libc::c_ulong) << 16) | (kind << 8) | number
}

#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: libc::c_int,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

#[repr(C)]
struct BlkpgArgument {
    operation: libc::c_int,
    flags: libc::c_int,
    length: libc::c_int,
    data: *mut BlkpgPartition,
}

#[repr(C)]
struct FstrimRange {
    start: u64,
    length: u64,
    minimum: u64,
}

const _: () = assert!(size_of::<LoopInfo64>() == 232 && size_of::<LoopConfig>() == 304);
const _: () = assert!(size_of::<BlkpgPartition>() == 152 && size_of::<FstrimRange>() == 24);

/// An `ioctl` whose argument is a structure, or none where the request takes none.
pub(crate) fn ioctl<T>(
    fd: RawFd,
    request: libc::c_ulong,
    argument: Option<&mut T>,
) -> io::Result<i32> {
    let argument = argument.map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: the callers in this crate pair each request with the structure that the kernel's
    // header gives it (sizes asserted beside them), which lives until the call is over.
    let done = unsafe { libc::ioctl(fd, request as _, argument) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}

/// What of a file becomes a loop device, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopOptions {
    /// Bytes from the file's start.
    pub offset: u64,
    /// Bytes at most; 0: to the file's end.
    pub size_limit: u64,
    /// Bytes: 512, 1024, 2048 or 4096.
    pub sector_size: u32,
    /// Past the page cache, where the file's filesystem and alignment allow it.
    pub direct_io: bool,
    /// The device can't be written.
    pub read_only: bool,
}

impl Default for LoopOptions {
    fn default() -> Self {
        let sector_size = 512;
        Self { offset: 0, size_limit: 0, sector_size, direct_io: false, read_only: false }
    }
}

/// A file as a block device; the kernel detaches it when its last user is gone, this value and
/// mounts of it or its partitions among them, however this process ends.
#[derive(Debug)]
pub struct LoopDevice {
    device: File,
    number: u32,
}

/// How often another process may take the free device before this one: each attempt lost is
/// another's success, so a thousand means that something else is wrong.
const RACES: usize = 1000;

impl LoopDevice {
    /// Attaches a file to a free loop device. A device that another process takes in between is
    /// left to it and the next is tried.
    ///
    /// # Errors
    /// No `/dev/loop-control`, no right to it, or the kernel refuses the options.
    pub fn attach(file: &File, options: &LoopOptions) -> io::Result<Self> {
        let control = File::options().read(true).write(true).open("/dev/loop-control")?;
        let mut flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN;
        flags |= if options.read_only { LO_FLAGS_READ_ONLY } else { 0 };
        flags |= if options.direct_io { LO_FLAGS_DIRECT_IO } else { 0 };
        for _ in 0..RACES {
            let number = ioctl::<()>(control.as_raw_fd(), LOOP_CTL_GET_FREE, None)?;
            let number = u32::try_from(number).map_err(io::Error::other)?;
            let opened = File::options()
                .read(true)
                .write(!options.read_only)
                .custom_flags(libc::O_CLOEXEC)
                .open(format!("/dev/loop{number}"));
            let device = match opened {
                Ok(device) => device,
                // Removed again by another process (`losetup --remove`).
                Err(e) if matches!(e.raw_os_error(), Some(libc::ENXIO | libc::ENODEV)) => continue,
                Err(e) => return Err(e),
            };
            match Self::configure(&device, file, options, flags) {
                Ok(()) => return Ok(Self { device, number }),
                Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {}
                // Newer kernels refuse what they can't do directly; older ones do without.
                Err(e)
                    if e.raw_os_error() == Some(libc::EINVAL)
                        && flags & LO_FLAGS_DIRECT_IO != 0 =>
                {
                    flags &= !LO_FLAGS_DIRECT_IO;
                }
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "every free loop device was taken"))
    }

    fn configure(device: &File, file: &File, options: &LoopOptions, flags: u32) -> io::Result<()> {
        let info = LoopInfo64 {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: options.offset,
            sizelimit: options.size_limit,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags,
            file_name: [0; 64],
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        };
        let fd = u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?;
        let mut config = LoopConfig { fd, block_size: options.sector_size, info, reserved: [0; 8] };
        ioctl(device.as_raw_fd(), LOOP_CONFIGURE, Some(&mut config)).map(drop)
    }

    /// N of `/dev/loopN`.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The device, open.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.device
    }

    /// `/dev/loopN`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/dev/loop{}", self.number).into()
    }

    /// Detaches it; what is still mounted stays attached until it is not.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn detach(self) -> io::Result<()> {
        // Dropping does the same by auto-clear, but says nothing.
        ioctl::<()>(self.device.as_raw_fd(), LOOP_CLR_FD, None).map(drop)
    }
}

/// Tells the kernel of a partition: `offset` and `size` in bytes, whole sectors of the device.
/// One of that number that it knows of already (it found it in a table) is replaced.
///
/// # Errors
/// It overlaps another, is not whole sectors or not within the device (`EBUSY`, `EINVAL`), or
/// the one to be replaced is in use.
pub fn add_partition(device: &File, number: u32, offset: u64, size: u64) -> io::Result<()> {
    match remove_partition(device, number) {
        // None of that number.
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => {}
        other => other?,
    }
    partition(device, BLKPG_ADD_PARTITION, number, offset, size)
}

/// Makes the kernel forget a partition; the device's bytes stay.
///
/// # Errors
/// There is none of that number (`ENXIO`), or it is in use (`EBUSY`).
pub fn remove_partition(device: &File, number: u32) -> io::Result<()> {
    partition(device, BLKPG_DEL_PARTITION, number, 0, 0)
}

fn partition(
    device: &File,
    operation: libc::c_int,
    number: u32,
    offset: u64,
    size: u64,
) -> io::Result<()> {
    let mut data = BlkpgPartition {
        start: i64::try_from(offset).map_err(io::Error::other)?,
        length: i64::try_from(size).map_err(io::Error::other)?,
        number: libc::c_int::try_from(number).map_err(io::Error::other)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let length = size_of::<BlkpgPartition>() as libc::c_int;
    let mut argument = BlkpgArgument { operation, flags: 0, length, data: &raw mut data };
    ioctl(device.as_raw_fd(), BLKPG, Some(&mut argument)).map(drop)
}

/// The size of a block device in bytes.
///
/// # Errors
/// It is none, or the kernel refuses.
pub fn device_size(device: &File) -> io::Result<u64> {
    let mut size = 0u64;
    ioctl(block(device)?, BLKGETSIZE64, Some(&mut size))?;
    Ok(size)
}

/// The size of a block device's logical sectors in bytes.
///
/// # Errors
/// It is none, or the kernel refuses.
pub fn sector_size(device: &File) -> io::Result<u32> {
    let mut size: libc::c_int = 0;
    ioctl(block(device)?, BLKSSZGET, Some(&mut size))?;
    u32::try_from(size).map_err(io::Error::other)
}

/// Makes the kernel read the partition table again.
///
/// # Errors
/// A partition is in use (`EBUSY`), or the device has none (`EINVAL`).
pub fn reread_partitions(device: &File) -> io::Result<()> {
    ioctl::<()>(block(device)?, BLKRRPART, None).map(drop)
}

/// Writes what is cached of a block device and forgets it.
///
/// # Errors
/// It is no block device, or the kernel refuses.
pub fn flush_device(device: &File) -> io::Result<()> {
    ioctl::<()>(block(device)?, BLKFLSBUF, None).map(drop)
}

/// Makes a stretch of a block device read as zeros without writing them, if it can: whole sectors,
/// from `offset` on. Whether it could.
///
/// # Errors
/// The stretch is none of the device's, or the device fails.
pub fn clear_device(device: &File, offset: u64, length: u64) -> io::Result<bool> {
    block(device)?;
    // Not by writing: for that the kernel has another flag.
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match fallocate(device, flags, offset, length) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Tells a block device that a stretch of it is not used: whole sectors, from `offset` on. What it
/// reads as afterwards is the device's affair.
///
/// # Errors
/// It cannot (`EOPNOTSUPP`), or the stretch is none of the device's.
pub fn discard_device(device: &File, offset: u64, length: u64) -> io::Result<()> {
    let mut range = [offset, length];
    ioctl(block(device)?, BLKDISCARD, Some(&mut range)).map(drop)
}

/// Discards what a mounted filesystem does not use; `folder` is any of its folders. Returns the
/// bytes discarded.
///
/// # Errors
/// The filesystem or what it stands on can't (`EOPNOTSUPP`, `ENOTTY`).
pub fn trim(folder: impl AsFd) -> io::Result<u64> {
    let mut range = FstrimRange { start: 0, length: u64::MAX, minimum: 0 };
    ioctl(folder.as_fd().as_raw_fd(), FITRIM, Some(&mut range))?;
    Ok(range.length)
}

/// An `ioctl` of block devices means something else to a terminal or a socket.
fn block(device: &File) -> io::Result<RawFd> {
    if device.metadata()?.file_type().is_block_device() {
        return Ok(device.as_raw_fd());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no block device"))
}

/// A node for a block device that sysfs names, `/dev/NAME` where it is the right one, else one
/// made in `folder`: not every machine has a devtmpfs or a udev.
///
/// # Errors
/// The kernel has no such device, or the node can't be made.
pub fn device_node(name: &str, folder: &Path) -> io::Result<PathBuf> {
    let said = fs::read_to_string(format!("/sys/class/block/{name}/dev"))?;
    let numbers = said.trim().split_once(':');
    let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let (major, minor) = numbers.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("`{said}` is no device number"))
    })?;
    let wanted = makedev(major, minor);
    let node = Path::new("/dev").join(name);
    if fs::metadata(&node).is_ok_and(|m| m.file_type().is_block_device() && m.rdev() == wanted) {
        return Ok(node);
    }
    let node = folder.join(name);
    mknodat(CWD, &node, FileType::BlockDevice, Mode::RUSR | Mode::WUSR, wanted)?;
    Ok(node)
}

/// Gives the calling thread a mount namespace of its own, whose mounts no other sees and which
/// ends with the thread and the programs it started. It can't go back: use a thread made for it.
///
/// # Errors
/// The kernel refuses: it needs `CAP_SYS_ADMIN`.
pub fn private_mounts() -> io::Result<()> {
    use nix::sched::{CloneFlags, unshare};
    use rustix::mount::{MountPropagationFlags, mount_change};
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", private)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> File {
        // /tmp may be a tmpfs, which takes no direct I/O: that has to work too.
        let file = tempfile();
        file.set_len(size).unwrap();
        file
    }

    fn tempfile() -> File {
        File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(std::env::temp_dir())
            .unwrap()
    }

    #[test]
    fn a_file_is_a_disk_with_partitions_and_gone_when_dropped() {
        let file = file(16 << 20);
        for sector in [512, 4096] {
            let options = LoopOptions {
                offset: 1 << 20,
                size_limit: 8 << 20,
                sector_size: sector,
                direct_io: true,
                read_only: false,
            };
            let disk = LoopDevice::attach(&file, &options).unwrap();
            assert_eq!(device_size(disk.file()).unwrap(), 8 << 20);
            assert_eq!(sector_size(disk.file()).unwrap(), sector);
            add_partition(disk.file(), 3, 1 << 20, 2 << 20).unwrap();
            // Again, elsewhere: replaced.
            add_partition(disk.file(), 3, 2 << 20, 1 << 20).unwrap();
            assert!(add_partition(disk.file(), 4, 2 << 20, 1 << 20).is_err(), "they overlap");
            let name = format!("loop{}p3", disk.number());
            let folder = std::env::temp_dir();
            let node = File::open(device_node(&name, &folder).unwrap()).unwrap();
            assert_eq!(device_size(&node).unwrap(), 1 << 20);
            flush_device(disk.file()).unwrap();
            drop(node);
            let backing = format!("/sys/class/block/loop{}/loop/backing_file", disk.number());
            assert!(Path::new(&backing).exists());
            remove_partition(disk.file(), 3).unwrap();
            assert_eq!(
                remove_partition(disk.file(), 3).unwrap_err().raw_os_error(),
                Some(libc::ENXIO)
            );
            disk.detach().unwrap();
        }
    }

    #[test]
    fn many_at_once_get_a_device_each() {
        let attach = || LoopDevice::attach(&file(1 << 20), &LoopOptions::default()).unwrap();
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(attach)).collect();
        let disks: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let mut numbers: Vec<_> = disks.iter().map(LoopDevice::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 8);
    }

    #[test]
    fn what_is_no_block_device_is_refused() {
        let file = file(4096);
        assert_eq!(device_size(&file).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(flush_device(&file).is_err());
    }
}
