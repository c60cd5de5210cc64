//! What a machine is made of, and how it is started.

use std::fmt::Display;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::disk::{in_option, overlay};
use crate::firmware::ovmf;
use crate::machine::{CONSOLE, KEYBOARD, MONITOR};
use crate::qemu::{again, qemu, turn};
use crate::seed;
use crate::{Firmware, Key, Machine, MachineError};

/// What a machine is made of; [`boot`](Builder::boot) starts it.
#[derive(Debug, Clone)]
pub struct Builder {
    image: PathBuf,
    firmware: Firmware,
    disk_gib: Option<u32>,
    sector_size: u32,
    more_disks: Vec<PathBuf>,
    drives: Vec<PathBuf>,
    memory_mib: u32,
    login: Option<(String, Key)>,
    work_in: PathBuf,
    in_turn: bool,
    kernel: Option<Kernel>,
}

/// What is started without firmware.
#[derive(Debug, Clone)]
struct Kernel {
    image: PathBuf,
    initramfs: PathBuf,
    arguments: String,
}

impl Machine {
    /// A machine whose disk is a copy-on-write overlay of an image (qcow2 or raw).
    pub fn of(image: impl Into<PathBuf>) -> Builder {
        Builder::new(image.into())
    }
}

impl Builder {
    pub(crate) fn new(image: PathBuf) -> Self {
        Self {
            image,
            firmware: Firmware::SeaBios,
            disk_gib: None,
            sector_size: 512,
            more_disks: Vec::new(),
            drives: Vec::new(),
            memory_mib: 1536,
            login: None,
            work_in: PathBuf::from("/var/tmp"),
            in_turn: false,
            kernel: None,
        }
    }

