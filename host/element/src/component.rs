//! From bytes to a component: what a file is, what it imports, native code of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;

use dibhost_check::Check;
use dibhost_plan::planner::ElementFailure;
use dibhost_sys::Program;
use semver::Version;
use wasmtime::component::Component;

use crate::apart::{self, Compiled};
use crate::bindings::ElementPre;
use crate::engine::{Compiler, Runtime, Runtimes};
use crate::limits::LoadLimits;
use crate::state::State;
use crate::trusted::TrustedFolder;
use dibhost_text::harmless;

/// The version of the contract this host speaks.
pub(crate) const CONTRACT: Version = Version::new(0, 1, 0);
/// The package of the contract.
const PACKAGE: &str = "dib:element";

/// A component, compiled and linked.
pub(crate) struct Code {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) element: ElementPre<State>,
    pub(crate) examined: Examined,
}

/// What a component imports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examined {
    /// Interfaces of the contract, without the package and the version: `rootfs`.
    pub(crate) imports: Vec<String>,
    /// All others: `wasi:cli/stderr@0.2.6`.
    pub(crate) others: Vec<String>,
}

/// Refuses what is no component, by its first bytes; nothing is parsed yet.
pub(crate) fn refuse_others(bytes: &[u8], shown: &str) -> Result<(), ElementFailure> {
    // `\0asm`, then 16 bits of version and 16 bits of layer.
    if !Check::ComponentOnly.holds() {
        return Ok(());
    }
    let (what, help) = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0x7f, b'E', b'L', b'F', ..] => (
            "is native code (ELF), or was compiled by wasmtime already",
            "compiled code can do anything, so it is taken from this host's own cache only; give the `.wasm` it was made of",
        ),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => (
            "is a core WebAssembly module and no component",
            "build it for `wasm32-wasip2`, or make a component of it with `wasm-tools component new`",
        ),
        [0, b'a', b's', b'm', ..] => (
            "is a component of a version that this host does not know",
            "build it with a toolchain of the time of this host",
        ),
        _ => (
            "is no WebAssembly component",
            "an element is a `.wasm` file built for `wasm32-wasip2`",
        ),
    };
    Err(ElementFailure::new(format!("`{shown}` {what}")).with_help(help))
}

/// Makes code of components, or takes it from the cache.
pub(crate) struct Loader {
    runtimes: Runtimes,
    compiler: Compiler,
    pub(crate) folder: Option<TrustedFolder>,
    compiled: AtomicUsize,
    limits: LoadLimits,
    /// What compiles, apart from this process; none: this process.
    apart: Option<Program>,
}

impl Loader {
    pub(crate) fn new(
        compiler: Compiler,
        folder: Option<TrustedFolder>,
        limits: LoadLimits,
        apart: Option<Program>,
    ) -> Self {
        let (runtimes, compiled) = (Runtimes::default(), AtomicUsize::new(0));
        Self { runtimes, compiler, folder, compiled, limits, apart }
    }

    /// How many components were compiled, as opposed to taken from the cache.
    pub(crate) fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// Code of the component `bytes`, whose digest is `digest`; `metered` code counts what it
    /// does.
    pub(crate) fn load(
        &self,
        bytes: &[u8],
        digest: &str,
        shown: &str,
        metered: bool,
    ) -> Result<Code, ElementFailure> {
        if let Some(code) = self.kept(digest, shown, metered)? {
            return Ok(code);
        }
        let mut refused = None;
        for &compiler in self.compilers() {
            let runtime = self.runtime(compiler, metered)?;
            match self.compile(&runtime, bytes, shown)? {
                Compiled::Code(code) => {
                    self.compiled.fetch_add(1, Ordering::Relaxed);
                    if let Some(folder) = &self.folder {
                        folder.write(&file_name(&runtime, digest), &code)?;
                    }
                    let component = own_code(&runtime, &code, shown)?;
                    return link(runtime, &component, shown);
                }
                Compiled::Refused(why) => refused = Some(why),
            }
        }
        let why = refused.map(|why| format!(": {}", harmless(&why, 1000)));
        Err(ElementFailure::new(format!(
            "`{shown}` is no sound component{}",
            why.unwrap_or_default()
        )))
    }

    /// The code of a component that was compiled before: its bytes are not needed for that.
    pub(crate) fn kept(
        &self,
        digest: &str,
        shown: &str,
        metered: bool,
    ) -> Result<Option<Code>, ElementFailure> {
        // What Winch refused before is in the cache as Cranelift's.
        for &compiler in self.compilers() {
            if let Some((runtime, component)) = self.cached(compiler, metered, digest)? {
                return link(runtime, &component, shown).map(Some);
            }
        }
        Ok(None)
    }

