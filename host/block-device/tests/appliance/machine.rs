//! Starts the machine, waits until it has switched itself off, and ends it whatever happens.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_machine::{again, qemu, turn};

use super::case::Case;
use super::kernel::Kernel;
use super::work::WorkFolder;
use super::{initramfs, output, text};

/// How long a machine may take: many times what it takes on a quiet machine.
const LIMIT: Duration = Duration::from_secs(1100);
/// Lines of the console shown in an error.
const SHOWN: usize = 60;
/// Bytes of the disk that the machine writes its archive to.
const OUT: u64 = 256 << 20;

/// What the machine saw of one case.
pub(crate) struct Seen {
    /// The exit status of its script.
    pub(crate) status: String,
    /// What its script wrote, each command before what it did.
    pub(crate) log: String,
    /// Files that it left.
    pub(crate) files: BTreeMap<String, String>,
}

/// Ends QEMU by its own process id.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots a machine with the disks of all cases, read only by it: what it writes goes nowhere. `work`
/// is a filesystem for it to work in.
pub(crate) fn boot(cases: &[&Case], work: Option<&Path>) -> Result<BTreeMap<String, Seen>> {
    again(|| boot_once(cases, work))
}

fn boot_once(cases: &[&Case], work: Option<&Path>) -> Result<BTreeMap<String, Seen>> {
    let folder = WorkFolder::new()?;
    let turn = turn(folder.path())?;
    let kernel = Kernel::debian()?;
    let initramfs = folder.path().join("initramfs");
    initramfs::write(&kernel, &initramfs)?;
    let (job, out) = (job(cases, folder.path())?, folder.path().join("out"));
    File::create(&out)?.set_len(OUT)?;
    let console = folder.path().join("console");
    File::create(&console).context("making the console's log")?;

    let mut qemu = qemu();
    qemu.args(["-no-reboot", "-m", "2048", "-monitor", "none"]);
    qemu.args(["-serial", &format!("file:{}", text(&console)?)]);
    qemu.args(["-kernel", text(&kernel.image)?, "-initrd", text(&initramfs)?]);
    let disks: Vec<_> = cases.iter().flat_map(|case| &case.disks).collect();
    // On a busy host the timer of an emulated machine may seem broken.
    let options = "quiet panic=-1 mitigations=off no_timer_check";
    let line = format!("console=ttyS0 {options} disks={}", disks.len());
    qemu.args(["-append", &line]);
    let mut disks_of_its_own = vec![("job", job.as_path(), ",readonly=on"), ("out", &out, "")];
    disks_of_its_own.extend(work.map(|work| ("work", work, ",snapshot=on")));
    for (name, file, rest) in disks_of_its_own {
        let file = text(file)?;
        qemu.args(["-drive", &format!("file={file},if=none,id={name},format=raw{rest}")]);
        qemu.args(["-device", &format!("virtio-blk-pci,drive={name},serial={name}")]);
    }
    qemu.args(["-device", "virtio-scsi-pci,id=scsi"]);
    for (number, disk) in disks.iter().enumerate() {
        let (file, sector) = (text(&disk.path)?, disk.sector_size);
        let drive = format!("file={file},if=none,id=d{number},format=raw,snapshot=on");
        let sectors = format!("logical_block_size={sector},physical_block_size={sector}");
        let device = format!("scsi-hd,bus=scsi.0,scsi-id={number},lun=0,drive=d{number},{sectors}");
        qemu.args(["-drive", &drive, "-device", &device]);
    }
    let said = File::create(folder.path().join("qemu")).context("making QEMU's log")?;
    qemu.stdout(Stdio::from(said.try_clone()?)).stderr(Stdio::from(said));
    // Temporary overlays of the disks belong where there is room.
    qemu.env("TMPDIR", folder.path());
    let started = Instant::now();
    let mut running = Running(qemu.spawn().context("starting QEMU")?);
    let report = || {
        let console = fs::read(&console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).into_owned();
        let lines: Vec<_> = console.lines().collect();
        let qemu = fs::read_to_string(folder.path().join("qemu")).unwrap_or_default();
        let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        format!("{qemu}\nThe console's last {SHOWN} lines:\n{shown}")
    };
    let status = loop {
        if let Some(status) = running.0.try_wait().context("waiting for QEMU")? {
            break status;
        }
        if started.elapsed() > LIMIT {
            bail!("the machine was not off after {} s.\n{}", LIMIT.as_secs(), report());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    drop(running);
    drop(turn);
    let console_text = report();
    if let Some(to) = std::env::var_os("DIBHOST_TEST_CONSOLE") {
        fs::copy(&console, to).context("keeping the console")?;
    }
    ensure!(status.success() && console_text.contains("DONE "), "QEMU {status}: {console_text}");
    read(&out, cases, folder.path())
}

/// The scripts and keys as an archive, which is a disk of its own.
fn job(cases: &[&Case], folder: &Path) -> Result<PathBuf> {
    let job = folder.join("job");
    fs::create_dir_all(job.join("keys"))?;
    for (name, bytes) in super::case::KEYS {
        fs::write(job.join("keys").join(name), bytes)?;
    }
    for case in cases {
        for (node, key) in &case.volume_keys {
            fs::write(job.join("keys").join(format!("{}-{node}", case.name)), key)?;
        }
    }
    let mut first = 0;
    for case in cases {
        let path = job.join(format!("{}.sh", case.name));
        ensure!(!path.exists(), "two cases are called `{}`", case.name);
        fs::write(&path, case.script(first)).context("writing a script")?;
        first += case.disks.len();
    }
    let archive = folder.join("job.tar");
    output("tar", &["-cf", text(&archive)?, "-C", text(&job)?, "."])?;
    Ok(archive)
}

fn read(out: &Path, cases: &[&Case], folder: &Path) -> Result<BTreeMap<String, Seen>> {
    let seen = folder.join("seen");
    fs::create_dir(&seen)?;
    output("tar", &["-xf", text(out)?, "-C", text(&seen)?])?;
    let mut all = BTreeMap::new();
    for case in cases {
        let mut files = BTreeMap::new();
        let folder = seen.join(&case.name);
        for entry in fs::read_dir(&folder).with_context(|| format!("no case `{}`", case.name))? {
            let entry = entry?;
            let bytes = fs::read(entry.path())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
        let mut take = |name: &str| files.remove(name).unwrap_or_default();
        let (status, log) = (take("status").trim().to_owned(), take("log"));
        all.insert(case.name.clone(), Seen { status, log, files });
    }
    Ok(all)
}
