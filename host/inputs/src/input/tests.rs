use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A folder with a file, a folder, a link that leads out, and what is set.
fn folder() -> (TempDir, PathBuf) {
    let top = TempDir::new().unwrap();
    let folder = top.path().join("site");
    std::fs::create_dir_all(folder.join("etc")).unwrap();
    std::fs::write(top.path().join("outside"), "outside").unwrap();
    std::fs::write(folder.join("etc/motd"), "hello").unwrap();
    std::fs::write(folder.join("empty"), "").unwrap();
    symlink("../outside", folder.join("link")).unwrap();
    let set = |path: &str, mode: u32| {
        let bits = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.join(path), bits).unwrap();
    };
    set("etc", 0o775);
    set("etc/motd", 0o664);
    set("empty", 0o4711);
    (top, folder)
}

fn open(name: &str, path: &Path) -> Result<Input, InputError> {
    Input::open(name, path, &mut Known::default())
}

fn shown(input: &Input) -> Vec<String> {
    let each = input.manifest().nodes().iter();
    each.map(|(path, node)| format!("{path} {} {:04o}", node.kind.name(), node.mode)).collect()
}

fn whole(input: &Input, path: &str, piece: usize) -> Result<Vec<Vec<u8>>, Changed> {
    let mut pieces = Vec::new();
    input.hand_on(path, piece, |content| {
        pieces.push(content);
        Ok::<_, Changed>(())
    })?;
    Ok(pieces)
}

#[test]
fn a_folder_is_its_paths_kinds_modes_contents_and_links() {
    let (_top, path) = folder();
    let input = open("site", &path).unwrap();
    assert_eq!(
        shown(&input),
        ["empty file 4711", "etc directory 0755", "etc/motd file 0644", "link symlink 0000"]
    );
    assert_eq!((input.manifest().size(), input.manifest().is_file()), (5, false));
    let NodeKind::Symlink { to } = &input.manifest().nodes()["link"].kind else { panic!() };
    assert_eq!(to, "../outside");
    // Where it lies and how a checkout's umask was is nothing to it.
    let (_other, again) = folder();
    let bits = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(again.join("etc/motd"), bits).unwrap();
    let again = open("other", &again).unwrap();
    assert_eq!(again.manifest().digest(), input.manifest().digest());
    std::fs::write(path.join("etc/motd"), "HELLO").unwrap();
    let other = open("site", &path).unwrap();
    assert_ne!(other.manifest().digest(), input.manifest().digest());
}

#[test]
fn a_file_is_one_node_and_a_link_to_it_is_as_good() {
    let (top, path) = folder();
    let link = top.path().join("here");
    symlink(path.join("etc/motd"), &link).unwrap();
    let input = open("motd", &link).unwrap();
    assert_eq!(shown(&input), [" file 0644"]);
    assert!(input.manifest().is_file());
    assert_eq!(input.read("", 1, 3).unwrap(), b"ell");
    assert_eq!(whole(&input, "", 2).unwrap(), [&b"he"[..], b"ll", b"o"]);
}

#[test]
fn a_file_is_read_in_pieces_and_not_beyond_its_end() {
    let (_top, path) = folder();
    let input = open("site", &path).unwrap();
    assert_eq!(input.read("etc/motd", 0, usize::MAX).unwrap(), b"hello");
    assert_eq!(input.read("etc/motd", 4, 100).unwrap(), b"o");
    assert_eq!(input.read("etc/motd", 9, 100).unwrap(), b"");
    assert_eq!(whole(&input, "empty", 8).unwrap(), [Vec::<u8>::new()]);
    assert_eq!(whole(&input, "etc/motd", 5).unwrap(), [b"hello".to_vec()]);
}

