//! The graph, order or error of each file, as diskimage-builder itself gives it
//! (`expected.json`), and where in the file an error is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dibhost_dib::{Dib, DibError, DibParameters};
use serde::Deserialize;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dib"))
}

pub(crate) fn text(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap()
}

pub(crate) fn parse(text: &str) -> Result<Dib, DibError> {
    Dib::parse(text, &DibParameters::default())
}

pub(crate) fn case(name: &str) -> Result<Dib, DibError> {
    parse(&text(&format!("cases/{name}.yaml")))
}

/// The error of a case, without its help.
fn fault(name: &str) -> String {
    let why = case(name).unwrap_err();
    assert!(!why.help.is_empty());
    format!("{}: {}", why.at, why.problem)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Graph { order: Vec<String>, edges: Vec<(String, String)> },
    Error { error: String },
}

#[test]
fn every_file_gives_dib_s_graph_order_or_error() {
    let expected: BTreeMap<String, Expected> =
        serde_json::from_str(&text("expected.json")).unwrap();
    let files = |folder_name: &str| {
        let names = fs::read_dir(folder().join(folder_name)).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        names.map(|entry| format!("{folder_name}/{}", name(entry.unwrap()))).collect::<Vec<_>>()
    };
    assert_eq!(files("cases").len(), 23);
    assert_eq!(files("elements").len(), 7);
    assert_eq!(expected.len(), 30);
    for file in files("cases").into_iter().chain(files("elements")) {
        match (&expected[&file], parse(&text(&file))) {
            (Expected::Graph { order, edges }, Ok(dib)) => {
                assert_eq!(dib.graph().call_order(), *order, "{file}");
                let edges: Vec<(&str, &str)> =
                    edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                assert_eq!(dib.graph().edges(), edges, "{file}");
            }
            (Expected::Error { error }, Err(why)) => {
                // Up to where DIB shows a Python dictionary, and we a name.
                assert!(why.problem.starts_with(error), "{file}: {why}");
            }
            (Expected::Graph { .. }, Err(why)) => panic!("{file}: {why}"),
            (Expected::Error { error }, Ok(_)) => panic!("{file} is read, but DIB says {error}"),
        }
    }
}

/// `test_config.py`, `test_deep_graph_generator`.
#[test]
fn deep_tree_is_called_in_this_order() {
    for name in ["deep_tree", "deep_graph"] {
        let dib = case(name).unwrap();
        let want = ["image0", "root", "mkfs_root", "mount_mkfs_root", "fstab_mount_mkfs_root"];
        assert_eq!(dib.graph().call_order(), want, "{name}");
    }
}

#[test]
fn errors_say_where() {
    assert_eq!(
        fault("bad_plugin"),
        "1:3: Config entry is not a plugin value: this_is_not_a_plugin_name"
    );
    assert_eq!(
        fault("multi_key_node"),
        "5:3: Config entry top-level should be a single dict: `mkfs`, `mount`"
    );
    assert_eq!(fault("bad_edge_graph"), "26:11: Edge not defined: this_is_not_a_node->mkfs_root");
    assert_eq!(fault("duplicate_name"), "16:11: Duplicate node name: this_is_a_duplicate");
    assert_eq!(
        fault("duplicate_fs_labels"),
        "40:12: File system label [duplicate] used more than once"
    );
    assert_eq!(
        fault("too_long_fs_label"),
        "4:12: Label [this_label_is_too_long_to_work_with_xfs] too long for filesystem [xfs]: \
         39 > 12"
    );
    // Test plugins of DIB's own test suite, which are none here.
    assert_eq!(fault("cmd_create"), "1:3: Config entry is not a plugin value: test_a");
    assert_eq!(fault("rollback"), "1:3: Config entry is not a plugin value: test_a");
    assert_eq!(fault("simple_tree"), "3:11: Edge not defined: root_part->root_fs");
}

fn sorted(file: &str) -> Vec<String> {
    let entries = Dib::graph_form(&text(&format!("cases/{file}.yaml"))).unwrap();
    // Keys in any order, and entries in any order: DIB's `assertCountEqual`.
    fn normal(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let map: BTreeMap<_, _> = map.iter().map(|(k, v)| (k, normal(v))).collect();
                serde_json::to_value(map).unwrap()
            }
            serde_json::Value::Array(list) => list.iter().map(normal).collect(),
            other => other.clone(),
        }
    }
    let mut entries: Vec<String> = entries.iter().map(|e| normal(e).to_string()).collect();
    entries.sort();
    entries
}

#[test]
fn a_tree_is_its_graph() {
    for (tree, graph) in [
        ("simple_tree", "simple_graph"),
        ("deep_tree", "deep_graph"),
        ("multiple_partitions_tree", "multiple_partitions_graph"),
        ("lvm_tree", "lvm_graph"),
    ] {
        assert_eq!(sorted(tree), sorted(graph), "{tree}");
    }
}

