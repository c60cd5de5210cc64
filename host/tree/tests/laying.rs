//! Laying archives into a tree: side by side, and over each other as layers of a container's image.

mod common;

use common::{on_both, on_worker, read};
use dibhost_tree::{Kind, Laying, Scope, TargetPath, Walk, Workshop};

#[test]
fn archives_are_laid_into_a_tree() {
    on_both(|target| {
        // Of what a program of the builder sees.
        let source = "/usr/share/common-licenses";
        let tar = dibhost_sys::Program::new("tar").args(["-c", "-C", source, "."]);
        target.lay_down(&[tar], Laying::Beside).unwrap();
        let there = std::fs::read_to_string(format!("{source}/Apache-2.0")).unwrap();
        assert_eq!(read(target, "/Apache-2.0"), there);
        let broken = dibhost_sys::Program::new("sh").args(["-c", "echo no archive >&2; exit 3"]);
        let error = target.lay_down(&[broken], Laying::Over).unwrap_err();
        assert!(error.to_string().contains("no archive"), "{error}");
    });
}

/// A program that says these bytes.
fn saying(bytes: &[u8]) -> dibhost_sys::Program {
    let text = data_encoding::BASE64.encode(bytes);
    let script = "printf %s \"$0\" | base64 -d";
    dibhost_sys::Program::new("sh").args(["-c", script, &text, "layer"])
}

/// A program that says a tar archive of these: a folder ends with `/`, a link has ` -> ` in it.
fn layer(entries: &[(&str, u32, &str)]) -> dibhost_sys::Program {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        if let Some((name, to)) = name.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, name, to).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, name, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
    }
    saying(&archive.into_inner().unwrap())
}

/// All that is there, by kind: a file with its content, a link with what it says.
fn listed(target: &mut dyn Workshop) -> Vec<String> {
    let walk = Walk { recursive: true };
    let entries = target.walk(&Scope::all(), &TargetPath::root(), walk, None, usize::MAX).unwrap();
    let mut lines = Vec::new();
    for entry in entries {
        let at = entry.path.to_string();
        lines.push(match entry.stat.kind {
            Kind::Directory => format!("{at}/ {:o}", entry.stat.mode),
            Kind::Symlink => format!("{at} -> {}", entry.stat.link_target.unwrap()),
            _ => format!("{at} {:o} {}", entry.stat.mode, read(target, &at)),
        });
    }
    lines
}

#[test]
fn layers_lie_over_each_other() {
    on_both(|target| {
        let first = layer(&[
            ("a/", 0o755, ""),
            ("a/gone", 0o644, "1"),
            ("a/kept", 0o600, "1"),
            ("a/replaced", 0o644, "1"),
            ("b/", 0o755, ""),
            ("b/all/", 0o755, ""),
            ("b/all/of", 0o644, "1"),
            ("b/it", 0o644, "1"),
            ("file", 0o644, "1"),
            ("folder/", 0o755, ""),
            ("folder/in", 0o644, "1"),
            ("link -> a", 0, ""),
        ]);
        let second = layer(&[
            ("a/", 0o700, ""),
            ("a/.wh.gone", 0, ""),
            ("a/.wh.never", 0, ""),
            ("a/replaced", 0o755, "2"),
            ("b/", 0o755, ""),
            ("b/.wh..wh..opq", 0, ""),
            ("b/new", 0o644, "2"),
            // What was a file is a folder now, and the other way round.
            ("file/", 0o755, ""),
            ("file/in", 0o644, "2"),
            ("folder", 0o644, "2"),
            ("link/", 0o755, ""),
            (".wh..wh.plnk", 0, ""),
        ]);
        target.lay_down(&[first, second], Laying::Over).unwrap();
        let there = listed(target);
        assert_eq!(
            there,
            [
                "/a/ 700",
                "/a/kept 600 1",
                "/a/replaced 755 2",
                "/b/ 755",
                "/b/new 644 2",
                "/file/ 755",
                "/file/in 644 2",
                "/folder 644 2",
                "/link/ 755",
            ]
        );
    });
}

#[test]
fn what_an_archive_says_of_an_entry_is_bounded() {
    on_worker(|target| {
        let mut header = tar::Header::new_ustar();
        header.set_path("pax").unwrap();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(5 << 20);
        header.set_mode(0o644);
        header.set_cksum();
        let text = data_encoding::BASE64.encode(header.as_bytes());
        let script = "printf %s \"$0\" | base64 -d; head -c 9000000 /dev/zero";
        for laying in [Laying::Beside, Laying::Over] {
            let long = dibhost_sys::Program::new("sh").args(["-c", script, &text, "layer"]);
            let error = target.lay_down(&[long], laying).unwrap_err();
            assert!(error.to_string().contains("more than 4 MiB"), "{error}");
        }
        // Content is as long as it is, read or not.
        let content = "x".repeat(20_000);
        let whiteout = layer(&[("a", 0o644, &content), (".wh.b", 0o644, &content)]);
        target.lay_down(&[whiteout], Laying::Over).unwrap();
        assert_eq!(read(target, "/a"), content);
    });
}

#[test]
fn a_layer_reaches_nothing_but_the_tree() {
    on_worker(|target| {
        let outside = std::fs::read_dir("/").unwrap().count();
        target
            .lay_down(
                &[
                    layer(&[("up -> ../../..", 0, ""), ("etc -> /.", 0, "")]),
                    layer(&[("up/made", 0o644, "x"), ("etc/made-too", 0o644, "x")]),
                    layer(&[
                        ("up/.wh.made", 0, ""),
                        ("b/c", 0o644, "x"),
                        ("b/.wh..wh..opq", 0, ""),
                    ]),
                ],
                Laying::Over,
            )
            .unwrap();
        // Links lead where they lead in the tree; what is a layer's own is no whiteout's to take.
        assert_eq!(
            listed(target),
            ["/b/ 755", "/b/c 644 x", "/etc -> /", "/made-too 644 x", "/up -> ../../.."]
        );
        assert_eq!(std::fs::read_dir("/").unwrap().count(), outside);
        for name in ["../x", "a/../../x", "/../x", "a/.wh...", "a/.wh.."] {
            let mut header = [0u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            let mut raw = tar::Header::from_byte_slice(&header).clone();
            raw.set_size(0);
            raw.set_mode(0o644);
            raw.set_uid(0);
            raw.set_gid(0);
            raw.set_mtime(0);
            raw.set_entry_type(tar::EntryType::Regular);
            raw.set_cksum();
            let mut bytes = raw.as_bytes().to_vec();
            bytes.resize(2048, 0);
            let error = target.lay_down(&[saying(&bytes)], Laying::Over).unwrap_err();
            assert!(error.to_string().contains("leads up"), "{name}: {error}");
        }
    });
}
