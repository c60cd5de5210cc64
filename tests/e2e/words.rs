//! The words of `disk-image-create`: command lines as people write them give a plan, or a sentence
//! that says what to write; none gives "unexpected argument", and no variable is passed over in
//! silence.

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{Dibhost, Outcome, dibhost};

/// A command line, as it stands in a public README or script, names apart.
struct Case {
    variables: &'static [(&'static str, &'static str)],
    line: &'static str,
    /// 0: it is planned; 2: it is refused.
    code: i32,
    /// What is said: of a plan on standard output, else and of variables on standard error.
    says: &'static [&'static str],
}

const KEYS: (&str, &str) = ("DIB_DEV_USER_AUTHORIZED_KEYS", "keys.pub");

const CASES: [Case; 18] = [
    Case {
        variables: &[("DIB_RELEASE", "xenial")],
        line: "-a amd64 -o ubuntu-16-DIB -p openssh-server ubuntu vm devuser",
        code: 2,
        says: &["The release `xenial` is too old"],
    },
    Case {
        variables: &[],
        line: "vm dhcp-all-interfaces cloud-init-datasources cloud-init-config dracut-regenerate \
               growroot ubuntu block-device-efi cuda -x --no-tmpfs --logfile dib.log -o image",
        code: 2,
        says: &[
            "`dracut-regenerate`: not yet",
            "no element `cloud-init-config`",
            "no element `cuda`",
        ],
    },
    Case {
        variables: &[("DISTRO_NAME", "rhel"), ("DIB_LOCAL_IMAGE", "./my-dib-image.qcow2")],
        line: "-x -a x86_64 -o my-dib-image-custom.qcow2 --image-size 6GiB replace-partition-redhat",
        code: 2,
        says: &["`DIB_LOCAL_IMAGE` is not obeyed", "did you mean `amd64`?"],
    },
    Case {
        variables: &[("DIB_RELEASE", "8"), ("DIB_FLAVOR", "GenericCloud-8.3.2011")],
        line: "-a amd64 -t raw -o centos-8-3-uefi centos vm cloud-init dhcp-all-interfaces block-device-efi",
        code: 2,
        says: &["`DIB_FLAVOR` is not obeyed", "diskimage-builder's `centos`: not yet"],
    },
    Case {
        variables: &[("ELEMENTS_PATH", "elements:/usr/share/elements")],
        line: "-a amd64 -t qcow2 -o out/vagrant.qcow2 centos-minimal vm cloud-init growroot openssh-server",
        code: 2,
        says: &["`ELEMENTS_PATH` is not obeyed", "`--elements DIR`", "`centos-minimal`: not yet"],
    },
    Case {
        variables: &[],
        line: "--checksum -a amd64 -o faucet-amd64 -t qcow2,tgz,squashfs,vhd,raw vm ubuntu-minimal \
               cloud-init-nocloud stable-interface-names openssh-server runtime-ssh-host-keys",
        code: 2,
        says: &["No mirror of Ubuntu is named", "`--checksum` changes nothing"],
    },
    Case {
        variables: &[("DIB_RELEASE", "bookworm")],
        line: "-a amd64 -t qcow2 -o output/debian debian vm growroot openssh-server",
        code: 0,
        says: &["`DIB_RELEASE` is obeyed, as `debian-minimal.release`", "release = \"bookworm\""],
    },
    Case {
        variables: &[
            ("DIB_RELEASE", "trixie"),
            ("DIB_DISTRIBUTION_MIRROR", "http://mirror.invalid/debian"),
        ],
        line: "-a amd64 -o trixie debian-minimal vm",
        code: 0,
        says: &["release = \"trixie\"", "mirror = \"http://mirror.invalid/debian\"", "trixie"],
    },
    Case {
        variables: &[
            ("DIB_RELEASE", "resolute"),
            ("DIB_DISTRIBUTION_MIRROR", "http://mirror.invalid/ubuntu"),
            ("DIB_UBUNTU_MIRROR_DISTS", "updates,security,backports"),
            ("DIB_UBUNTU_KERNEL", "linux-image-virtual"),
        ],
        line: "-a amd64 -o node ubuntu vm growroot mellanox baremetal",
        code: 0,
        says: &[
            "release = \"resolute\"",
            "pockets = [\"updates\", \"security\", \"backports\"]",
            "package = \"linux-image-virtual\"",
        ],
    },
    Case {
        variables: &[
            KEYS,
            ("DIB_DEV_USER_USERNAME", "stack"),
            ("DIB_DEV_USER_PWDLESS_SUDO", "yes"),
            ("DIB_DEV_USER_PASSWORD", "in-no-plan"),
            ("DIB_CLOUD_INIT_DATASOURCES", "ConfigDrive, OpenStack"),
        ],
        line: "-a amd64 -x --image-size 20 -o dev debian vm devuser cloud-init-datasources",
        code: 0,
        says: &[
            "name = \"stack\"",
            "sudo = \"nopasswd\"",
            "size = \"20 GiB\"",
            "datasources = [\"ConfigDrive\", \"OpenStack\"]",
            "[parameters.cloud-init-datasources]",
        ],
    },
    Case {
        variables: &[],
        line: "-a amd64 -n -u -p vim,curl -p less --mkfs-options '-i 16384' --root-label cloud \
               --max-online-resize 1073741824 --image-extra-size 100 -o tuned debian vm",
        code: 0,
        says: &[
            "packages = [\"vim\", \"curl\", \"less\"]",
            "inode-ratio = \"16384\"",
            "label = \"cloud\"",
            "max-online-resize = \"4 TiB\"",
            "qcow2-compression = \"none\"",
            "`-n` changes nothing",
        ],
    },
    Case {
        variables: &[("DIB_BOOTLOADER_SERIAL_CONSOLE", "ttyS1,9600"), ("DIB_GRUB_TIMEOUT", "5")],
        line: "-a amd64 -o console --qemu-img-options compat=1.1 base debian-minimal vm \
               block-device-efi-lvm serial-console enable-serial-console",
        code: 0,
        says: &["`base` is left out", "device = \"ttyS1\"", "timeout = 5", "console=ttyS1,9600"],
    },
    Case {
        variables: &[
            ("DIB_BLOCK_DEVICE_CONFIG", "file://layout.yaml"),
            ("DIB_MODPROBE_BLACKLIST", "nouveau"),
        ],
        line: "-a amd64 -o laid debian-minimal vm",
        code: 0,
        says: &["[[block-device]]", "`DIB_BLOCK_DEVICE_CONFIG` is obeyed", "blacklist nouveau"],
    },
    Case {
        variables: &[("DIB_RELEASE", "trixie"), ("DIB_SIMPLE_INIT_NETWORKMANAGER", "1")],
        line: "-o node.qcow2 vm debian-minimal simple-init growroot",
        code: 0,
        says: &[
            "`DIB_SIMPLE_INIT_NETWORKMANAGER` is not obeyed",
            "`simple-init` is `cloud-init` here",
        ],
    },
    Case {
        variables: &[],
        line: "-t docker --docker-target me/debian:latest -o debian debian-minimal",
        code: 2,
        says: &["`--docker-target` is not there yet"],
    },
    Case {
        variables: &[],
        line: "--offline --no-tmpfs --min-tmpfs 5 -o x debian vm",
        code: 2,
        says: &["`--offline` is not there yet", "mirror"],
    },
    Case {
        variables: &[],
        line: "-o image.tar.gz debian vm",
        code: 2,
        says: &["no image file `.tar.gz` is made"],
    },
    Case {
        variables: &[("DIB_RELESE", "trixie"), ("DIB_RELEASE", "trixie")],
        line: "-c -a amd64 -o clear debian vm",
        code: 0,
        // `-c` obeys none: it is Debian's usual release.
        says: &["bookworm"],
    },
];