#[test]
fn what_changed_since_is_told() {
    let (_top, path) = folder();
    let input = open("site", &path).unwrap();
    let motd = path.join("etc/motd");
    // Written anew with the same content: it is what it was.
    std::fs::remove_file(&motd).unwrap();
    std::fs::write(&motd, "hello").unwrap();
    assert_eq!(input.read("etc/motd", 0, 5).unwrap(), b"hello");
    assert_eq!(whole(&input, "etc/motd", 5).unwrap(), [b"hello".to_vec()]);
    for (content, how) in [
        (Some("hellO"), "changed"),
        (Some("hello!"), "changed"),
        (Some(""), "changed"),
        (None, "went away"),
    ] {
        match content {
            Some(content) => std::fs::write(&motd, content).unwrap(),
            None => std::fs::remove_file(&motd).unwrap(),
        }
        let changed = input.read("etc/motd", 0, 5).unwrap_err();
        assert_eq!(
            changed.to_string(),
            format!("`etc/motd` of the input `site` {how} since the image was planned")
        );
        assert_eq!(whole(&input, "etc/motd", 2).unwrap_err(), changed);
    }
}

#[test]
fn the_last_piece_of_what_changed_is_not_handed_on() {
    let (_top, path) = folder();
    let input = open("site", &path).unwrap();
    std::fs::write(path.join("etc/motd"), "hexlo").unwrap();
    let mut got = Vec::new();
    let end = input.hand_on("etc/motd", 2, |content| {
        got.extend(content);
        Ok::<_, Changed>(())
    });
    assert!(end.is_err());
    assert_eq!(got, b"hexl");
}

#[test]
fn what_leads_out_of_it_is_not_followed_though_it_came_later() {
    let (top, path) = folder();
    let input = open("site", &path).unwrap();
    std::fs::create_dir(top.path().join("elsewhere")).unwrap();
    std::fs::write(top.path().join("elsewhere/motd"), "hello").unwrap();
    std::fs::remove_dir_all(path.join("etc")).unwrap();
    symlink("../elsewhere", path.join("etc")).unwrap();
    assert_eq!(input.read("etc/motd", 0, 5).unwrap_err().how, "went away");
    std::fs::remove_file(path.join("etc")).unwrap();
    std::fs::create_dir(path.join("etc")).unwrap();
    symlink("../../outside", path.join("etc/motd")).unwrap();
    assert!(input.read("etc/motd", 0, 5).is_err());
}

#[test]
fn what_is_no_file_folder_or_link_is_refused() {
    let (_top, path) = folder();
    let pipe = path.join("etc/pipe");
    fs::mknodat(fs::CWD, &pipe, fs::FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let refused = open("site", &path).unwrap_err().to_string();
    assert_eq!(
        refused,
        "has `etc/pipe` in it, which is a pipe: an input has files, folders and links only"
    );
    // A pipe as the input itself does not wait for who writes into it.
    assert!(open("pipe", &pipe).unwrap_err().to_string().contains("is a pipe"));
    assert!(open("null", Path::new("/dev/null")).unwrap_err().to_string().contains("device"));
    std::fs::remove_file(pipe).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(path.join("s")).unwrap();
    assert!(open("site", &path).unwrap_err().to_string().contains("is a socket"));
    drop(listener);
    let missing = open("site", &path.join("nowhere")).unwrap_err().to_string();
    assert!(missing.ends_with("nowhere`: No such file or directory"), "{missing}");
}

#[test]
fn names_that_no_manifest_can_tell_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    for (name, why) in [(&b"a\xff"[..], "is no UTF-8"), (b"a\nb", "has a control character")] {
        let (_top, path) = folder();
        std::fs::write(path.join("etc").join(OsStr::from_bytes(name)), "").unwrap();
        let refused = open("site", &path).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains('\n'), "{refused}");
    }
}

#[test]
fn an_input_has_its_bounds() {
    let (_top, path) = folder();
    let within = |nodes, bytes, depth| {
        Input::open_within("x", &path, Bounds { nodes, bytes, depth }, &mut Known::default())
    };
    within(4, 5, 1).unwrap();
    for (nodes, bytes, depth, says) in [
        (3, 5, 1, "has more than 3 files and folders"),
        (4, 4, 1, "has more than 4 B"),
        (4, 5, 0, "has more than 0 folders in one another"),
    ] {
        let refused = within(nodes, bytes, depth).unwrap_err().to_string();
        assert!(refused.starts_with(says), "{refused}");
    }
}
