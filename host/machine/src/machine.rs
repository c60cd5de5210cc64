//! A running machine: hears it, types, logs in, switches it off.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::qemu::LOST_TIMER;
use crate::{Key, MachineError, console, monitor};

/// How long a machine may take to its login prompt: ten times what it takes on a quiet machine.
pub const BOOT: Duration = Duration::from_secs(420);
/// How long cloud-init and sshd may take after the login prompt; the keys of a first boot are
/// made in emulation.
pub const SSH: Duration = Duration::from_secs(300);
/// How long switching off may take.
pub const POWER_OFF: Duration = Duration::from_secs(180);

/// Console lines after which nothing good comes: waiting on would only hide them.
const HOPELESS: [&str; 7] = [
    "Kernel panic - not syncing",
    "grub rescue>",
    "You are in emergency mode",
    "(initramfs)",
    "No bootable device",
    "BdsDxe: No bootable option or device was found",
    LOST_TIMER,
];
/// Console lines shown in an error.
const SHOWN: usize = 50;
/// The files of a machine's folder: what its console said, where one types, QEMU's monitor, and
/// what QEMU said.
pub(crate) const CONSOLE: &str = "console";
pub(crate) const KEYBOARD: &str = "keyboard";
pub(crate) const MONITOR: &str = "monitor";
const QEMU: &str = "qemu";

/// A running virtual machine, ended when dropped.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    folder: TempDir,
    started: Instant,
    ssh_port: u16,
    login: Option<(String, Key)>,
    _turn: Option<File>,
}

impl Machine {
    /// Starts QEMU in the machine's folder, which goes with it. `turn` is held as long.
    pub(crate) fn start(
        mut command: Command,
        folder: TempDir,
        ssh_port: u16,
        login: Option<(String, Key)>,
        turn: Option<File>,
    ) -> Result<Self, MachineError> {
        let log = |name: &str| File::create(folder.path().join(name));
        log(CONSOLE).map_err(MachineError::io("making the console's log"))?;
        let said = log(QEMU).map_err(MachineError::io("making QEMU's log"))?;
        let shared = said.try_clone().map_err(MachineError::io("sharing QEMU's log"))?;
        let started = Instant::now();
        let child = command.stdout(shared).stderr(said).spawn();
        let child = child.map_err(MachineError::io("starting QEMU"))?;
        Ok(Self { child, folder, started, ssh_port, login, _turn: turn })
    }

