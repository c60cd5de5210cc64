//! The element on a host in memory.

use baremetal::Baremetal;
use dibhost_element_sdk::slots::Kernel;
use dibhost_element_sdk::{Phase, TestHost};

fn kernel(version: &str, initramfs: bool) -> Kernel {
    Kernel {
        version: version.to_owned(),
        image: format!("/boot/vmlinuz-{version}"),
        initramfs: initramfs.then(|| format!("/boot/initrd.img-{version}")),
    }
}

fn host(kernels: &[(&str, bool)]) -> TestHost {
    kernels.iter().fold(TestHost::new(), |host, (version, initramfs)| {
        host.fact("kernel", version, &kernel(version, *initramfs))
            .file(&format!("/boot/vmlinuz-{version}"), format!("kernel {version}"))
            .file(&format!("/boot/initrd.img-{version}"), format!("initramfs {version}"))
    })
}

#[test]
fn the_newest_is_beside_the_image() {
    let mut host = host(&[("6.1.0-9-amd64", true), ("6.12.0-1-amd64", true)]);
    let ran = host.run::<Baremetal>(Phase::Finalise).unwrap();
    let outputs: Vec<(&str, &str)> =
        ran.outputs.iter().map(|(s, c)| (&**s, std::str::from_utf8(c).unwrap())).collect();
    assert_eq!(
        outputs,
        [(".vmlinuz", "kernel 6.12.0-1-amd64"), (".initrd", "initramfs 6.12.0-1-amd64")]
    );
    assert!(ran.changes.is_empty());
}

#[test]
fn one_that_starts_nothing_is_passed_over() {
    let ran = host(&[("6.1", true), ("6.12", false)]).run::<Baremetal>(Phase::Finalise).unwrap();
    assert_eq!(ran.outputs[0].1, b"kernel 6.1");
    let error = host(&[("6.12", false)]).run::<Baremetal>(Phase::Finalise).unwrap_err();
    assert!(error.message.contains("no kernel of the image has an initramfs"), "{error}");
}
