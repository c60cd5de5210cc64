//! C: clang, LLVM's linker and a C library for WebAssembly. Bindings and component are made here.

use std::path::{Path, PathBuf};

use crate::error::AuthorError;
use crate::project::Project;
use crate::tool::{Ear, Tool, found, is_program};
use crate::{bindings, kit};

const HELP: &str = "on Debian `apt-get install --no-install-recommends clang lld wasi-libc`; elsewhere the packages of clang, LLVM's lld and wasi-libc (or set `WASI_SYSROOT` to the folder that has `include` and `lib`)";

/// The SDK's own folder: the project's, or that of the kit.
fn sdk(project: &Project, work: &Path) -> Result<PathBuf, AuthorError> {
    let own = project.folder.join("sdk/c");
    if own.join("dibhost.h").is_file() {
        return Ok(own);
    }
    let folder = work.join("sdk");
    kit::unpack("c", &folder)?;
    Ok(folder)
}

/// The linker: one on the `PATH`, else the newest of Debian's.
fn linker() -> Option<PathBuf> {
    found("wasm-ld").or_else(|| {
        let entries = std::fs::read_dir("/usr/lib").ok()?.flatten();
        let numbered = entries.filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("llvm-")?.parse::<u32>().ok()?;
            Some((number, entry.path().join("bin/wasm-ld"))).filter(|(_, path)| is_program(path))
        });
        numbered.max().map(|(_, path)| path)
    })
}

/// Where the C library's headers and its archive are.
fn library() -> Option<(PathBuf, PathBuf)> {
    let own = std::env::var_os("WASI_SYSROOT").map(PathBuf::from);
    let own = own.map(|root| (root.join("include/wasm32-wasi"), root.join("lib/wasm32-wasi")));
    let own = own.filter(|(_, library)| library.join("libc.a").is_file());
    let debian = (PathBuf::from("/usr/include/wasm32-wasi"), PathBuf::from("/usr/lib/wasm32-wasi"));
    own.or_else(|| Some(debian).filter(|(_, library)| library.join("libc.a").is_file()))
}

pub(super) fn build(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<Vec<u8>, AuthorError> {
    let missing = |what: &str| {
        AuthorError::failed(format!("there is no {what} for WebAssembly here")).help(HELP)
    };
    let clang = found("clang").ok_or_else(|| missing("C compiler"))?;
    let linker = linker().ok_or_else(|| missing("linker (`wasm-ld`)"))?;
    let (headers, library) = library().ok_or_else(|| missing("C library (`wasi-libc`)"))?;
    std::fs::create_dir_all(cache).map_err(|e| AuthorError::io("making", cache, &e))?;
    let work =
        tempfile::tempdir().map_err(|e| AuthorError::failed(format!("making a folder: {e}")))?;
    let made = work.path().join("bindings");
    let wit = work.path().join("wit");
    kit::unpack("wit", &wit)?;
    bindings::write(&wit, &made)?;
    let sdk = sdk(project, work.path())?;

    let own = project.sources.iter().map(|source| (project.folder.join(source), true));
    let sources: Vec<_> =
        own.chain([(sdk.join("dibhost.c"), true), (made.join("element.c"), false)]).collect();
    let mut objects = Vec::new();
    for (number, (source, ours)) in sources.iter().enumerate() {
        let object = work.path().join(format!("{number}.o"));
        let warnings: &[&str] =
            if *ours { &["-Wall", "-Wextra", "-Werror=return-type"] } else { &["-w"] };
        let tool = Tool::new(&clang)
            .args(["--target=wasm32-wasi", "-std=c11", "-Os", "-fno-ident", "-isystem"])
            .args([&headers])
            .args(warnings)
            .args([
                "-I".as_ref(),
                made.as_os_str(),
                "-I".as_ref(),
                sdk.as_os_str(),
                "-I".as_ref(),
                project.folder.as_os_str(),
            ])
            // No path of this machine is in a component.
            .args([format!("-ffile-prefix-map={}=/element", project.folder.display())])
            .args(["-c".as_ref(), source.as_os_str(), "-o".as_ref(), object.as_os_str()]);
        tool.within(&project.folder).run(ear)?;
        objects.push(object);
    }
    let module = work.path().join("element.module.wasm");
    let tool = Tool::new(linker)
        .args(["--no-entry", "--gc-sections", "--strip-debug", "-L"])
        .args([&library])
        .args(&objects)
        .args([made.join("element_component_type.o")])
        .args(["-lc", "-o"])
        .args([&module]);
    tool.run(ear)?;
    let module = std::fs::read(&module).map_err(|e| AuthorError::io("reading", &module, &e))?;
    bindings::component(&module)
}

pub(super) fn test(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<(), AuthorError> {
    let compiler = ["cc", "clang", "gcc"].into_iter().find_map(found).ok_or_else(|| {
        AuthorError::failed("there is no C compiler here").help("install clang or gcc")
    })?;
    std::fs::create_dir_all(cache).map_err(|e| AuthorError::io("making", cache, &e))?;
    let work =
        tempfile::tempdir().map_err(|e| AuthorError::failed(format!("making a folder: {e}")))?;
    let made = work.path().join("bindings");
    let wit = work.path().join("wit");
    kit::unpack("wit", &wit)?;
    bindings::write(&wit, &made)?;
    let sdk = sdk(project, work.path())?;
    let tests = project.folder.join("tests");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&tests)
        .map_err(|e| AuthorError::io("reading", &tests, &e))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(AuthorError::wrong(
            format!("there is no test in `{}`", tests.display()),
            "write one in C, with a `main` that ends with 0 when all is well",
        ));
    }
    for test in files {
        let program = work.path().join("test");
        let tool = Tool::new(&compiler)
            .args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra"])
            .args([
                "-I".as_ref(),
                made.as_os_str(),
                "-I".as_ref(),
                sdk.as_os_str(),
                "-I".as_ref(),
                project.folder.as_os_str(),
            ])
            .args([&test])
            .args(project.sources.iter().map(|source| project.folder.join(source)))
            .args([sdk.join("dibhost.c"), sdk.join("dibhost_test.c")])
            .args(["-o".as_ref(), program.as_os_str()]);
        tool.within(&project.folder).run(ear)?;
        let name = test.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ear(&format!("running {name}"));
        Tool::new(&program).within(&project.folder).run(ear)?;
        ear(&format!("ok {name}"));
    }
    Ok(())
}
