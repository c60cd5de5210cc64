//! The newest kernel and its initramfs beside the image, for whoever starts machines with them by the
//! network: they are in the image as well.

use dibhost_element_sdk::slots::Kernel;
use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Baremetal;

const KERNEL: &str = ".vmlinuz";
const INITRAMFS: &str = ".initrd";

impl Element for Baremetal {
    fn describe() -> Description {
        description!()
            .requires("kernel")
            .step(Step::new(Phase::Finalise).consumes::<Kernel>())
            .request("rootfs", "read /boot", "the kernel and its initramfs")
            .request("outputs", KERNEL, "the kernel beside the image")
            .request("outputs", INITRAMFS, "its initramfs beside the image")
    }

    fn run_finalise(&self, run: &Run<'_>) -> Result<Outcome> {
        let kernels = run.consume::<Kernel>()?.into_iter().map(|fact| fact.value);
        // One without an initramfs starts no image of dibhost's.
        let whole =
            |kernel: Kernel| kernel.initramfs.map(|path| (kernel.version, kernel.image, path));
        let Some((version, image, initramfs)) =
            Kernel::newest_first(kernels).into_iter().find_map(whole)
        else {
            return Err("no kernel of the image has an initramfs".into());
        };
        let tree = run.rootfs()?;
        run.emit_blob(KERNEL, &tree.capture(&image)?)?;
        run.emit_blob(INITRAMFS, &tree.capture(&initramfs)?)?;
        run.log(format!("the kernel {version} and its initramfs are beside the image"));
        Ok(Outcome::Done)
    }
}

export_element!(Baremetal);