    /// The folder in which the machine's own is made, with what its disks are written to (default
    /// `/var/tmp`: on a disk, for that may be large).
    #[must_use]
    pub fn work_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.work_in = folder.into();
        self
    }

    /// Has this machine wait for its [`turn`]: one at a time of all that work in one folder.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }

    /// The firmware (default: SeaBIOS).
    #[must_use]
    pub fn firmware(mut self, firmware: Firmware) -> Self {
        self.firmware = firmware;
        self
    }

    /// The size of the disk in GiB; it must not be smaller than the image (default: as large).
    #[must_use]
    pub fn disk_gib(mut self, gib: u32) -> Self {
        self.disk_gib = Some(gib);
        self
    }

    /// One more disk of the image, which is never written either.
    #[must_use]
    pub fn disk(mut self, image: impl Into<PathBuf>) -> Self {
        self.more_disks.push(image.into());
        self
    }

    /// The sectors of the disks in bytes (default 512).
    #[must_use]
    pub fn sector_size(mut self, bytes: u32) -> Self {
        self.sector_size = bytes;
        self
    }

    /// One more drive, raw and read-only: a seed of one's own, say. With one, [`login`](Self::login)
    /// makes none.
    #[must_use]
    pub fn drive(mut self, file: impl Into<PathBuf>) -> Self {
        self.drives.push(file.into());
        self
    }

    /// Memory in MiB (default 1536).
    #[must_use]
    pub fn memory_mib(mut self, mib: u32) -> Self {
        self.memory_mib = mib;
        self
    }

    /// Starts this kernel with its initramfs and arguments, and nothing that a disk has.
    #[must_use]
    pub fn kernel(
        mut self,
        image: impl Into<PathBuf>,
        initramfs: impl Into<PathBuf>,
        arguments: &str,
    ) -> Self {
        let (image, initramfs) = (image.into(), initramfs.into());
        self.kernel = Some(Kernel { image, initramfs, arguments: arguments.to_owned() });
        self
    }

    /// Who logs in by SSH, with which key: a NoCloud seed with both is attached, unless a
    /// [`drive`](Self::drive) is.
    #[must_use]
    pub fn login(mut self, user: &str, key: &Key) -> Self {
        self.login = Some((user.to_owned(), key.clone()));
        self
    }

    /// Starts the machine and looks at it, anew when QEMU fails by a fault of its own.
    ///
    /// # Errors
    /// As [`boot`](Self::boot), and what `look` says.
    pub fn see<T, E>(self, look: impl Fn(&mut Machine) -> Result<T, E>) -> Result<T, E>
    where
        E: From<MachineError> + Display,
    {
        again(|| look(&mut self.clone().boot()?))
    }

    /// Starts the machine on copy-on-write overlays: the image itself is never written.
    ///
    /// # Errors
    /// When QEMU, `qemu-img` or the firmware is missing, or the disk cannot hold the image.
    pub fn boot(mut self) -> Result<Machine, MachineError> {
        let making = format!("making a work folder in {}", self.work_in.display());
        let folder = tempfile::Builder::new().prefix("dibhost-machine-").tempdir_in(&self.work_in);
        let folder = folder.map_err(MachineError::io(making))?;
        if let (Some((user, key)), true) = (&self.login, self.drives.is_empty()) {
            self.drives.push(seed::nocloud(folder.path(), user, &key.public)?);
        }
        let turn = if self.in_turn { Some(turn(folder.path())?) } else { None };
        let disks = self.overlays(folder.path())?;
        let ssh_port = free_port()?;
        let command = self.command(folder.path(), &disks, ssh_port)?;
        Machine::start(command, folder, ssh_port, self.login, turn)
    }

    fn overlays(&self, folder: &Path) -> Result<Vec<PathBuf>, MachineError> {
        let mut disks = vec![overlay(&self.image, folder, self.disk_gib)?];
        for (number, image) in self.more_disks.iter().enumerate() {
            let below = folder.join(format!("disk{number}"));
            fs::create_dir(&below).map_err(MachineError::io("making a disk's folder"))?;
            disks.push(overlay(image, &below, None)?);
        }
        Ok(disks)
    }

    /// QEMU with all that the machine is made of.
    fn command(
        &self,
        folder: &Path,
        disks: &[PathBuf],
        ssh_port: u16,
    ) -> Result<Command, MachineError> {
        let mut command = qemu();
        command.args(["-m", &self.memory_mib.to_string()]);
        let at = |name| in_option(&folder.join(name));
        let (keyboard, log) = (at(KEYBOARD), at(CONSOLE));
        let serial = format!("socket,id=serial,path={keyboard},server=on,wait=off,logfile={log}");
        command.args(["-chardev", &serial, "-serial", "chardev:serial"]);
        command.args(["-qmp", &format!("unix:{},server=on,wait=off", at(MONITOR))]);
        for (number, disk) in disks.iter().enumerate() {
            let (disk, sector) = (in_option(disk), self.sector_size);
            command.args(["-drive", &format!("file={disk},if=none,id=disk{number},format=qcow2")]);
            let sectors = format!("logical_block_size={sector},physical_block_size={sector}");
            let first = number + 1;
            let device = format!("virtio-blk-pci,drive=disk{number},bootindex={first},{sectors}");
            command.args(["-device", &device]);
        }
        for drive in &self.drives {
            let drive = in_option(drive);
            command.args(["-drive", &format!("file={drive},if=virtio,format=raw,readonly=on")]);
        }
        // `restrict` keeps the guest off every network; the forwarded port works all the same.
        let forward = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{ssh_port}-:22");
        command.args(["-netdev", &forward, "-device", "virtio-net-pci,netdev=net"]);
        command.args(["-device", "virtio-rng-pci"]);
        if let Some(Kernel { image, initramfs, arguments }) = &self.kernel {
            command.arg("-kernel").arg(image).arg("-initrd").arg(initramfs);
            command.args(["-append", arguments]);
        }
        if self.firmware == Firmware::Ovmf {
            for drive in ovmf(folder)? {
                command.args(["-drive", &drive]);
            }
        }
        Ok(command)
    }
}

/// A port of the loopback address that was free a moment ago.
fn free_port() -> Result<u16, MachineError> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(port.map_err(MachineError::io("looking for a free port"))?.port())
}