/// `test_config.py`, `test_graph`: a graph stays what it is, in its order.
#[test]
fn a_graph_is_a_fixed_point() {
    let entries = Dib::graph_form(&text("cases/simple_graph.yaml")).unwrap();
    let want = serde_json::json!([
        {"mkfs": {"name": "root_fs", "base": "root_part", "type": "xfs"}},
        {"mount": {"name": "mount_root_fs", "base": "root_fs", "mount_point": "/"}},
    ]);
    assert_eq!(serde_json::Value::from(entries), want);
}

#[test]
fn an_unknown_key_is_a_warning_with_its_place() {
    let dib = case("lvm_tree_multiple_partitions").unwrap();
    let lines: Vec<String> = dib.diagnostics().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["64:13: warning: `fstab` has no key `fck-passno`, so it is left out: did you mean \
         `fsck-passno`?"]
    );
    // No other file of DIB's has one.
    for file in ["gpt_efi", "lvm_tree", "lvm_graph", "multiple_partitions_graph", "deep_graph"] {
        assert_eq!(case(file).unwrap().diagnostics(), [], "{file}");
    }
}

#[test]
fn the_graph_is_printed_in_call_order() {
    let printed = case("deep_tree").unwrap().graph().to_string();
    let want = "\
image0                 local_loop
root                   partition   after image0
mkfs_root              mkfs        after root
mount_mkfs_root        mount       after mkfs_root
fstab_mount_mkfs_root  fstab       after mount_mkfs_root
";
    assert_eq!(printed, want);
}

/// Mixed forms, `name` and `base` left out or not, aliases: one graph.
#[test]
fn forms_can_be_mixed() {
    let mixed = "\
- local_loop:
    name: image0
    partitioning:
      label: mbr
      name: mbr
      partitions:
        - name: root
          flags: &flags [boot, primary]
          size: 100%
- mount:
    name: mount_mkfs_root
    base: mkfs_root
    mount_point: /
    fstab: {options: defaults, fsck-passno: 1}
- mkfs: {base: root, type: ext4}
";
    let graph = parse(mixed).unwrap();
    let deep = case("deep_graph").unwrap();
    assert_eq!(graph.graph().call_order(), deep.graph().call_order());
    assert_eq!(graph.graph().edges(), deep.graph().edges());
}

#[test]
fn what_dib_ends_with_a_traceback_for_has_a_message() {
    let disk = "- local_loop: {name: d}\n";
    for (more, want) in [
        ("- mkfs: {}\n", "2:3: `mkfs` has neither `name` nor `base`"),
        ("- mkfs:\n", "2:7: `mkfs` holds nothing and no keys"),
        ("- local_loop: {name: [a]}\n", "2:22: `name` is a list"),
        ("- local_loop: {name: e, size: -1}\n", "2:31: Invalid size unit spec [-1]"),
        ("- local_loop: {base: x}\n", ""),
        ("- partitioning: {base: d, label: gpt, partitions: [{size: 1}]}\n", "2:52: a partition"),
        (
            "- partitioning: {base: d, label: gpt, partitions: [{name: p}]}\n",
            "2:59: No size in partition \"p\"",
        ),
        ("- partitioning: {base: d, partitions: []}\n", "2:3: Partitioning config needs 'label'"),
        ("- partitioning: {base: d, label: gpt}\n", "2:3: Partitioning config needs 'partitions'"),
        ("- partitioning: {name: x, partitions: []}\n", "2:39: Partitioning config needs 'base'"),
        (
            "- partitioning: {base: d, label: dos, partitions: []}\n",
            "2:34: Label must be 'mbr' or 'gpt'",
        ),
        (
            "- partitioning: {base: d, label: gpt, partitions: [{name: p, size: 1, flags: [primary]}]}\n",
            "2:79: Primary flag not supported for GPT partitions",
        ),
        (
            "- partitioning: {base: d, label: mbr, partitions: [{name: p, size: 1, flags: [x]}]}\n",
            "2:79: Unknown flag: x",
        ),
        ("- mkfs: {base: d}\n", "2:3: Mkfs config needs [type]"),
        ("- mount: {base: d}\n", "2:3: MountPoint config needs [mount_point]"),
        (
            "- mkfs: {name: a, base: b, type: xfs}\n- mkfs: {name: b, base: a, type: xfs}\n",
            "2:16: these nodes wait for one another: `a`, `b`",
        ),
        (
            "- mkfs: {base: d, type: xfs, mount: {mount_point: /}}\n- mount: {base: mkfs_d, name: m, mount_point: /}\n",
            "3:47: Mount point [/] specified more than once",
        ),
        ("- [a]\n", "2:3: Config entry not a dict: a list"),
    ] {
        match parse(&format!("{disk}{more}")) {
            Err(why) => {
                let why = why.to_string();
                assert!(!want.is_empty() && why.starts_with(want), "{more}{why}");
            }
            Ok(_) => assert!(want.is_empty(), "{more} is read"),
        }
    }
    assert!(parse("local_loop: {name: d}\n").unwrap_err().to_string().starts_with("1:1: the file"));
}
