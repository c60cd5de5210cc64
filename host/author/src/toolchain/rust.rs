//! Rust: cargo, for `wasm32-wasip2`. rustup's target, or Debian's packages, which build the standard
//! library themselves.

use std::path::{Path, PathBuf};

use crate::error::AuthorError;
use crate::project::Project;
use crate::tool::{Ear, Tool, found, hold, is_program};

const TARGET: &str = "wasm32-wasip2";

/// The oldest compiler that the SDK can be built with.
const OLDEST: semver::Version = semver::Version::new(1, 95, 0);

const HELP: &str = "run `rustup target add wasm32-wasip2`, or on Debian `apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-19 wasi-libc`";

/// Settings of another build that are not this one's.
const OTHERS: [&str; 6] = [
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "CARGO_MANIFEST_DIR",
];

/// A cargo, and the compiler that belongs to it.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
}

impl Toolchain {
    /// The first that is new enough: the one on the `PATH`, that of rustup, Debian's.
    fn all(folder: &Path) -> Vec<Self> {
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        let rustup = home.map(|home| home.join("bin/cargo"));
        let mut cargos: Vec<PathBuf> = Vec::new();
        for cargo in [found("cargo"), rustup, Some("/usr/bin/cargo".into())].into_iter().flatten() {
            if !cargos.contains(&cargo) && is_program(&cargo) {
                cargos.push(cargo);
            }
        }
        let of = |cargo: PathBuf| {
            let rustc = cargo.with_file_name("rustc");
            is_program(&rustc).then_some(Self { cargo, rustc })
        };
        let new = |toolchain: &Self| {
            let said = Tool::new(&toolchain.rustc).args(["--version"]).within(folder).answer();
            let said = said.unwrap_or_default();
            let version = said.split_whitespace().nth(1).unwrap_or_default();
            semver::Version::parse(version).is_ok_and(|version| version >= OLDEST)
        };
        cargos.into_iter().filter_map(of).filter(new).collect()
    }

    fn sysroot(&self, folder: &Path) -> Option<PathBuf> {
        let said = Tool::new(&self.rustc).args(["--print", "sysroot"]).within(folder).answer()?;
        Some(PathBuf::from(said.trim()))
    }
}

/// The newest of the programs in a folder whose names begin so.
fn newest(folder: &str, name: &str, below: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let number = |file: &str| file.strip_prefix(name)?.parse::<u32>().ok();
    let numbered = entries.filter_map(|entry| {
        let path = entry.path().join(below);
        let path = if below.is_empty() { entry.path() } else { path };
        Some((number(entry.file_name().to_str()?)?, path)).filter(|(_, p)| is_program(p))
    });
    numbered.max().map(|(_, path)| path)
}

/// What a cargo needs to build for WebAssembly.
struct Way {
    cargo: PathBuf,
    flags: Vec<String>,
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, PathBuf)>,
    linkers: Option<PathBuf>,
}

fn way(folder: &Path, cache: &Path) -> Result<Way, AuthorError> {
    let toolchains = Toolchain::all(folder);
    for toolchain in &toolchains {
        let Some(sysroot) = toolchain.sysroot(folder) else { continue };
        let library = sysroot.join("lib/rustlib");
        if library.join(TARGET).is_dir() {
            return Ok(Way {
                cargo: toolchain.cargo.clone(),
                flags: Vec::new(),
                arguments: Vec::new(),
                environment: Vec::new(),
                linkers: None,
            });
        }
        let libc = Path::new("/usr/lib/wasm32-wasi");
        let sources = library.join("src/rust/library/Cargo.lock").is_file();
        let (Some(lld), Some(wasm_ld)) =
            (newest("/usr/bin", "lld-", ""), newest("/usr/lib", "llvm-", "bin/wasm-ld"))
        else {
            continue;
        };
        if toolchain.cargo.starts_with("/usr/bin") && sources && libc.is_dir() {
            // Debian's rustc calls its linker by the names that rustup's toolchains have.
            let links = cache.join("linkers");
            let link = |to: &Path, name: &str| {
                let path = links.join(name);
                let _ = std::fs::remove_file(&path);
                std::os::unix::fs::symlink(to, &path)
            };
            std::fs::create_dir_all(&links)
                .and_then(|()| link(&lld, "rust-lld"))
                .and_then(|()| link(&wasm_ld, "wasm-ld"))
                .map_err(|e| AuthorError::io("making", &links, &e))?;
            return Ok(Way {
                cargo: toolchain.cargo.clone(),
                flags: vec![format!("-L{}", libc.display())],
                arguments: vec!["-Zbuild-std=std,panic_abort"],
                environment: vec![
                    ("RUSTC", toolchain.rustc.clone()),
                    ("RUSTC_BOOTSTRAP", "1".into()),
                ],
                linkers: Some(links),
            });
        }
    }
    let message = if toolchains.is_empty() {
        format!("there is no Rust here of version {OLDEST} or newer")
    } else {
        format!("no Rust toolchain here builds for `{TARGET}`")
    };
    Err(AuthorError::failed(message).help(HELP))
}

pub(super) fn build(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<Vec<u8>, AuthorError> {
    let folder = &project.folder;
    let mine = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = mine.unwrap_or_else(|| cache.join("rust")).join("element");
    let _held = hold(&target)?;
    let way = way(folder, &target)?;
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
        .unwrap_or_default();
    // No path of this machine is in a component: the same sources are the same bytes.
    let flags: Vec<String> = way
        .flags
        .into_iter()
        .chain(
            [(&cargo_home, "/cargo"), (&target, "/target"), (folder, "/element")]
                .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())),
        )
        .collect();
    let mut tool = Tool::new(&way.cargo)
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .args([&target])
        .args(["--manifest-path".into(), folder.join("Cargo.toml")])
        .args(&way.arguments)
        .within(folder)
        .without(&OTHERS)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    for (name, value) in &way.environment {
        tool = tool.env(name, value);
    }
    if let Some(links) = way.linkers {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![links, "/usr/bin".into()];
        folders.extend(std::env::split_paths(&path));
        let path = std::env::join_paths(folders)
            .map_err(|e| AuthorError::failed(format!("a folder of `PATH` is odd: {e}")))?;
        tool = tool.env("PATH", path);
    }
    tool.run(ear)?;
    // Cargo knows no hyphens in the names of libraries.
    let file = format!("{}.wasm", project.name.replace('-', "_"));
    let made = target.join(TARGET).join("release").join(file);
    std::fs::read(&made).map_err(|e| AuthorError::io("reading", &made, &e))
}

pub(super) fn test(project: &Project, ear: Ear<'_>) -> Result<(), AuthorError> {
    let toolchains = Toolchain::all(&project.folder);
    let toolchain = toolchains.first().ok_or_else(|| {
        AuthorError::failed(format!("there is no Rust here of version {OLDEST} or newer"))
            .help(HELP)
    })?;
    let tool = Tool::new(&toolchain.cargo)
        .args(["test"])
        .within(&project.folder)
        .without(&OTHERS)
        .env("RUSTC", &toolchain.rustc);
    tool.run(ear).map(drop)
}