fn prepared(variables: &[(&str, &str)]) -> Result<Dibhost> {
    let mut dibhost = dibhost()?;
    dibhost.write(
        "keys.pub",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMdc9nXq6IRSBWBVHBI me\n",
    )?;
    dibhost.write("layout.yaml", include_str!("../../host/dib/tests/layouts/dib-efi.yaml"))?;
    for (name, value) in variables {
        dibhost = dibhost.env(name, value);
    }
    Ok(dibhost)
}

fn words(line: &str) -> Vec<String> {
    let line = line.replace("'-i 16384'", "-i_16384");
    line.split_whitespace().map(|word| word.replace("-i_16384", "-i 16384")).collect()
}

fn said(outcome: &Outcome, case: &Case) -> Result<()> {
    let all = format!("{}\n{}", outcome.stdout, outcome.stderr);
    ensure!(!all.contains("unexpected argument"), "{all}");
    ensure!(!all.contains("in-no-plan"), "a password is shown:\n{all}");
    for words in case.says {
        ensure!(all.contains(words), "`{}` does not say `{words}`:\n{all}", case.line);
    }
    Ok(())
}

#[test]
fn command_lines_as_people_write_them_give_a_plan_or_say_what_to_write() -> Result<()> {
    for case in &CASES {
        let dibhost = prepared(case.variables)?;
        let line: Vec<String> = ["plan".to_owned()].into_iter().chain(words(case.line)).collect();
        let outcome = dibhost.run(&line)?.expect_code(case.code).context(case.line)?;
        said(&outcome, case)?;
    }
    Ok(())
}

