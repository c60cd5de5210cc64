//! Layers that are made again beside those that are kept: whether a key forgot something.

use dibhost_image::Output as ImageFile;
use dibhost_layers::layer::{Limits, Manifest, ManifestError, Otherwise, differing};
use dibhost_text::quoted_list;
use dibhost_tree::{Scope, TargetPath, Tree};

use crate::failure::BuildFailure;

/// So many paths are told of an action.
const TOLD: usize = 5;

/// So many are looked at: what a later action removes is of no matter.
const LOOKED_AT: usize = 200;

/// What was made again in this build, and what of it came out otherwise.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Nothing in the image is younger, in seconds since 1970.
    youngest: i64,
    /// Layers that were kept of the same, and are made again.
    compared: usize,
    /// By the name of the action: paths, none of them where it brought something else to light.
    otherwise: Vec<(String, Vec<Otherwise>)>,
}

impl Checked {
    pub(crate) fn new(youngest: i64) -> Self {
        Self { youngest, compared: 0, otherwise: Vec::new() }
    }

    /// Compares the manifest of what an action made with the one that is kept of it.
    pub(crate) fn compare(
        &mut self,
        action: &str,
        kept: &[u8],
        made: &[u8],
    ) -> Result<(), ManifestError> {
        let manifest = |bytes: &[u8]| Manifest::decode(bytes, &Limits::default());
        let paths = differing(&manifest(kept)?, &manifest(made)?, self.youngest, LOOKED_AT);
        self.compared += 1;
        if !paths.is_empty() {
            self.otherwise.push((action.to_owned(), paths));
        }
        Ok(())
    }

    /// It brought to light what it did not before.
    pub(crate) fn observed_otherwise(&mut self, action: &str) {
        self.otherwise.push((action.to_owned(), Vec::new()));
    }

    /// What is told when the image files are those of before.
    pub(crate) fn is_well(&self) -> String {
        let layers = match self.compared {
            0 => "no layer was kept of it".to_owned(),
            1 => "it has one layer".to_owned(),
            n => format!("it has {n} layers"),
        };
        format!("made again, the image is what it was; {layers}")
    }

    /// Fails where the image files are not those that an earlier build made of the very same.
    pub(crate) fn judge(
        &self,
        before: &[ImageFile],
        now: &[ImageFile],
        tree: &mut dyn Tree,
    ) -> Result<(), BuildFailure> {
        let sums = |files: &[ImageFile]| {
            let mut sums: Vec<_> = files.iter().map(|f| (f.format, f.sha256.clone())).collect();
            sums.sort();
            sums
        };
        if sums(before) == sums(now) {
            return Ok(());
        }
        let mut said = Vec::new();
        for (action, paths) in &self.otherwise {
            let there: Vec<_> = paths.iter().filter(|path| is_there(tree, path)).collect();
            let told = there.iter().take(TOLD).map(|o| String::from_utf8_lossy(&o.path));
            match (there.len().saturating_sub(TOLD), quoted_list(told)) {
                _ if paths.is_empty() => {
                    said.push(format!("`{action}` brought something else to light"));
                }
                (_, told) if told.is_empty() => {}
                (0, told) => said.push(format!("`{action}` made {told} otherwise")),
                (n, told) => said.push(format!("`{action}` made {told} and {n} more otherwise")),
            }
        }
        let who = match said.as_slice() {
            [] => "no layer that was kept tells which action made it so".to_owned(),
            said => said.join("; "),
        };
        let why = format!("made again of the very same, the image is another: {who}");
        Err(BuildFailure::new(why).with_help(
            "what it reads is in no key: a clock, a random number, the network or the builder. \
             Give it that as a parameter or an input, or have what it makes not depend on it",
        ))
    }
}

/// Whether it may be in the finished tree as that action made it: what is gone or of another size is
/// what a later action made.
fn is_there(tree: &mut dyn Tree, made: &Otherwise) -> bool {
    let path = std::str::from_utf8(&made.path).ok().and_then(|path| TargetPath::new(path).ok());
    // What cannot be asked for is told.
    let Some(Ok(stat)) = path.map(|path| tree.stat(&Scope::all(), &path)) else { return true };
    stat.is_some_and(|stat| made.size.is_none_or(|size| size == stat.size))
}
