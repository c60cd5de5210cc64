//! The repositories that an image finds more packages by. Those of the distribution itself come with the
//! package that says which release it is; here are those on top.

use dibhost_tree::{Attributes, Change, Scope, Target};

use super::build::Build;
use super::programs::path;
use crate::error::PackageError;
use crate::manager::PackageSource;

const KEYS: &str = "/etc/pki/rpm-gpg";

impl Build {
    /// Writes them into the folder that the tree's own package manager looks into.
    pub(crate) fn write_image_sources(
        &self,
        tree: &mut dyn Target,
        repositories: &'static str,
    ) -> Result<(), PackageError> {
        let mut changes = Vec::new();
        for source in self.sources.iter().filter(|source| of_an_image(source)) {
            let unsigned = self.repository(&source.name).is_some_and(|r| r.unsigned_index);
            for (folder, name, text) in files_of(source, unsigned, repositories) {
                let attributes = Attributes::default();
                changes.push(Change::MakeDirectory { path: path(folder)?, attributes });
                let (path, content) = (path(&format!("{folder}/{name}"))?, text.into_bytes());
                changes.push(Change::Write { path, content, attributes: Attributes::default() });
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        Ok(tree.apply(&Scope::own(), &changes)?)
    }
}

/// A folder of the builder is nothing that the image could reach, and what only the build may use
/// is nothing that it should.
fn of_an_image(source: &PackageSource) -> bool {
    !source.build_only && !["file:", "copy:"].iter().any(|local| source.url.starts_with(local))
}

/// Folder, name and text of each file. Its address has the release and the architecture open still, for
/// what the image will be.
fn files_of(
    source: &PackageSource,
    unsigned: bool,
    repositories: &'static str,
) -> [(&'static str, String, String); 2] {
    let name = &source.name;
    let key = format!("RPM-GPG-KEY-{name}");
    let url = source.url.trim_end_matches('/');
    let priority = source.priority.map_or(String::new(), |p| format!("priority={p}\n"));
    let cost = source.cost.map_or(String::new(), |cost| format!("cost={cost}\n"));
    let hotfixes = if source.module_hotfixes { "module_hotfixes=1\n" } else { "" };
    let signed = i32::from(!unsigned);
    let text = format!(
        "[{name}]\nname={name}\nbaseurl={url}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck={signed}\n\
         gpgkey=file://{KEYS}/{key}\n{priority}{cost}{hotfixes}"
    );
    [(KEYS, key, format!("{}\n", source.key.trim())), (repositories, format!("{name}.repo"), text)]
}