#[test]
fn what_is_converted_is_planned_as_what_was_typed() -> Result<()> {
    for case in CASES.iter().filter(|case| case.code == 0) {
        let dibhost = prepared(case.variables)?;
        let plan = |line: &[String]| -> Result<serde_json::Value> {
            let json = dibhost.run(line)?.expect_code(0)?.stdout;
            Ok(serde_json::from_str(&json)?)
        };
        let start = ["convert", "disk-image-create"].map(str::to_owned);
        let line: Vec<String> = start.into_iter().chain(words(case.line)).collect();
        let toml = dibhost.run(&line)?.expect_code(0).context(case.line)?.stdout;
        dibhost.write("converted.toml", &toml)?;
        let converted = ["plan", "--format", "json", "converted.toml"].map(str::to_owned);
        let start = ["plan", "--format", "json"].map(str::to_owned);
        let typed: Vec<String> = start.into_iter().chain(words(case.line)).collect();
        let (converted, typed) = (plan(&converted)?, plan(&typed)?);
        ensure!(converted["digest"] == typed["digest"], "{}:\n{toml}", case.line);
    }
    Ok(())
}

#[test]
fn a_definition_obeys_no_variable_and_says_so() -> Result<()> {
    let dibhost = dibhost()?.env("DIB_RELEASE", "trixie").env("HOME_OF", "x");
    dibhost.write("image.toml", "[image]\nname = \"x\"\nelements = [\"debian-minimal\"]\n")?;
    let outcome = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(outcome.stderr.contains("`DIB_RELEASE` is set and not obeyed"), "{}", outcome.stderr);
    ensure!(outcome.stdout.contains("bookworm") && !outcome.stdout.contains("trixie"));
    Ok(())
}

#[test]
fn a_layout_in_yaml_is_taken_as_it_is_and_as_what_it_is_converted_to() -> Result<()> {
    let dibhost = prepared(&[])?;
    let converted = dibhost.run(&["convert", "layout.yaml"])?.expect_code(0)?.stdout;
    dibhost.write("converted.toml", &converted)?;
    let stated = "block-device = \"layout.yaml\"\n[image]\nname = \"layout\"\nelements = [\"debian\", \"vm\"]\n";
    dibhost.write("stated.toml", stated)?;
    let difference = dibhost.run(&["plan", "--diff", "stated.toml", "converted.toml"])?;
    let difference = difference.expect_code(0)?.stdout;
    ensure!(difference.contains("The plans are equal"), "{difference}");
    let by_variable = prepared(&[("DIB_BLOCK_DEVICE_CONFIG", "file://layout.yaml")])?;
    ensure!(by_variable.run(&["convert"])?.expect_code(0)?.stdout == converted);
    let wrong = dibhost.run(&["convert"])?.expect_code(2)?.stderr;
    ensure!(wrong.contains("`DIB_BLOCK_DEVICE_CONFIG` is not set"), "{wrong}");
    dibhost.write("bad.yaml", "- local_loop:\n    size: 5\n")?;
    let wrong = dibhost.run(&["convert", "bad.yaml"])?.expect_code(2)?.stderr;
    ensure!(wrong.contains("bad.yaml:1:3"), "{wrong}");
    Ok(())
}

