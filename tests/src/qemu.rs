//! Virtual machines that boot what was built.
//!
//! In plain emulation a Debian boots to its login prompt in half a minute on two quiet cores, in
//! several when they are busy. So time-outs here are long, and one machine runs at a time: a lock
//! beside the work folders sees to that, whichever test runner is used.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_test_machine::{again, turn};
use tempfile::TempDir;

use crate::lines;
use crate::seed::{self, Key};
use crate::tool;

/// How long a machine may take to its login prompt: ten times what it takes on a quiet machine.
pub const BOOT: Duration = Duration::from_secs(420);
/// How long cloud-init and sshd may take after the login prompt; the keys of a first boot are
/// made in emulation.
pub const SSH: Duration = Duration::from_secs(300);
/// How long switching off may take.
pub const POWER_OFF: Duration = Duration::from_secs(180);

/// Console lines after which nothing good comes: waiting on would only hide them.
const HOPELESS: [&str; 6] = [
    "Kernel panic - not syncing",
    "grub rescue>",
    "You are in emergency mode",
    "(initramfs)",
    "No bootable device",
    "BdsDxe: No bootable option or device was found",
];
/// Console lines shown in an error.
const SHOWN: usize = 50;

/// Which firmware starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// A BIOS: QEMU's own.
    SeaBios,
    /// UEFI: Debian's `ovmf`, with variables of its own that are new at each start.
    Ovmf,
}

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
}

impl Builder {
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
    pub fn see<T>(self, look: impl Fn(&mut Machine) -> Result<T>) -> Result<T> {
        again(|| look(&mut self.clone().boot()?))
    }

    /// Starts the machine on a copy-on-write overlay: the image itself is never written.
    ///
    /// Waits while another test's machine runs.
    ///
    /// # Errors
    /// When QEMU, `qemu-img` or the firmware is missing or QEMU ends at once.
    pub fn boot(mut self) -> Result<Machine> {
        let folder = crate::work_folder()?;
        if let (Some((user, key)), true) = (&self.login, self.drives.is_empty()) {
            self.drives.push(seed::nocloud(folder.path(), user, &key.public)?);
        }
        let turn = turn(folder.path())?;
        let mut disks = vec![overlay(&self.image, folder.path(), self.disk_gib)?];
        for (number, image) in self.more_disks.iter().enumerate() {
            let below = folder.path().join(format!("disk{number}"));
            fs::create_dir(&below).context("making a disk's folder")?;
            disks.push(overlay(image, &below, None)?);
        }
        let ssh_port = free_port()?;
        let console = folder.path().join("console");
        let monitor = folder.path().join("monitor");
        File::create(&console).context("making the console's log")?;

        let mut command = dibhost_test_machine::qemu();
        command.args(["-m", &self.memory_mib.to_string()]);
        let (keyboard, log) = (folder.path().join("keyboard"), console.display());
        let keyboard = keyboard.display();
        let serial = format!("socket,id=serial,path={keyboard},server=on,wait=off,logfile={log}");
        command.args(["-chardev", &serial, "-serial", "chardev:serial"]);
        command.args(["-qmp", &format!("unix:{},server=on,wait=off", monitor.display())]);
        for (number, disk) in disks.iter().enumerate() {
            let (disk, sector) = (disk.display(), self.sector_size);
            command.args(["-drive", &format!("file={disk},if=none,id=disk{number},format=qcow2")]);
            let sectors = format!("logical_block_size={sector},physical_block_size={sector}");
            let first = number + 1;
            let device = format!("virtio-blk-pci,drive=disk{number},bootindex={first},{sectors}");
            command.args(["-device", &device]);
        }
        for drive in &self.drives {
            let drive = drive.display();
            command.args(["-drive", &format!("file={drive},if=virtio,format=raw,readonly=on")]);
        }
        // `restrict` keeps the guest off every network; the forwarded port works all the same.
        let forward = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{ssh_port}-:22");
        command.args(["-netdev", &forward, "-device", "virtio-net-pci,netdev=net"]);
        command.args(["-device", "virtio-rng-pci"]);
        if self.firmware == Firmware::Ovmf {
            for drive in ovmf(folder.path())? {
                command.args(["-drive", &drive]);
            }
        }
        let said = File::create(folder.path().join("qemu")).context("making QEMU's log")?;
        let started = Instant::now();
        let child = command
            .stdout(said.try_clone().context("sharing QEMU's log")?)
            .stderr(said)
            .spawn()
            .context("starting QEMU (`scripts/install-dependencies test` installs it)")?;
        Ok(Machine { child, folder, started, ssh_port, login: self.login, _turn: turn })
    }
}

/// A running virtual machine, ended when dropped.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    folder: TempDir,
    started: Instant,
    ssh_port: u16,
    login: Option<(String, Key)>,
    _turn: File,
}

impl Machine {
    /// A machine whose disk is a copy-on-write overlay of an image (qcow2 or raw).
    pub fn of(image: impl Into<PathBuf>) -> Builder {
        Builder {
            image: image.into(),
            firmware: Firmware::SeaBios,
            disk_gib: None,
            sector_size: 512,
            more_disks: Vec::new(),
            drives: Vec::new(),
            memory_mib: 1536,
            login: None,
        }
    }

