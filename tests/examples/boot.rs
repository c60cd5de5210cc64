//! Boots an image by hand as the tests do, and says how long each part took.
//!
//! `cargo run -p dibhost-tests --example boot -- IMAGE [bios|uefi] [COMMAND…]`
#![expect(clippy::print_stdout, reason = "a program for people")]

use anyhow::{Context as _, Result};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::work_folder;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let image = args.next().context("which image?")?;
    let firmware = match args.next().as_deref() {
        Some("uefi") => Firmware::Ovmf,
        _ => Firmware::SeaBios,
    };
    let folder = work_folder()?;
    let key = Key::generate(folder.path())?;
    let machine = dibhost_tests::machine(image).firmware(firmware).disk_gib(6);
    let mut machine = machine.login("tester", &key).boot()?;

    let seconds = |time: std::time::Duration| time.as_secs();
    println!("kernel  {:>4} s", seconds(machine.wait_for("Linux version", BOOT)?));
    println!("login   {:>4} s", seconds(machine.wait_for("login:", BOOT)?));
    println!("ssh     {:>4} s", seconds(machine.wait_for_ssh(SSH)?));
    for command in ["df -h /; ls /etc/ssh; cat /etc/hostname".to_owned()].into_iter().chain(args) {
        println!("$ {command}\n{}", machine.ssh_text(&command)?);
    }
    let before_off = std::time::Instant::now();
    machine.power_off()?;
    println!("off     {:>4} s", seconds(before_off.elapsed()));
    Ok(())
}