#[test]
fn a_preset_is_converted_to_its_nodes() -> Result<()> {
    let dibhost = dibhost()?;
    for preset in
        ["block-device-efi", "block-device-efi-lvm", "block-device-efi-luks", "block-device-raid1"]
    {
        let toml = dibhost.run(&["convert", preset])?.expect_code(0)?.stdout;
        dibhost.write("converted.toml", &toml)?;
        let plan = dibhost.run(&["plan", "converted.toml"])?.expect_code(0).context(preset)?;
        ensure!(
            toml.contains("[[block-device]]") && plan.stdout.contains("root-filesystem"),
            "{toml}"
        );
    }
    let wrong = dibhost.run(&["convert", "block-device-elephant"])?.expect_code(2)?.stderr;
    ensure!(wrong.contains("there is no element `block-device-elephant`"), "{wrong}");
    let wrong =
        dibhost.run(&["convert", "ramdisk-image-create -o x fedora"])?.expect_code(2)?.stderr;
    ensure!(wrong.contains("ramdisks are not made yet"), "{wrong}");
    Ok(())
}

#[test]
fn a_definition_is_begun_by_words_and_never_overwritten() -> Result<()> {
    let dibhost = prepared(&[])?;
    let line = "init web.toml debian vm -a amd64 -p nginx --user deploy:keys.pub --size 20GB";
    let line: Vec<&str> = line.split(' ').collect();
    ensure!(dibhost.run(&line)?.expect_code(0)?.stdout == "web.toml\n");
    let plan = dibhost.run(&["plan", "web.toml"])?.expect_code(0)?.stdout;
    ensure!(plan.contains("nginx") && plan.contains("deploy"), "{plan}");
    let again = dibhost.run(&line)?.expect_code(2)?.stderr;
    ensure!(again.contains("`web.toml` is there already"), "{again}");
    let nothing = dibhost.run(&["init"])?.expect_code(2)?.stderr;
    ensure!(nothing.contains("this is no terminal to ask on"), "{nothing}");
    Ok(())
}

#[test]
fn what_is_typed_is_shown_and_counts() -> Result<()> {
    let dibhost = prepared(&[])?;
    let line = "plan -a amd64 debian vm -p nginx --set debian-minimal.release=trixie --set kernel.arguments=quiet \
                --file /etc/motd=keys.pub --user deploy:keys.pub --size 20GB --secret s=keys.pub --run true";
    let plan = dibhost.run(&line.split_whitespace().collect::<Vec<_>>())?.expect_code(0)?.stdout;
    for words in [
        "What was typed, as a definition says it:",
        "packages = [\"nginx\"]",
        "release = \"trixie\"",
        "arguments = [\"quiet\"]",
        "path = \"/etc/motd\"",
        "name = \"deploy\"",
        "size = \"20GB\"",
        "run = [\"sh\", \"-c\", \"true\"]",
        "file = \"keys.pub\"",
    ] {
        ensure!(plan.contains(words), "no `{words}` in:\n{plan}");
    }
    let shown = plan.split_once("says it:\n").context("the TOML is at the end")?.1;
    let shown: String = shown.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    dibhost.write("shown.toml", &shown)?;
    dibhost.run(&["plan", "shown.toml"])?.expect_code(0)?;
    for (line, words) in [
        ("plan debian --set relese", "`--set relese` sets nothing"),
        ("plan debian --set debian-minimal.relese=sid", "did you mean `release`?"),
        ("plan debian --file /etc/motd", "`--file /etc/motd` is no `DEST=SOURCE`"),
        ("plan debian --size huge", "`huge` is no size"),
        ("plan debian --variant small", "elements were typed"),
        ("plan debian --image-size huge", "`--image-size` is `huge`"),
    ] {
        let wrong = dibhost.run(&line.split(' ').collect::<Vec<_>>())?.expect_code(2)?.stderr;
        ensure!(wrong.contains(words), "{line}: {wrong}");
    }
    Ok(())
}