    /// What the serial console said until now, without terminal escapes.
    #[must_use]
    pub fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join("console")).unwrap_or_default();
        lines::plain(&String::from_utf8_lossy(&bytes))
    }

    /// Waits until the serial console has said `pattern` at any time since the start; returns
    /// how long after the start that was seen.
    ///
    /// # Errors
    /// When it has not within `timeout`, when the machine ended, or when the console says what
    /// no boot recovers from (a kernel panic, a boot loader's rescue prompt). The error shows
    /// the end of the console.
    pub fn wait_for(&mut self, pattern: &str, timeout: Duration) -> Result<Duration> {
        let deadline = Instant::now() + timeout;
        loop {
            let console = self.console();
            if console.contains(pattern) {
                return Ok(self.started.elapsed());
            }
            if let Some(line) = HOPELESS.iter().find(|line| console.contains(**line)) {
                bail!("the machine said `{line}`, not `{pattern}`.\n{}", self.report());
            }
            self.ensure_running(&format!("before its console said `{pattern}`"))?;
            if Instant::now() > deadline {
                let seconds = timeout.as_secs();
                bail!("the console did not say `{pattern}` in {seconds} s.\n{}", self.report());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Types a line at the serial console.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn type_line(&self, line: &str) -> Result<()> {
        let path = self.folder.path().join("keyboard");
        let mut keyboard = UnixStream::connect(&path).context("connecting to the console")?;
        keyboard.write_all(format!("{line}\n").as_bytes()).context("typing at the console")?;
        // What is written is taken in by the machine's serial port byte by byte.
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    /// Waits until the login of the builder works; returns how long after the start it did.
    ///
    /// # Errors
    /// When it does not within `timeout`; the error shows what `ssh` and the console said.
    pub fn wait_for_ssh(&mut self, timeout: Duration) -> Result<Duration> {
        let deadline = Instant::now() + timeout;
        loop {
            let output = self.ssh("true")?;
            if output.status.success() {
                return Ok(self.started.elapsed());
            }
            self.ensure_running("before anyone could log in")?;
            if Instant::now() > deadline {
                bail!(
                    "nobody could log in by SSH in {} s: {}\n{}",
                    timeout.as_secs(),
                    String::from_utf8_lossy(&output.stderr).trim(),
                    self.report()
                );
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// Runs a shell command in the machine by SSH, whatever its exit status is; 255 is SSH's
    /// own for "no connection".
    ///
    /// # Errors
    /// When the builder was given no login or `ssh` is not there.
    pub fn ssh(&self, command: &str) -> Result<Output> {
        let Some((user, key)) = &self.login else {
            bail!("the machine was built without `.login(user, key)`, so nobody can log in");
        };
        let mut ssh = tool::command("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args(["-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"]);
        // Key exchange in emulation takes seconds; a machine that hangs must not hang the test.
        ssh.args(["-o", "ConnectTimeout=40", "-o", "ServerAliveInterval=30"]);
        ssh.arg("-i").arg(&key.private).args(["-p", &self.ssh_port.to_string()]);
        ssh.arg(format!("{user}@127.0.0.1")).arg("--").arg(command);
        ssh.stdin(Stdio::null()).output().context("starting `ssh`")
    }

    /// Runs a shell command in the machine that has to end well; returns what it wrote.
    ///
    /// # Errors
    /// As [`ssh`](Self::ssh), and when the command's exit status is not 0.
    pub fn ssh_text(&self, command: &str) -> Result<String> {
        let output = self.ssh(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "`{command}` failed in the machine ({}): {stdout}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            self.report()
        );
        Ok(stdout)
    }

    /// Switches the machine off (by SSH where there is a login, else by its power button) and
    /// waits until it is.
    ///
    /// # Errors
    /// When it is not off within [`POWER_OFF`].
    pub fn power_off(&mut self) -> Result<()> {
        let asked = self.login.is_some()
            && self.ssh("sudo -n systemctl poweroff --no-block").is_ok_and(|o| o.status.success());
        if !asked {
            self.press_power_button()?;
        }
        let deadline = Instant::now() + POWER_OFF;
        while Instant::now() < deadline {
            if self.child.try_wait().context("waiting for QEMU")?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        bail!("the machine was not off after {} s.\n{}", POWER_OFF.as_secs(), self.report())
    }

    /// The overlay with what the machine has written: fit for [`crate::disk`] once it is off.
    #[must_use]
    pub fn overlay(&self) -> PathBuf {
        self.folder.path().join("overlay.qcow2")
    }

    fn press_power_button(&self) -> Result<()> {
        let path = self.folder.path().join("monitor");
        let mut monitor = UnixStream::connect(&path).context("connecting to QEMU's monitor")?;
        monitor.set_read_timeout(Some(Duration::from_secs(10))).context("limiting the monitor")?;
        let mut answers = BufReader::new(monitor.try_clone().context("reading the monitor")?);
        let mut answer = String::new();
        answers.read_line(&mut answer).context("reading the monitor's greeting")?;
        for order in ["qmp_capabilities", "system_powerdown"] {
            writeln!(monitor, "{{\"execute\":\"{order}\"}}").context("writing to the monitor")?;
            answer.clear();
            answers.read_line(&mut answer).with_context(|| format!("reading after `{order}`"))?;
            ensure!(!answer.contains("\"error\""), "QEMU's monitor refused `{order}`: {answer}");
        }
        Ok(())
    }

    fn ensure_running(&mut self, when: &str) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("waiting for QEMU")? {
            bail!("the machine ended {when} ({status}).\n{}", self.report());
        }
        Ok(())
    }

    fn report(&self) -> String {
        let qemu = fs::read_to_string(self.folder.path().join("qemu")).unwrap_or_default();
        let console = self.console();
        let shown = lines::tail(&console, SHOWN);
        format!(
            "{}── the console's last {SHOWN} lines, {} s after the start ──\n{shown}\n──",
            if qemu.is_empty() { String::new() } else { format!("── QEMU ──\n{qemu}") },
            self.started.elapsed().as_secs()
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Only this child, by its own id; it may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn overlay(image: &Path, folder: &Path, disk_gib: Option<u32>) -> Result<PathBuf> {
    let image = image.canonicalize().with_context(|| format!("opening {}", image.display()))?;
    let information = crate::disk::information(&image)?;
    let format = information["format"].as_str().context("`qemu-img info` names no format")?;
    let overlay = folder.join("overlay.qcow2");
    let mut args: Vec<String> =
        ["create", "-q", "-f", "qcow2", "-F", format].map(Into::into).into();
    args.extend(["-b".into(), image.display().to_string(), overlay.display().to_string()]);
    if let Some(gib) = disk_gib {
        let size = information["virtual-size"].as_u64().unwrap_or(0);
        ensure!(
            u64::from(gib) << 30 >= size,
            "a disk of {gib} GiB cannot hold {}, which has {size} bytes",
            image.display()
        );
        args.push(format!("{gib}G"));
    }
    tool::run("qemu-img", &args)?;
    Ok(overlay)
}

/// OVMF's code, and a copy of its empty variables.
fn ovmf(folder: &Path) -> Result<[String; 2]> {
    let code = Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd");
    ensure!(
        code.exists(),
        "{} is not there (`scripts/install-dependencies test` installs it)",
        code.display()
    );
    let variables = folder.join("OVMF_VARS.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).context("copying OVMF's variables")?;
    Ok([
        format!("if=pflash,unit=0,format=raw,readonly=on,file={}", code.display()),
        format!("if=pflash,unit=1,format=raw,file={}", variables.display()),
    ])
}

/// A port of the loopback address that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk whose boot sector writes a text to the first serial port and halts.
    fn speaking(folder: &Path, text: &str) -> PathBuf {
        // xor ax,ax; mov ds,ax; mov si,text; next: lodsb; test al,al; jz end; mov dx,0x3f8;
        // out dx,al; jmp next; end: hlt; jmp end; text:
        let code =
            b"\x31\xc0\x8e\xd8\xbe\x15\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee\xeb\xf5\xf4\xeb\xfd";
        let mut disk = code.to_vec();
        disk.extend(text.bytes());
        disk.resize(510, 0);
        disk.extend([0x55, 0xaa]);
        disk.resize(1 << 20, 0);
        let file = folder.join("disk.raw");
        fs::write(&file, disk).unwrap();
        file
    }

    #[test]
    fn a_machine_is_heard_and_ended_and_its_disk_is_not_written() {
        let folder = crate::work_folder().unwrap();
        let image = speaking(folder.path(), "\u{1b}[1mspeaking\u{1b}[0m\r\n");
        let before = fs::read(&image).unwrap();
        let mut machine = Machine::of(&image).disk_gib(1).boot().unwrap();
        machine.wait_for("speaking\n", Duration::from_secs(60)).unwrap();
        let error = machine.wait_for("singing", Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("speaking"), "{error}");
        assert!(machine.ssh("true").unwrap_err().to_string().contains("login"));

        let (id, work) = (machine.child.id(), machine.folder.path().to_owned());
        drop(machine);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(!work.exists());
        assert_eq!(fs::read(&image).unwrap(), before);
    }

    #[test]
    fn a_panic_is_not_waited_out() {
        let folder = crate::work_folder().unwrap();
        let image = speaking(folder.path(), "Kernel panic - not syncing: no init\n");
        let mut machine = Machine::of(&image).boot().unwrap();
        let error = machine.wait_for("login:", Duration::from_secs(120)).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("the machine said `Kernel panic"), "{error}");
        assert!(error.contains("no init"), "{error}");
    }

    #[test]
    fn a_disk_smaller_than_its_image_is_refused() {
        let folder = crate::work_folder().unwrap();
        let image = folder.path().join("large.raw");
        File::create(&image).unwrap().set_len(3 << 30).unwrap();
        let error = Machine::of(&image).disk_gib(2).boot().unwrap_err();
        assert!(error.to_string().contains("2 GiB"), "{error}");
    }
}
