//! `dibhost block-device inspect`: what disks hold, without a build.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;

use dibhost_block_device::{InspectSecret, InspectedDisk};
use dibhost_sys::{SecretBytes, leave_no_core};
use dibhost_volumes::qcow2::{Qcow2Error, Qcow2Medium, is_qcow2};
use dibhost_volumes::{FileMedium, Medium};

use crate::cli::{BlockDeviceInspectArgs, DataFormat};
use crate::failure::Failure;

/// As a build takes them: keyfiles are far smaller, and what is larger is data.
const LARGEST_SECRET: usize = 64 << 10;

/// Shows what disks hold; fails, when it was shown, if something is damaged.
pub(crate) fn inspect(args: &BlockDeviceInspectArgs) -> Result<(), Failure> {
    if let Some(sector) = args.sector_size.filter(|sector| !matches!(sector, 512 | 4096)) {
        let help = "write `512` or `4096`";
        return Err(Failure::Wrong(format!("`--sector-size` is {sector}\n  help: {help}")));
    }
    let secrets = args.secrets.iter().map(|text| secret(text)).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    for path in &args.disks {
        let shown = path.display();
        let name = name_of(path);
        if !names.insert(name.clone()) {
            return Err(Failure::Wrong(format!(
                "two disks are called `{name}`\n  help: give each disk once, and name files apart"
            )));
        }
        let failed = |error| Failure::failed(format!("reading `{shown}`: {error}"));
        let file = File::open(path).map_err(failed)?;
        let kind = file.metadata().map_err(failed)?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(Failure::Wrong(format!(
                "`{shown}` is neither a file nor a block device\n  help: give a raw image, a qcow2 or a disk"
            )));
        }
        let sector = match kind.is_block_device() {
            true => Some(dibhost_sys::sector_size(&file).map_err(failed)?),
            false => args.sector_size,
        };
        files.push((name, file, sector));
    }
    let media = files
        .iter()
        .map(|(name, file, _)| {
            let failed = |error| Failure::failed(format!("reading `{name}`: {error}"));
            FileMedium::whole(file).map_err(failed)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let unpacked = files
        .iter()
        .zip(&media)
        .map(|((name, ..), medium)| {
            let failed = |error: Qcow2Error| Failure::failed(format!("reading `{name}`: {error}"));
            let packed = is_qcow2(medium).map_err(|error| failed(error.into()))?;
            packed.then(|| Qcow2Medium::new(medium)).transpose().map_err(failed)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let disks: Vec<_> = files
        .iter()
        .zip(media.iter().zip(&unpacked))
        .map(|((name, _, sector_size), (medium, unpacked))| InspectedDisk {
            name: name.clone(),
            medium: unpacked.as_ref().map_or(medium as &dyn Medium, |disk| disk),
            sector_size: *sector_size,
        })
        .collect();
    let found = dibhost_block_device::inspect(&disks, &secrets);
    match args.format {
        DataFormat::Text => super::show(&found.to_text())?,
        DataFormat::Json => super::show_json(&found)?,
    }
    if !found.has_problems() {
        return Ok(());
    }
    let damaged = found.nodes.iter().filter(|found| !found.problems.is_empty());
    let damaged: Vec<_> = damaged.map(|found| format!("`{}`", found.node.name)).collect();
    Err(Failure::Failed(format!("there are problems with {}", damaged.join(", "))))
}

/// A disk is called by its file.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let plain = [".raw", ".img", ".qcow2"].iter().find_map(|end| name.strip_suffix(end));
    plain.filter(|plain| !plain.is_empty()).map_or(name.clone(), str::to_owned)
}

/// `NAME=FILE`, every byte of the file.
fn secret(text: &str) -> Result<InspectSecret, Failure> {
    let parts = text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
    let Some((name, path)) = parts else {
        // What was typed may be the secret itself.
        return Err(Failure::wrong(
            "`--secret` is not of the form `NAME=FILE`\n  help: put the passphrase into a file that \
             only you can read, and name that",
        ));
    };
    let failed =
        |error| Failure::failed(format!("reading the secret `{name}` from `{path}`: {error}"));
    leave_no_core().map_err(failed)?;
    let mut file = File::open(path).map_err(failed)?;
    let bytes = SecretBytes::read_from(&mut file, LARGEST_SECRET).map_err(failed)?;
    Ok(InspectSecret { name: name.to_owned(), bytes: Arc::new(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_called_by_their_files() {
        for (path, name) in
            [("/a/root.raw", "root"), ("x.qcow2", "x"), ("/dev/sda", "sda"), (".raw", ".raw")]
        {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }

    #[test]
    fn a_secret_that_was_typed_is_not_repeated() {
        for text in ["hunter2", "hunter2=", "=hunter2"] {
            let Err(failure) = secret(text) else { panic!("{text} was taken") };
            assert!(!failure.message().contains("hunter2"), "{failure:?}");
        }
    }
}
