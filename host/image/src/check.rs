//! What can be known about an output before a build, which takes a minute and root.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::ImageError;

/// Checks that a file can be put at `path`: its folder is there and can be written, and what may be
/// at `path` is a file that can be replaced.
///
/// # Errors
/// A sentence that says what is wrong with it and what to do.
pub fn check_output(path: &Path) -> Result<(), ImageError> {
    let refuse = |problem: &str, help: &str| Err(ImageError::output(path, problem, help));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    match name {
        None => return refuse("is not the name of a file", "write a path that ends with a name"),
        Some(name) if name.chars().any(char::is_control) => {
            return refuse("has a control character in its name", "choose another name");
        }
        Some(_) => {}
    }
    match fs::symlink_metadata(path) {
        Ok(stat) if stat.is_symlink() => {
            let help = "remove it, or write the name of what it leads to";
            return refuse("is a symbolic link, and this would replace it", help);
        }
        Ok(stat) if stat.is_dir() => {
            return refuse("is a folder", "write the name of a file in it");
        }
        Ok(stat) if stat.file_type().is_block_device() => {
            let help = "write an image file and copy that, or use the back-end for devices";
            return refuse("is a block device, and this would replace its node", help);
        }
        Ok(stat) if !stat.is_file() => {
            return refuse("is a device, pipe or socket", "write the name of a file");
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return refuse(&format!("cannot be looked at ({error})"), "choose another place");
        }
    }
    let folder = folder_of(path);
    let refuse = |problem: &str, help: &str| Err(ImageError::output(path, problem, help));
    match fs::metadata(folder) {
        Ok(stat) if !stat.is_dir() => {
            return refuse(
                &format!("cannot be in {}, which is no folder", folder.display()),
                "choose a folder",
            );
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let problem = format!("cannot be written: there is no folder {}", folder.display());
            return refuse(&problem, "make the folder first");
        }
        Err(error) => {
            let problem = format!("cannot be written: {} ({error})", folder.display());
            return refuse(&problem, "choose another folder");
        }
    }
    // Permission bits say nothing to root, and nothing of read-only filesystems: try it. The file
    // has no name, or none any more.
    if let Err(error) = tempfile::tempfile_in(folder) {
        let problem = format!("cannot be written: the folder {} ({error})", folder.display());
        return refuse(&problem, "choose a folder that you may write to");
    }
    Ok(())
}

/// The folder of a file; the current one for a name alone.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        check_output(path).unwrap_err().to_string()
    }

    #[test]
    fn outputs_that_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(check_output(&at("image.qcow2")).is_ok());
        assert!(check_output(Path::new("image.qcow2")).is_ok());
        assert!(refused(folder.path()).contains("is a folder"));
        assert!(refused(&at("none/image.qcow2")).contains("there is no folder"));
        fs::write(at("file"), "").unwrap();
        assert!(check_output(&at("file")).is_ok());
        assert!(refused(&at("file/image")).contains("file/image"));
        assert!(refused(Path::new("/dev/null")).contains("device"));
        assert!(refused(Path::new("/")).contains("name"));
        assert!(refused(Path::new("/proc/image.qcow2")).contains("/proc"));
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        assert!(refused(&at("link")).contains("is a symbolic link"));
        assert!(refused(&at("a\nb")).contains("control character"));
    }
}
