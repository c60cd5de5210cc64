//! Layouts of DIB's that are made, booted and read back elsewhere: what stands in `tests/layouts` of
//! each is what its YAML says.

use std::fs;
use std::path::Path;

use dibhost_block_device::Node;
use dibhost_block_device::config::Config;
use dibhost_dib::{Dib, DibParameters};

#[test]
fn the_layouts_that_are_made_say_what_dibs_yaml_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(folder.join("tests/layouts")).unwrap() {
        let yaml = entry.unwrap().path();
        let name = yaml.file_stem().unwrap().to_str().unwrap();
        let toml = folder.join(format!("../../tests/layouts/{name}.toml"));
        let toml = Config::parse(&fs::read_to_string(toml).unwrap()).unwrap();
        let yaml = fs::read_to_string(&yaml).unwrap();
        let yaml = Dib::parse(&yaml, &DibParameters::default()).unwrap().layout().unwrap();
        // In DIB's order a node stands right above what it is on.
        let by_name = |mut nodes: Vec<Node>| {
            nodes.sort_by(|a, b| a.name.cmp(&b.name));
            nodes
        };
        assert_eq!(by_name(toml.nodes), by_name(yaml.nodes), "{name}");
        count += 1;
    }
    assert_eq!(count, 2);
}