    /// Compiles apart from this process where there is a program for it, else on a thread of its own,
    /// which cannot be stopped: after too long it is left to itself, and ends with the process.
    fn compile(
        &self,
        runtime: &Runtime,
        bytes: &[u8],
        shown: &str,
    ) -> Result<Compiled, ElementFailure> {
        let here = |code: wasmtime::Result<Vec<u8>>| match code {
            Ok(code) => Compiled::Code(code),
            Err(error) => Compiled::Refused(format!("{error:#}")),
        };
        if !Check::CompileTime.holds() {
            return Ok(here(runtime.engine.precompile_component(bytes)));
        }
        if let Some(program) = self.apart.as_ref().filter(|_| Check::CompileMemory.holds()) {
            let settings = (runtime.compiler, runtime.metered);
            return apart::compile(program, settings, bytes, &self.limits, shown);
        }
        let (engine, bytes) = (runtime.engine.clone(), bytes.to_vec());
        let (answer, wait) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let _ = answer.send(engine.precompile_component(&bytes));
        });
        match wait.recv_timeout(self.limits.compile) {
            Ok(compiled) => Ok(here(compiled)),
            Err(RecvTimeoutError::Timeout) => Err(apart::too_long(self.limits.compile, shown)),
            Err(RecvTimeoutError::Disconnected) => {
                Ok(Compiled::Refused("the compiler itself failed".to_owned()))
            }
        }
    }

    fn compilers(&self) -> &'static [Compiler] {
        match self.compiler {
            Compiler::Winch => &[Compiler::Winch, Compiler::Cranelift],
            Compiler::Cranelift => &[Compiler::Cranelift],
        }
    }

    fn runtime(&self, compiler: Compiler, metered: bool) -> Result<Arc<Runtime>, ElementFailure> {
        self.runtimes.get(compiler, metered).map_err(|error| {
            let name = compiler.name();
            ElementFailure::new(format!("starting wasmtime with {name} failed: {error:#}"))
        })
    }

    fn cached(
        &self,
        compiler: Compiler,
        metered: bool,
        digest: &str,
    ) -> Result<Option<(Arc<Runtime>, Component)>, ElementFailure> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let runtime = self.runtime(compiler, metered)?;
        let name = file_name(&runtime, digest);
        if !folder.has(&name) {
            return Ok(None);
        }
        let path = folder.path_of(&name);
        #[expect(
            unsafe_code,
            reason = "wasmtime runs what this file says; only our own code writes the folder"
        )]
        // SAFETY: the file lies in a folder that `TrustedFolder` found to be ours alone (mode
        // 0700, the effective user's, not a link, held by descriptor), under a name that only
        // `keep` writes, whole, by rename, and never changes afterwards.
        let component = unsafe { Component::deserialize_file(&runtime.engine, &path) };
        // One that does not fit (which its name should tell) is compiled again and replaced.
        Ok(component.ok().map(|component| (runtime, component)))
    }
}

/// Code that was just compiled, of this version and these settings.
fn own_code(runtime: &Runtime, code: &[u8], shown: &str) -> Result<Component, ElementFailure> {
    #[expect(
        unsafe_code,
        reason = "wasmtime runs what these bytes say; our own compiler wrote them"
    )]
    // SAFETY: they come of wasmtime's compiler, in this process or in one of this same program that
    // nobody else can write to or speaks for.
    let component = unsafe { Component::deserialize(&runtime.engine, code) };
    component.map_err(|e| ElementFailure::new(format!("taking up the code of `{shown}`: {e:#}")))
}

fn file_name(runtime: &Runtime, digest: &str) -> String {
    let digest = digest.replace(':', "-");
    format!("{digest}.{}-{}.cwasm", runtime.compiler.name(), runtime.compatibility)
}

fn link(runtime: Arc<Runtime>, component: &Component, shown: &str) -> Result<Code, ElementFailure> {
    let examined = examine(&runtime, component, shown)?;
    let failed = |error: wasmtime::Error| {
        ElementFailure::new(format!(
            "`{shown}` does not fit the contract {PACKAGE}@{CONTRACT} of this host: {}",
            harmless(&format!("{error:#}"), 1000)
        ))
        .with_help("build the element against the contract in `wit/` of this host")
    };
    let linked = runtime.linker.instantiate_pre(component).map_err(failed)?;
    let element = ElementPre::new(linked).map_err(failed)?;
    Ok(Code { runtime, element, examined })
}

