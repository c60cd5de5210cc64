//! Host functions on a real input and the twin of a tree.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_definition::Limit;
use dibhost_inputs::{Inputs, Known};
use dibhost_plan::Phase;
use dibhost_plan::grant::{Grants, Right};
use dibhost_tree::SimulatedTarget;
use tempfile::TempDir;

use super::*;
use crate::bindings::dib::element::inputs::HostInput;
use crate::bindings::dib::element::rootfs::{self, HostTree as _, Placement};
use crate::bindings::dib::element::types::ErrorCode;
use crate::held::handles::Tree;
use crate::observer::Silent;
use crate::secrets::NoSecrets;
use crate::state::Mode;
use crate::{effects, fuzz, invoke};

/// A folder of the builder.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(at("dir/deep")).unwrap();
    std::fs::write(at("dir/file"), "of the builder").unwrap();
    std::fs::write(at("dir/deep/run"), "#!/bin/sh\n").unwrap();
    std::fs::write(at("top"), "top").unwrap();
    symlink("../elsewhere", at("dir/link")).unwrap();
    let mode = |path: &str, bits| {
        std::fs::set_permissions(at(path), std::fs::Permissions::from_mode(bits)).unwrap();
    };
    mode("dir/deep/run", 0o4755);
    mode("dir/deep", 0o700);
    mode("dir", 0o700);
    folder
}

fn inputs(folder: &Path) -> Inputs {
    Inputs::open([("site", folder)], &mut Known::default())
}

/// Runs `body` as an element that holds these, while planning or on a tree.
fn with(
    mode: Mode,
    grants: &[(&str, &str)],
    inputs: Inputs,
    body: impl FnOnce(&mut State) + Send,
) -> SimulatedTarget {
    let grants: Grants = grants.iter().map(|(c, s)| Right::of(c, s).unwrap()).collect();
    let mut target = fuzz::target();
    let served = effects::serve(&mut target, &mut Silent, |effects| {
        let mut call = fuzz::call(mode, Phase::Install, grants);
        call.limits = dibhost_definition::Limits::default();
        let effects = (mode == Mode::Run).then_some(effects);
        let mut state = invoke::state(call, effects, Arc::new(NoSecrets));
        state.inputs = inputs;
        body(&mut state);
    });
    served.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    target
}

const ALL: [(&str, &str); 2] = [("inputs", "site"), ("rootfs", "write /dir")];

fn open(state: &mut State) -> (Resource<GivenInput>, Resource<Tree>) {
    let input = inputs::Host::open(state, "site".to_owned()).unwrap();
    (input, rootfs::Host::open(state, "/".to_owned()).unwrap())
}

/// Handles are borrowed by a call and not given away.
fn lent<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

fn placement() -> Placement {
    Placement {
        source: None,
        owner: None,
        group: None,
        file_mode: None,
        directory_mode: None,
        extensions: Vec::new(),
    }
}

fn code<T>(answer: Result<T, Refusal>) -> &'static str {
    match answer {
        Err(Refusal::Answer(error)) => match error.code {
            ErrorCode::Denied => "denied",
            ErrorCode::NotFound => "not-found",
            ErrorCode::Conflict => "conflict",
            _ => "another",
        },
        Err(Refusal::Trap(error)) => panic!("a trap: {error}"),
        Ok(_) => panic!("it was answered"),
    }
}

fn mode_of(path: PathBuf) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn an_input_is_read_by_its_grant_while_planning_too() {
    let folder = folder();
    with(Mode::Plan, &[("inputs", "si*")], inputs(folder.path()), |state| {
        let input = inputs::Host::open(state, "site".to_owned()).unwrap();
        let about = state.about(lent(&input)).unwrap();
        assert_eq!((&*about.kind, about.size, about.nodes), ("directory", 27, 6));
        let nodes = state.nodes(lent(&input), Some("dir/deep".to_owned())).unwrap();
        let paths: Vec<_> = nodes.iter().map(|n| format!("{} {}", n.kind, n.path)).collect();
        assert_eq!(paths, ["file dir/deep/run", "file dir/file", "symlink dir/link", "file top"]);
        assert_eq!(nodes[2].link_target.as_deref(), Some("../elsewhere"));
        let read = |state: &mut State, path: &str, offset, length| {
            HostInput::read(state, lent(&input), path.to_owned(), offset, length)
        };
        assert_eq!(read(state, "dir/file", 3, 3).unwrap(), b"the");
        assert_eq!(read(state, "dir/file", 3, 0).unwrap(), b"the builder");
        assert_eq!(code(read(state, "dir", 0, 0)), "conflict");
        assert_eq!(code(read(state, "dir/link", 0, 0)), "conflict");
        assert_eq!(code(read(state, "dir/../top", 0, 0)), "not-found");
        let blob = HostInput::blob(state, lent(&input), "top".to_owned()).unwrap();
        assert_eq!(&*state.table.get(&blob).unwrap().content, b"top");
        assert_eq!(code(inputs::Host::open(state, "six".to_owned())), "not-found");
        assert_eq!(code(inputs::Host::open(state, "other".to_owned())), "denied");
    });
    with(Mode::Run, &[("inputs", "other")], inputs(folder.path()), |state| {
        assert_eq!(code(inputs::Host::open(state, "site".to_owned())), "denied");
    });
}

