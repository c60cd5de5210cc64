//! The typed forms of the `dib:` slots against the host's own schemas.

use std::path::Path;

use dibhost_element_sdk::Fact;
use dibhost_element_sdk::slots::{
    AuthorizedKey, Datasource, Distribution, InitramfsModule, Kernel, KernelArgument, Layout,
    LayoutMount, LayoutPartition, Loader,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn schema(slot: &str) -> Value {
    let name = slot.strip_prefix("dib:").unwrap().replace('/', "-");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit/slots");
    let path = folder.join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// The value fits the host's schema, and comes back from JSON as it was.
fn fits<F: Fact + PartialEq + std::fmt::Debug>(fact: &F) {
    let value = serde_json::to_value(fact).unwrap();
    let schema = schema(F::SLOT);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    if let Err(error) = validator.validate(&value) {
        panic!("{value} does not fit `{}`: {error}", F::SLOT);
    }
    // Every property that the schema knows is one of the type's, or is left out on purpose.
    let optional = ["reason", "initramfs", "user"];
    for property in schema["properties"].as_object().unwrap().keys() {
        assert!(
            value.get(property).is_some() || optional.contains(&property.as_str()),
            "`{}` has `{property}`, its type has not",
            F::SLOT
        );
    }
    assert_eq!(from::<F>(value), *fact);
}

fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_elements_provide_fits_the_schemas() {
    fits(&Distribution {
        id: "debian".into(),
        version_id: "12".into(),
        codename: "bookworm".into(),
        family: "debian".into(),
        package_manager: "apt".into(),
        init: "systemd".into(),
        default_user: "debian".into(),
    });
    fits(&KernelArgument::new("console=ttyS0,115200", "people look there"));
    fits(&KernelArgument { argument: "quiet".into(), reason: None });
    let kernel = Kernel {
        version: "6.1.0-40-amd64".into(),
        image: "/boot/vmlinuz-6.1.0-40-amd64".into(),
        initramfs: Some("/boot/initrd.img-6.1.0-40-amd64".into()),
    };
    fits(&kernel);
    fits(&Kernel { initramfs: None, ..kernel });
    fits(&Loader { name: "grub".into(), firmware: vec!["bios".into(), "uefi".into()] });
    fits(&InitramfsModule { name: "virtio_blk".into() });
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA someone".to_owned();
    fits(&AuthorizedKey { key: key.clone(), user: None });
    fits(&AuthorizedKey { key, user: Some("debian".into()) });
    fits(&Datasource { name: "NoCloud".into() });
}

#[test]
fn what_the_host_provides_is_read() {
    let value = json!({
        "table": "gpt",
        "grub-bios": ["disk0"],
        "partitions": [
            { "name": "bios", "number": 1, "table": "gpt", "label": null, "type": "21686148-6449-6E6F-744E-656564454649",
              "partuuid": "00000000-0000-5000-8000-000000000001" },
        ],
        "mounts": [
            { "at": "/", "on": "root-crypt", "filesystem": "ext4", "label": "cloudimg-rootfs",
              "uuid": "00000000-0000-5000-8000-000000000002", "options": ["discard"],
              "source": "LABEL=cloudimg-rootfs" },
            { "at": "none", "on": "swap", "filesystem": "swap", "label": null, "uuid": null, "options": [] },
        ],
        "volumes": [
            { "name": "mirror", "kind": "raid", "uuid": "0:1:2:3", "on": ["a", "b"], "level": 1 },
            { "name": "root-crypt", "kind": "luks", "uuid": null, "on": ["mirror"] },
            { "name": "other", "kind": "luks", "uuid": null, "on": ["c"] },
        ],
    });
    let schema = schema(Layout::SLOT);
    assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&value));
    let layout: Layout = from(value);
    let root = LayoutMount {
        at: "/".into(),
        on: "root-crypt".into(),
        filesystem: "ext4".into(),
        label: Some("cloudimg-rootfs".into()),
        uuid: Some("00000000-0000-5000-8000-000000000002".into()),
        options: vec!["discard".into()],
        source: Some("LABEL=cloudimg-rootfs".into()),
    };
    assert_eq!(layout.mount("/"), Some(&root));
    assert_eq!(layout.mount("/boot"), None);
    let below: Vec<&str> = layout.below(&root).iter().map(|v| v.name.as_str()).collect();
    assert_eq!(below, ["mirror", "root-crypt"]);
    let bios = LayoutPartition {
        name: "bios".into(),
        number: 1,
        table: Some("gpt".into()),
        label: None,
        type_id: "21686148-6449-6E6F-744E-656564454649".into(),
        partuuid: Some("00000000-0000-5000-8000-000000000001".into()),
    };
    assert_eq!(layout.partition("bios"), Some(&bios));
    assert_eq!(layout.partitions, [bios]);
    assert_eq!(layout.grub_bios, ["disk0"]);
}

#[test]
fn a_value_is_read_when_a_later_host_adds_to_it() {
    let kernel: Kernel = from(json!({ "version": "7", "image": "/boot/7", "signed": true }));
    assert_eq!(kernel.initramfs, None);
}
