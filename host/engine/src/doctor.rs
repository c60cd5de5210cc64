//! What a build needs of this machine, each tried by doing it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Hold, Program};
use dibhost_text::rounded_size;
use dibhost_tree::{
    Attributes, Change, HostLimits, HostPrograms as _, Ids, ProgramLimits, Scope, TargetError,
    TargetPath, Tree as _, Worker, WorkerOptions, can_give_network,
};

use crate::memory;
use crate::versions::asked;
use crate::work::{Clearing, SEEN, WorkFolder, open_cache};

/// Something that builds need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What, in a word or two.
    pub name: String,
    /// What for.
    pub purpose: &'static str,
    /// Whether no build does without.
    pub required: bool,
    /// What was found; else why it is not there, and what to do.
    pub found: Result<String, String>,
}

/// Programs, Debian's package of each, and what they are for; the first are for every build.
const PROGRAMS: [(&str, &str, &str, bool); 13] = [
    ("apt-get", "apt", "packages", true),
    ("dpkg-deb", "dpkg", "packages", true),
    ("mke2fs", "e2fsprogs", "ext4, which is the root's kind where nothing else is said", true),
    ("mkfs.xfs", "xfsprogs", "xfs", false),
    ("mkfs.btrfs", "btrfs-progs", "btrfs", false),
    ("mksquashfs", "squashfs-tools", "squashfs", false),
    ("mkfs.erofs", "erofs-utils", "erofs", false),
    ("cryptsetup", "cryptsetup-bin", "encryption", false),
    ("thin_restore", "thin-provisioning-tools", "thin volumes", false),
    ("dnf", "dnf", "images of Fedora, CentOS Stream, Rocky Linux, AlmaLinux", false),
    ("zypper", "zypper", "images of openSUSE", false),
    ("rpmkeys", "rpm", "images of RPM packages", false),
    ("git", "git", "what elements fetch of repositories", false),
];

/// Bytes of a tree that is tried.
const TREE: u64 = 64 << 20;

/// `cap_net_raw=ep`, as it is kept on disks.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Tries everything. `worker`: the program that becomes a tree's worker process, and its arguments.
pub fn examine(cache: &Path, worker: &(PathBuf, Vec<OsString>), cancel: &Cancel) -> Vec<Need> {
    let need = |name: &str, purpose, required, found| Need {
        name: name.to_owned(),
        purpose,
        required,
        found,
    };
    let mut needs = Vec::new();
    let folder = open_cache(cache).map_err(|failure| failure.to_string());
    let found = folder.as_ref().map(|folder| folder.display().to_string()).map_err(Clone::clone);
    needs.push(need("cache", "downloads, compiled elements, work folders", true, found));
    let ids = Ids::mapped();
    let told = ids.as_ref().map(told).map_err(ToString::to_string);
    needs.push(need("ids", "users of the image that are nobody on this machine", true, told));
    if let (Ok(folder), Ok(ids)) = (&folder, &ids) {
        needs.extend(tree(folder, worker, ids, cancel));
    }
    let alone = Hold::is_alone().then(|| "their own".to_owned());
    let shared = "the kernel gives none to who builds: such programs see all that who builds sees";
    let purpose =
        "what apt-get, git, gpgv and others see that talk to servers or read what those say";
    needs.push(need("namespaces", purpose, false, alone.ok_or_else(|| shared.to_owned())));
    let memory = memory::for_tree().map(|bytes| format!("up to {}", rounded_size(bytes)));
    let short = "there is not enough of it: trees lie on the disk, which takes longer".to_owned();
    needs.push(need("memory", "the tree", false, memory.ok_or(short)));
    let network = can_give_network();
    let network = network.map(|()| "pasta".to_owned()).map_err(|error| error.to_string());
    needs.push(need("network", "programs in the image that were granted it", false, network));
    for (program, package, purpose, required) in PROGRAMS {
        let said = asked(program).run(cancel);
        let found = said.map_err(|_| {
            format!("it is not installed or does not run: `sudo apt-get install {package}`")
        });
        let found = found.map(|said| {
            let said = [said.stdout, said.stderr].concat();
            String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
        });
        needs.push(need(program, purpose, required, found));
    }
    needs
}

