//! DIB's thin volumes, made and looked at.

#[path = "../../block-device/tests/built/mod.rs"]
mod built;
#[path = "../../block-device/tests/found/mod.rs"]
mod found;
#[path = "../../volumes/tests/thin_dump/mod.rs"]
mod thin_dump;

use std::fs::{self, File};

use built::{MIB, build_with, holds_the_files, run};
use dibhost_dib::{Dib, DibParameters};
use dibhost_volumes::FileMedium;
use found::Found;

const GIB: u64 = 1 << 30;

#[test]
fn dibs_thin_volumes() {
    // DIB's own file has xfs of 100 MiB, which no mkfs.xfs of today makes.
    let text = fs::read_to_string("tests/dib/cases/lvm_tree_thin_provision.yaml").unwrap();
    let text = text.replace("xfs", "ext4");
    let image_size = Some(4 * GIB);
    let parameters = DibParameters { image_size, ..DibParameters::default() };
    let meant = Dib::parse(&text, &parameters).unwrap().layout().unwrap();
    let disk = meant.nodes[0].name.clone();
    let folders = ["home", "tmp", "var/log/audit"];
    let built = build_with(meant.nodes, |root| {
        for folder in folders {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
    });
    let pool = &built.layout.groups[0].pools[0];
    assert_eq!((pool.size, pool.virtual_size), (2800 * MIB, 2800 * MIB));
    let (partition, _) = built.layout.partition("root").unwrap();
    let file = File::open(built.path(&disk)).unwrap();
    let medium = FileMedium::new(&file, partition.extent);
    let found = Found::on(&medium, "lv_thinpool");
    holds_the_files(found.extract("lv_root", &built.folder).to_str().unwrap());
    for name in ["lv_tmp", "lv_var", "lv_log", "lv_audit", "lv_home"] {
        let path = found.extract(name, &built.folder);
        run("e2fsck", &["-fn", path.to_str().unwrap()]);
    }
}
