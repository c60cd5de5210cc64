//! A worker with a small tree in it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program};
use dibhost_tree::{
    Attributes, Change, Command, HostLimits, HostPrograms as _, Ids, Line, Output, ProgramLimits,
    Programs as _, Scope, SimulatedTarget, Target, TargetError, TargetPath, Tree as _, Worker,
    WorkerOptions, Workshop,
};
use tempfile::TempDir;

pub const EPOCH: u64 = 1_700_000_000;

/// The crate's own program that becomes a worker.
const WORKER: Option<&str> = match option_env!("CARGO_BIN_EXE_dibhost-tree-worker") {
    Some(program) => Some(program),
    None => option_env!("CARGO_BIN_EXE_dibhost-packages-worker"),
};

/// A worker and its work folder, removed when dropped.
pub struct Bench {
    pub worker: Worker,
    pub cancel: Cancel,
    pub folder: TempDir,
}

/// A work folder somewhere. The worker needs root, and so do these tests: without it they fail.
pub fn start(tmpfs: Option<u64>) -> Bench {
    limited(tmpfs, ProgramLimits::default())
}

/// The same, with limits for programs.
pub fn limited(tmpfs: Option<u64>, limits: ProgramLimits) -> Bench {
    let folder = TempDir::new().unwrap();
    let cancel = Cancel::new();
    let options = WorkerOptions { limits, ..options(folder.path(), tmpfs) };
    let worker = Worker::start(&options, &cancel).unwrap();
    Bench { worker, cancel, folder }
}

pub fn options(folder: &Path, tmpfs: Option<u64>) -> WorkerOptions {
    let work = folder.join("tree");
    std::fs::create_dir_all(&work).unwrap();
    WorkerOptions {
        program: PathBuf::from(WORKER.unwrap()),
        args: Vec::new(),
        work,
        tmpfs,
        source_date_epoch: EPOCH,
        limits: ProgramLimits::default(),
        host: HostLimits::default(),
        ids: Ids::mapped().unwrap(),
    }
}

/// Copies a shell and a few programs of the host into the tree, with their libraries.
const FURNISH: &str = r#"
set -e
cd "$1"
mkdir -p usr/bin usr/sbin usr/lib usr/lib64 etc root
for d in bin sbin lib lib64; do ln -s usr/$d $d; done
for p in dash cat ls sleep env id mount mknod hostname mkdir rm ps readlink stat tail touch setsid dd chown chmod; do
    f=$(readlink -f "$(command -v $p)")
    cp "$f" usr/bin/$p
    ldd "$f" | grep -o '/[^ ]*' | while read l; do
        mkdir -p ".$(dirname "$l")"
        [ -e ".$l" ] || cp -L "$l" ".$l"
    done
done
ln -s dash usr/bin/sh
echo root:x:0:0:root:/root:/bin/sh > etc/passwd
echo daemon:x:1:1::/:/bin/sh >> etc/passwd
echo root:x:0: > etc/group
"#;

pub fn furnished(tmpfs: Option<u64>) -> Bench {
    let mut bench = start(tmpfs);
    furnish(&mut bench.worker);
    bench
}

pub fn furnish(worker: &mut Worker) {
    let program = Program::new("sh").args(["-c", FURNISH, "sh"]).arg(worker.tree());
    worker.run_mounting(&program).unwrap();
}

/// Compiles the hostile programs into the tree, and runs one of them by its words.
pub fn hostile(worker: &mut Worker, word: &str) -> Output {
    try_hostile(worker, word).unwrap()
}

/// Compiles the hostile programs into the tree.
pub fn compile_hostile(worker: &mut Worker) {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile/programs/hostile.c");
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("hostile");
    let compiler = Program::new("cc").args(["-static", "-O1", "-w", "-o"]).args([&to, &source]);
    compiler.run(&Cancel::new()).unwrap();
    let content = std::fs::read(&to).unwrap();
    let attributes = Attributes { mode: Some(0o755), ..Attributes::default() };
    let program = Change::Write { path: path("/usr/bin/hostile"), content, attributes };
    worker.apply(&Scope::all(), &[program]).unwrap();
}

/// A folder of the host that the worker reads, and writes to as well where `mode` says so: it is nobody
/// there.
pub fn shared(mode: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(), permissions).unwrap();
    folder
}

/// The same, whether or not the box lets it end of itself.
pub fn try_hostile(worker: &mut Worker, words: &str) -> Result<Output, TargetError> {
    compile_hostile(worker);
    worker.exec(&hostile_command(words), &mut ignore)
}

pub fn hostile_command(words: &str) -> Command {
    let args = words.split(' ').map(str::to_owned).collect();
    Command { program: "hostile".to_owned(), args, capture: true, ..Command::default() }
}

pub fn path(text: &str) -> TargetPath {
    TargetPath::new(text).unwrap()
}

pub fn shell(script: &str) -> Command {
    Command {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        capture: true,
        ..Command::default()
    }
}

/// Runs a script in the target and gives what it said.
pub fn sh(worker: &mut Worker, script: &str) -> String {
    let output = run(worker, script);
    assert_eq!(output.status, 0, "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub fn run(worker: &mut Worker, script: &str) -> Output {
    worker.exec(&shell(script), &mut |_| ()).unwrap()
}

pub fn ignore(_: Line) {}

/// Names in the tree's root and whether a file is there.
pub fn names(target: &mut dyn Target, folder: &str) -> Vec<String> {
    target
        .walk(&Scope::all(), &path(folder), dibhost_tree::Walk::default(), None, 10_000)
        .unwrap()
        .into_iter()
        .map(|e| e.path.to_string())
        .collect()
}

/// On the real target and on its twin.
pub fn on_both(test: impl Fn(&mut dyn Workshop)) {
    on_twin(|target| test(target));
    on_worker(test);
}

pub fn on_worker(test: impl Fn(&mut dyn Workshop)) {
    let mut bench = start(None);
    test(&mut bench.worker);
    bench.worker.stop().unwrap();
}

pub fn on_twin(test: impl Fn(&mut SimulatedTarget)) {
    let answers = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
    let epoch = i64::try_from(EPOCH).unwrap();
    test(&mut SimulatedTarget::new(epoch, answers).unwrap());
}

/// A file of the tree, which is a text.
pub fn read(target: &mut (impl dibhost_tree::Tree + ?Sized), at: &str) -> String {
    let content = target.read(&Scope::all(), &path(at), 0, u64::MAX).unwrap();
    String::from_utf8(content).unwrap()
}
