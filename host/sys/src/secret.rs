//! Memory for secrets: never swapped, never in a core, zeroes when it is given back.

#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; each with its SAFETY comment"
)]

use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};

use dibhost_check::Check;
use nix::libc;
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroize as _;

/// The bytes of a secret, in pages of their own.
pub struct SecretBytes {
    start: NonNull<u8>,
    length: usize,
    /// Bytes of the mapping.
    mapped: usize,
}

// SAFETY: the mapping belongs to this value alone, and is written only while it is made and when
// it is dropped.
unsafe impl Send for SecretBytes {}
// SAFETY: shared references only read.
unsafe impl Sync for SecretBytes {}

impl SecretBytes {
    /// Reads to the end.
    ///
    /// # Errors
    /// The reader's; more than `limit` bytes; no memory.
    pub fn read_from(reader: &mut dyn Read, limit: usize) -> io::Result<Self> {
        // One byte more, which tells a secret of `limit` bytes from a longer one.
        let mut secret = Self::map(limit + 1)?;
        while secret.length <= limit {
            // SAFETY: the mapping has `mapped` bytes, is readable and writable, was zeroed by the
            // kernel, and nothing else refers to it yet.
            let all =
                unsafe { std::slice::from_raw_parts_mut(secret.start.as_ptr(), secret.mapped) };
            match reader.read(&mut all[secret.length..=limit]) {
                Ok(0) => return Ok(secret),
                Ok(more) => secret.length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("it is longer than {limit} bytes")))
    }

    /// `length` bytes that nobody can guess, from the kernel.
    ///
    /// # Errors
    /// The kernel gives none; no memory.
    pub fn random(length: usize) -> io::Result<Self> {
        struct Kernel;
        impl Read for Kernel {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                Ok(getrandom(bytes, GetRandomFlags::empty())?)
            }
        }
        Self::read_from(&mut Kernel.take(length as u64), length)
    }

    /// A pipe that the bytes are in, for a program to read to its end: they are in the kernel's
    /// memory, which is never swapped, and in no file.
    ///
    /// # Errors
    /// The kernel gives no pipe, or none that holds so many bytes.
    pub fn pipe(&self) -> io::Result<OwnedFd> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        if self.length > fcntl_getpipe_size(&writer)? {
            fcntl_setpipe_size(&writer, self.length)?;
        }
        let mut left = self.expose();
        while !left.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::write(&writer, left))?;
            left = &left[written..];
        }
        Ok(reader)
    }

    /// The bytes. Whoever copies them has to overwrite the copy.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        // SAFETY: `length` bytes of the mapping were written, and nobody writes them while this
        // value is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    fn map(mapped: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping, wherever the kernel likes, changes no memory that
        // anything refers to.
        let start = unsafe { libc::mmap(null_mut(), mapped, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>())
            .ok_or_else(|| io::Error::other("the kernel mapped nothing"))?;
        // Both are more than can be had everywhere (`ulimit -l`, old kernels): what is not had is
        // one wall fewer, not a reason to fail.
        // SAFETY: the range is the mapping made above; neither call changes what is in it.
        unsafe {
            libc::mlock(start.as_ptr().cast(), mapped);
            libc::madvise(start.as_ptr().cast(), mapped, libc::MADV_DONTDUMP);
        }
        Ok(Self { start, length: 0, mapped })
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and nothing borrows it any more.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.mapped).zeroize();
            libc::munmap(self.start.as_ptr().cast(), self.mapped);
        }
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(***)")
    }
}

/// Lets no one but root look into this process, and neither it nor a program it starts from now
/// on leave a core.
///
/// # Errors
/// The kernel refuses.
pub fn leave_no_core() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if !Check::ProgramCore.holds() {
        return Ok(());
    }
    // One byte, not none: a program that takes cores by a pipe (`core_pattern`) is asked with a
    // limit of 0 too, and never with one of 1. The limit outlives `exec`, which the flag does not.
    setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_whole_or_not_at_all() {
        let read = |bytes: &[u8], limit| SecretBytes::read_from(&mut &*bytes, limit);
        assert_eq!(read(b"hunter2", 7).unwrap().expose(), b"hunter2");
        assert_eq!(read(b"", 7).unwrap().expose(), b"");
        assert!(read(b"hunter22", 7).is_err());
        let long = vec![7; 70_000];
        assert_eq!(read(&long, 1 << 20).unwrap().expose(), long);
        assert_eq!(format!("{:?}", read(b"hunter2", 7).unwrap()), "SecretBytes(***)");
    }

    #[test]
    fn random_bytes_are_as_many_as_wanted_and_never_the_same() {
        let (one, other) = (SecretBytes::random(64).unwrap(), SecretBytes::random(64).unwrap());
        assert_eq!((one.expose().len(), other.expose().len()), (64, 64));
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn a_pipe_holds_more_than_it_does_by_default() {
        let secret = SecretBytes::random(300_000).unwrap();
        let mut read = Vec::new();
        std::fs::File::from(secret.pipe().unwrap()).read_to_end(&mut read).unwrap();
        assert_eq!(read, secret.expose());
    }

    #[test]
    fn its_pages_are_locked_and_left_out_of_a_core() {
        let secret = SecretBytes::read_from(&mut &b"hunter2"[..], 64).unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        let mut flags = "";
        let at = secret.start.as_ptr() as usize;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|r| r.split_once('-'));
            let ends =
                range.map(|(a, b)| (usize::from_str_radix(a, 16), usize::from_str_radix(b, 16)));
            if let Some((Ok(from), Ok(to))) = ends {
                inside = (from..to).contains(&at);
            } else if inside && let Some(said) = line.strip_prefix("VmFlags:") {
                flags = said;
            }
        }
        assert!(flags.split(' ').any(|f| f == "dd"), "not left out of cores: {flags}");
        assert!(flags.split(' ').any(|f| f == "lo"), "not locked: {flags}");
    }
}
