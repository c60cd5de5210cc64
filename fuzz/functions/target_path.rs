//! A path inside the image is normal, stays normal, and goes over the worker's socket unchanged.

use dibhost_tree::TargetPath;

pub(crate) fn target_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = TargetPath::new(text) else { return };
    let shown = path.as_str();
    assert!(shown.starts_with('/') && !shown.contains("//") && !shown.contains('\0'));
    assert!(shown == "/" || !shown.ends_with('/'));
    assert_eq!(TargetPath::new(shown).as_ref(), Ok(&path));
    if let Some((parent, name)) = path.split() {
        assert!(!name.is_empty() && !name.contains('/') && name != "..");
        assert_eq!(parent.join(name).as_ref(), Ok(&path));
    }
}
