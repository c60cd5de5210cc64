//! Names and versions of RPM packages.

use crate::error::PackageError;
use crate::words::{invalid, word};

/// A package's name, and nothing that a solver could take for more.
pub(crate) fn check_package(name: &str) -> Result<(), PackageError> {
    if word(name, b"+.-_") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no name of a package", name.escape_debug())))
}

/// A version, with its release or without, with its epoch or without; a `*` at its end is for any rest.
pub(crate) fn check_version(version: &str) -> Result<(), PackageError> {
    if word(version.strip_suffix('*').unwrap_or(version), b".+-:~^_") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no version of a package", version.escape_debug())))
}

/// A stream of a module: `NAME:STREAM`.
pub(crate) fn check_module(module: &str) -> Result<(&str, &str), PackageError> {
    match module.split_once(':') {
        Some((name, stream)) if word(name, b"+.-_") && word(stream, b"+.-_") => Ok((name, stream)),
        _ => Err(invalid(format!(
            "`{}` is no stream of a module; it is written `NAME:STREAM`",
            module.escape_debug()
        ))),
    }
}

/// Architectures that packages are built for; beside them there is `noarch`.
pub(crate) fn check_arch(arch: &str) -> Result<(), PackageError> {
    if word(arch, b"_") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no architecture", arch.escape_debug())))
}

/// What a package's file is called: its epoch is not in it.
pub(crate) fn file_name(name: &str, version: &str, arch: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    format!("{name}-{version}.{arch}.rpm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_nothing_else() {
        for good in ["gcc-c++", "python3.11", "glibc", "0ad", "libX11", "perl_x"] {
            check_package(good).unwrap();
        }
        for bad in ["", "-y", "@core", "*", "bash*", "a b", "/usr/bin/sh", "libc.so.6()(64bit)"] {
            assert!(check_package(bad).is_err(), "{bad}");
        }
        for good in ["1", "1:2.3-4.el9", "1.0~rc1^git5-1.fc44", "5.14.*"] {
            check_version(good).unwrap();
        }
        assert!(check_version("*").is_err() && check_version("1 2").is_err());
        assert_eq!(check_module("perl:5.32").unwrap(), ("perl", "5.32"));
        for bad in ["perl", "perl:", ":1", "perl:5/x", "perl:../x"] {
            assert!(check_module(bad).is_err(), "{bad}");
        }
        assert!(check_arch("x86_64").is_ok() && check_arch("x86/64").is_err());
        assert_eq!(file_name("vim", "2:9.0-1", "x86_64"), "vim-9.0-1.x86_64.rpm");
    }
}