/// Reads the names of imports and exports, so that what does not fit is said in our own words.
fn examine(
    runtime: &Runtime,
    component: &Component,
    shown: &str,
) -> Result<Examined, ElementFailure> {
    let kind = component.component_type();
    let imports: Vec<_> = kind.imports(&runtime.engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<_> = kind.exports(&runtime.engine).map(|(name, _)| name.to_owned()).collect();
    judge(imports, &exports, shown)
}

fn judge(
    imports: Vec<String>,
    exports: &[String],
    shown: &str,
) -> Result<Examined, ElementFailure> {
    for name in imports.iter().chain(exports) {
        if let Some((_, version)) = of_contract(name)
            && !speaks(version)
        {
            return Err(ElementFailure::new(format!(
                "`{shown}` was made for {PACKAGE} {}, this host speaks {}",
                minor(version),
                minor(&CONTRACT.to_string())
            ))
            .with_help(
                "build it against the contract of this host, or use the host it was made for",
            ));
        }
    }
    for interface in ["metadata", "lifecycle"] {
        if !exports.iter().filter_map(|e| of_contract(e)).any(|(name, _)| name == interface) {
            return Err(ElementFailure::new(format!(
                "`{shown}` is a component but no element: it does not export `{PACKAGE}/{interface}`"
            )));
        }
    }
    let mut examined = Examined::default();
    for name in imports {
        match of_contract(&name) {
            Some((interface, _)) => examined.imports.push(interface.to_owned()),
            None if is_wasi(&name) || !Check::ImportKnown.holds() => examined.others.push(name),
            None => {
                return Err(ElementFailure::new(format!(
                    "`{shown}` imports `{}`, which this host does not offer",
                    harmless(&name, 200)
                ))
                .with_help("an element gets the interfaces of `dib:element` and inert WASI 0.2 (cli, clocks, filesystem, io, random, sockets)"));
            }
        }
    }
    examined.imports.sort();
    examined.others.sort();
    Ok(examined)
}

/// Interface and version of a name of the contract: `dib:element/host@0.1.0`.
fn of_contract(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// A minor version of `0.x` is what a major one is later; a newer patch adds functions only, and
/// whether the ones used are there is seen when linking.
fn speaks(version: &str) -> bool {
    Version::parse(version)
        .is_ok_and(|v| v.major == CONTRACT.major && v.minor == CONTRACT.minor && v.pre.is_empty())
}

fn minor(version: &str) -> String {
    match Version::parse(version) {
        Ok(v) => format!("{}.{}", v.major, v.minor),
        Err(_) if version.is_empty() => "without a version".to_owned(),
        Err(_) => harmless(version, 40),
    }
}

fn is_wasi(name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else { return false };
    let packages =
        ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];
    packages.contains(&package) && rest.contains("@0.2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn what_is_no_component_is_named() {
        let said = |bytes: &[u8]| refuse_others(bytes, "x.wasm").unwrap_err().message;
        assert!(said(b"\x7fELF\x02\x01").contains("ELF"));
        assert!(said(b"\0asm\x01\0\0\0").contains("core WebAssembly module"));
        assert!(said(b"\0asm\x0a\0\x01\0").contains("version that this host does not know"));
        assert!(said(b"(component)").contains("is no WebAssembly component"));
        assert!(said(b"").contains("is no WebAssembly component"));
        assert!(refuse_others(b"\0asm\x0d\0\x01\0", "x.wasm").is_ok());
    }

    #[test]
    fn another_minor_version_is_refused_and_another_patch_is_not() {
        let exports = |v: &str| {
            names(&[&format!("dib:element/metadata@{v}"), &format!("dib:element/lifecycle@{v}")])
        };
        assert!(judge(vec![], &exports("0.1.0"), "x").is_ok());
        assert!(judge(vec![], &exports("0.1.7"), "x").is_ok());
        let said = judge(vec![], &exports("0.2.0"), "x").unwrap_err().message;
        assert_eq!(said, "`x` was made for dib:element 0.2, this host speaks 0.1");
    }

    #[test]
    fn imports_are_told_apart() {
        let exports = names(&["dib:element/metadata@0.1.0", "dib:element/lifecycle@0.1.0"]);
        let imports = names(&["wasi:io/error@0.2.6", "dib:element/rootfs@0.1.0"]);
        let examined = judge(imports, &exports, "x").unwrap();
        assert_eq!(examined.imports, ["rootfs"]);
        assert_eq!(examined.others, ["wasi:io/error@0.2.6"]);
        let said = judge(names(&["wasi:http/types@0.2.0"]), &exports, "x").unwrap_err().message;
        assert!(said.contains("`wasi:http/types@0.2.0`"), "{said}");
        let said = judge(vec![], &exports[..1], "x").unwrap_err().message;
        assert!(said.contains("dib:element/lifecycle"), "{said}");
    }
}