#[test]
fn a_folder_is_placed_with_its_modes_and_links_where_it_is_granted() {
    let folder = folder();
    let target = with(Mode::Run, &ALL, inputs(folder.path()), |state| {
        let (input, tree) = open(state);
        let root = "/".to_owned();
        // `top` is out of reach: nothing is placed.
        let all = state.place_input(lent(&tree), lent(&input), root, placement());
        assert_eq!(code(all), "denied");
        let part = Placement { source: Some("dir".to_owned()), ..placement() };
        state.place_input(lent(&tree), lent(&input), "/dir".to_owned(), part).unwrap();
        let one = Placement {
            source: Some("dir/deep/run".to_owned()),
            file_mode: Some(0o640),
            ..placement()
        };
        state.place_input(lent(&tree), lent(&input), "/dir/copy".to_owned(), one).unwrap();
        let none = Placement { source: Some("di".to_owned()), ..placement() };
        let none = state.place_input(lent(&tree), lent(&input), "/dir/x".to_owned(), none);
        assert_eq!(code(none), "not-found");
    });
    let at = |path: &str| target.tree().join(path);
    assert!(!at("top").exists());
    // The folder that was there keeps its mode; what is new has that of the input.
    assert_eq!(mode_of(at("dir")), 0o755);
    assert_eq!(mode_of(at("dir/deep")), 0o700);
    assert_eq!(mode_of(at("dir/deep/run")), 0o4755);
    assert_eq!(mode_of(at("dir/copy")), 0o640);
    assert_eq!(std::fs::read_to_string(at("dir/file")).unwrap(), "of the builder");
    assert_eq!(std::fs::read_link(at("dir/link")).unwrap().to_str(), Some("../elsewhere"));
}

#[test]
fn a_large_file_is_placed_in_pieces_with_its_mode() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("large");
    let content: Vec<u8> = (0..66 << 20).map(|n: u32| (n % 251) as u8).collect();
    std::fs::write(&path, &content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4711)).unwrap();
    let grown = inputs(&path);
    let target = with(Mode::Run, &ALL, inputs(&path), |state| {
        let (input, tree) = open(state);
        state.place_input(lent(&tree), lent(&input), "/dir/large".to_owned(), placement()).unwrap();
        assert_eq!(state.written.bytes, 66 << 20);
    });
    let placed = target.tree().join("dir/large");
    assert_eq!(mode_of(placed.clone()), 0o4711);
    assert!(std::fs::read(placed).unwrap() == content);
    // Another one at its end: pieces of it lie there already, so the element ends.
    std::fs::write(&path, &content[1..]).unwrap();
    with(Mode::Run, &ALL, grown, |state| {
        let (input, tree) = open(state);
        let placed =
            state.place_input(lent(&tree), lent(&input), "/dir/large".to_owned(), placement());
        let Err(Refusal::Trap(error)) = placed else { panic!("it was answered") };
        assert!(error.downcast_ref::<Changed>().is_some(), "{error}");
    });
}

#[test]
fn an_input_that_changed_ends_the_element_and_nothing_of_it_is_placed() {
    let folder = folder();
    let found = inputs(folder.path());
    std::fs::write(folder.path().join("dir/file"), "Of the builder").unwrap();
    let target = with(Mode::Run, &ALL, found, |state| {
        let (input, tree) = open(state);
        let part = Placement { source: Some("dir".to_owned()), ..placement() };
        let ends: [Refusal; 3] = [
            state.place_input(lent(&tree), lent(&input), "/dir".to_owned(), part).unwrap_err(),
            HostInput::read(state, lent(&input), "dir/file".to_owned(), 0, 0).unwrap_err(),
            HostInput::blob(state, lent(&input), "dir/file".to_owned()).unwrap_err(),
        ];
        for end in ends {
            let Refusal::Trap(error) = end else { panic!("it was answered") };
            assert_eq!(
                error.to_string(),
                "`dir/file` of the input `site` changed since the image was planned"
            );
        }
    });
    assert!(!target.tree().join("dir/deep").exists());
}

#[test]
fn placing_is_no_plan_and_has_the_limits_of_writing() {
    let folder = folder();
    with(Mode::Plan, &ALL, inputs(folder.path()), |state| {
        let input = inputs::Host::open(state, "site".to_owned()).unwrap();
        let tree = state.table.push(Tree { scope: dibhost_tree::Scope::all() }).unwrap();
        let placed = state.place_input(tree, input, "/dir".to_owned(), placement());
        assert_eq!(code(placed), "denied");
    });
    with(Mode::Run, &ALL, inputs(folder.path()), |state| {
        state.call.limits = state.call.limits.clone().with(Limit::Files, 2);
        let (input, tree) = open(state);
        let part = Placement { source: Some("dir".to_owned()), ..placement() };
        let placed = state.place_input(lent(&tree), lent(&input), "/dir".to_owned(), part);
        assert!(matches!(placed, Err(Refusal::Trap(_))));
        let few = state.call.limits.clone().with(Limit::Blobs, 2);
        state.call.limits = few;
        assert!(matches!(
            HostInput::blob(state, lent(&input), "top".to_owned()),
            Err(Refusal::Trap(_))
        ));
    });
}