    /// What the serial console said until now, without terminal escapes.
    #[must_use]
    pub fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join(CONSOLE)).unwrap_or_default();
        console::plain(&String::from_utf8_lossy(&bytes))
    }

    /// Waits until the serial console has said `pattern` at any time since the start; returns
    /// how long after the start that was seen.
    ///
    /// # Errors
    /// When it has not within `timeout`, when the machine ended, or when the console says what
    /// no boot recovers from (a kernel panic, a boot loader's rescue prompt). The error shows
    /// the end of the console.
    pub fn wait_for(&mut self, pattern: &str, timeout: Duration) -> Result<Duration, MachineError> {
        let deadline = Instant::now() + timeout;
        loop {
            let console = self.console();
            if console.contains(pattern) {
                return Ok(self.started.elapsed());
            }
            if let Some(line) = HOPELESS.iter().find(|line| console.contains(**line)) {
                let (pattern, report) = (pattern.to_owned(), self.report());
                return Err(MachineError::Hopeless { line, pattern, report });
            }
            self.ensure_running(&format!("before its console said `{pattern}`"))?;
            if Instant::now() > deadline {
                let what = format!("the console did not say `{pattern}`");
                return Err(self.timed_out(what, timeout, String::new()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Types a line at the serial console.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn type_line(&self, line: &str) -> Result<(), MachineError> {
        let path = self.folder.path().join(KEYBOARD);
        let typing = MachineError::io("typing at the console");
        let typed = UnixStream::connect(&path).and_then(|mut keyboard| {
            keyboard.write_all(format!("{line}\n").as_bytes())?;
            // The machine's serial port takes it in byte by byte, and only while this end is open.
            std::thread::sleep(Duration::from_secs(1));
            Ok(())
        });
        typed.map_err(typing)
    }

    /// Waits until the login of the builder works; returns how long after the start it did.
    ///
    /// # Errors
    /// When it does not within `timeout`; the error shows what `ssh` and the console said.
    pub fn wait_for_ssh(&mut self, timeout: Duration) -> Result<Duration, MachineError> {
        let deadline = Instant::now() + timeout;
        loop {
            let output = self.ssh("true")?;
            if output.status.success() {
                return Ok(self.started.elapsed());
            }
            self.ensure_running("before anyone could log in")?;
            if Instant::now() > deadline {
                let said = format!(": {}", String::from_utf8_lossy(&output.stderr).trim());
                return Err(self.timed_out("nobody could log in by SSH".into(), timeout, said));
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// Runs a shell command in the machine by SSH, whatever its exit status is; 255 is SSH's
    /// own for "no connection".
    ///
    /// # Errors
    /// When the builder was given no login or `ssh` is not there.
    pub fn ssh(&self, command: &str) -> Result<Output, MachineError> {
        let Some((user, key)) = &self.login else {
            let said = "the machine was built without `.login(user, key)`, so nobody can log in";
            return Err(MachineError::Refused(said.into()));
        };
        let mut ssh = Command::new("ssh");
        ssh.env("LC_ALL", "C.UTF-8");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args(["-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"]);
        // Key exchange in emulation takes seconds; a machine that hangs must not hang this too.
        ssh.args(["-o", "ConnectTimeout=40", "-o", "ServerAliveInterval=30"]);
        ssh.arg("-i").arg(&key.private).args(["-p", &self.ssh_port.to_string()]);
        ssh.arg(format!("{user}@127.0.0.1")).arg("--").arg(command);
        ssh.stdin(Stdio::null())
            .output()
            .map_err(MachineError::io("starting `ssh` (it is in Debian's package openssh-client)"))
    }

    /// Runs a shell command in the machine that has to end well; returns what it wrote.
    ///
    /// # Errors
    /// As [`ssh`](Self::ssh), and when the command's exit status is not 0.
    pub fn ssh_text(&self, command: &str) -> Result<String, MachineError> {
        let output = self.ssh(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        Err(MachineError::Command {
            command: command.to_owned(),
            status: output.status,
            said: stdout + &String::from_utf8_lossy(&output.stderr),
            report: self.report(),
        })
    }

    /// Switches the machine off (by SSH where there is a login, else by its power button) and
    /// waits until it is.
    ///
    /// # Errors
    /// When it is not off within [`POWER_OFF`].
    pub fn power_off(&mut self) -> Result<(), MachineError> {
        let asked = self.login.is_some()
            && self.ssh("sudo -n systemctl poweroff --no-block").is_ok_and(|o| o.status.success());
        if !asked {
            monitor::press_power_button(&self.folder.path().join(MONITOR))?;
        }
        let deadline = Instant::now() + POWER_OFF;
        while Instant::now() < deadline {
            if self.ended()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Err(self.timed_out("the machine was not off".into(), POWER_OFF, String::new()))
    }

    /// The overlay with what the machine has written: it is whole once that is off.
    #[must_use]
    pub fn overlay(&self) -> PathBuf {
        self.folder.path().join("overlay.qcow2")
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, MachineError> {
        self.child.try_wait().map_err(MachineError::io("waiting for QEMU"))
    }

    fn ensure_running(&mut self, when: &str) -> Result<(), MachineError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => {
                let (when, report) = (when.to_owned(), self.report());
                Err(MachineError::Ended { when, status, report })
            }
        }
    }

    fn timed_out(&self, what: String, timeout: Duration, said: String) -> MachineError {
        MachineError::TimedOut { what, timeout, said, report: self.report() }
    }

    fn report(&self) -> String {
        let qemu = fs::read_to_string(self.folder.path().join(QEMU)).unwrap_or_default();
        let console = self.console();
        let shown = console::tail(&console, SHOWN);
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Builder;

    fn work_folder() -> TempDir {
        tempfile::tempdir_in("/var/tmp").unwrap()
    }

    fn of(image: &Path) -> Builder {
        Machine::of(image).in_turn()
    }

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
        let folder = work_folder();
        let image = speaking(folder.path(), "\u{1b}[1mspeaking\u{1b}[0m\r\n");
        let before = fs::read(&image).unwrap();
        let mut machine = of(&image).disk_gib(1).boot().unwrap();
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
        let folder = work_folder();
        let image = speaking(folder.path(), "Kernel panic - not syncing: no init\n");
        let mut machine = of(&image).boot().unwrap();
        let error = machine.wait_for("login:", Duration::from_secs(120)).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("the machine said `Kernel panic"), "{error}");
        assert!(error.contains("no init"), "{error}");
    }

    #[test]
    fn a_disk_smaller_than_its_image_is_refused() {
        let folder = work_folder();
        let image = folder.path().join("large.raw");
        File::create(&image).unwrap().set_len(3 << 30).unwrap();
        let error = of(&image).disk_gib(2).boot().unwrap_err();
        assert!(error.to_string().contains("2 GiB"), "{error}");
    }
}