fn told(ids: &Ids) -> String {
    match ids {
        Ids::Machine => "the machine's own: root of the image is root here".to_owned(),
        Ids::Mapped(map) => map.to_string(),
    }
}

/// A worker with a tree, as a build has it: namespaces, ids, a filesystem in memory, a capability, a
/// program of the builder, control groups.
fn tree(cache: &Path, worker: &(PathBuf, Vec<OsString>), ids: &Ids, cancel: &Cancel) -> Vec<Need> {
    let begun = begin(cache, worker, ids, cancel);
    let (tried, limits) = match begun {
        Ok((mut worker, _work)) => {
            let limits = worker.unlimited().map(str::to_owned);
            let tried = try_tree(&mut worker).map_err(|error| error.to_string());
            (tried, Some(limits))
        }
        Err(why) => (Err(why), None),
    };
    let tree = Need {
        name: "tree".to_owned(),
        purpose: "namespaces, owners, capabilities, programs that read it",
        required: true,
        found: tried,
    };
    let limits = limits.map(|unlimited| Need {
        name: "control groups".to_owned(),
        purpose: "limits of programs in the image; elements from elsewhere that start some need them",
        required: false,
        found: unlimited.map_or_else(|| Ok("memory and processes".to_owned()), Err),
    });
    std::iter::once(tree).chain(limits).collect()
}

fn begin(
    cache: &Path,
    worker: &(PathBuf, Vec<OsString>),
    ids: &Ids,
    cancel: &Cancel,
) -> Result<(Worker, WorkFolder), String> {
    let clearing = Clearing { worker: worker.clone(), ids: ids.clone() };
    let work = WorkFolder::create(&cache.join("work"), Some(clearing));
    let work = work.map_err(|error| format!("making a work folder in the cache: {error}"))?;
    let seen = work.path().join(SEEN);
    std::fs::create_dir(&seen).map_err(|error| format!("making `{}`: {error}", seen.display()))?;
    let options = WorkerOptions {
        program: worker.0.clone(),
        args: worker.1.clone(),
        work: seen,
        tmpfs: Some(TREE),
        source_date_epoch: 0,
        limits: ProgramLimits::default(),
        host: HostLimits::default(),
        ids: ids.clone(),
    };
    let worker = Worker::start(&options, cancel).map_err(|error| error.to_string())?;
    Ok((worker, work))
}

fn try_tree(worker: &mut Worker) -> Result<String, TargetError> {
    let path = TargetPath::new("/file").map_err(|e| TargetError::Invalid(e.to_string()))?;
    let attributes = Attributes {
        owner: Some("33".to_owned()),
        group: Some("65534".to_owned()),
        xattrs: vec![("security.capability".to_owned(), CAPABILITY.to_vec())],
        ..Attributes::default()
    };
    let write = Change::Write { path, content: Vec::new(), attributes };
    worker.apply(&Scope::all(), &[write])?;
    let program = Program::new("stat").args(["-c", "%u:%g"]).arg(worker.tree().join("file"));
    let said = worker.run_on_host(&program);
    let said = said.map_err(|error| TargetError::Unsupported(error.to_string()))?;
    if said.text().trim() != "33:65534" {
        let said = format!("a file of 33:65534 is of {} for a program", said.text().trim());
        return Err(TargetError::Unsupported(said));
    }
    Ok("all of them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_its_remedy() {
        let cache = tempfile::tempdir().unwrap();
        let nobody = (PathBuf::from("/nonexistent/dibhost"), Vec::new());
        let needs = examine(cache.path(), &nobody, &Cancel::new());
        let need = |name: &str| needs.iter().find(|need| need.name == name).unwrap();
        let why = need("tree").found.clone().unwrap_err();
        assert!(why.contains("/nonexistent/dibhost"), "{why}");
        assert!(need("tree").required);
        assert!(need("mke2fs").found.as_ref().unwrap().starts_with("mke2fs 1."));
        let left = std::fs::read_dir(cache.path().join("work")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".gate"]);
    }
}
