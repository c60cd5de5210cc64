//! Actions and their keys: golden, and one test for each thing that a key is made of, and for each
//! that it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dibhost_definition::Definition;
use dibhost_plan::action::{self, Action, InputKind, Work};
use dibhost_plan::description::ParameterKind;
use dibhost_plan::wish::{Bootstrap, PackageWish, UnitState, Want, Wish};
use dibhost_plan::{Phase, Plan, PlanInputs};
use serde_json::json;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

const TEXT: &str = "[image]\nname = \"test\"\nformats = [\"qcow2\", \"raw\"]\n\
    elements = [\"debian-minimal\", \"console\", \"motd\", \"loader\"]\n";

/// An image with every kind of action.
struct Image {
    text: String,
    base: &'static str,
    inputs: PlanInputs,
    debian: Element,
    console: Element,
    motd: Element,
    loader: Element,
}

impl Image {
    fn new() -> Self {
        let user = Wish::User(user("deploy"));
        let unit = Wish::ServiceDefinition {
            unit: "x.service".to_owned(),
            content: "[Unit]\n".to_owned(),
        };
        let build_only = Wish::Package(package_wish("gcc", Want::BuildOnly));
        Self {
            text: TEXT.to_owned(),
            base: ".",
            inputs: PlanInputs::for_arch("amd64"),
            debian: debian().wishes(Phase::Root, &[install("openssh-server")]),
            console: element("console")
                .provides(Phase::Install, ARGUMENT)
                .gives(&[(ARGUMENT, "tty", json!({"argument": "console=ttyS0"}))])
                .plan_only(Phase::Install),
            motd: element("motd")
                .parameter("text", ParameterKind::Text, Some(json!("hello")))
                .requests("rootfs", "write /etc/motd")
                .step(Phase::Install)
                .wishes(Phase::Finalise, &[user, unit, service("x.service", UnitState::Enabled)]),
            loader: element("loader")
                .requests("exec", "grub-install")
                .reads(Phase::Finalise, ARGUMENT)
                .wishes(Phase::PostInstall, &[build_only]),
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Vec<Action> {
        let mut image = Self::new();
        change(&mut image);
        image.plan().actions
    }

    fn plan(&self) -> Plan {
        let elements = [&self.debian, &self.console, &self.motd, &self.loader].map(Clone::clone);
        let definition = Definition::parse(&self.text, "image.toml", Path::new(self.base)).unwrap();
        dibhost_plan::plan(&definition, &Shelf::new(elements), &self.inputs).unwrap()
    }
}

fn actions() -> Vec<Action> {
    Image::with(|_| {})
}

/// The names of the actions whose keys are others than those of the image as it is.
fn changed(change: impl FnOnce(&mut Image)) -> Vec<String> {
    differing(&actions(), &Image::with(change))
}

fn differing(before: &[Action], after: &[Action]) -> Vec<String> {
    let known: BTreeMap<&str, &str> =
        before.iter().map(|a| (a.name.as_str(), a.key.as_str())).collect();
    let other = |a: &&Action| known.get(a.name.as_str()) != Some(&a.key.as_str());
    after.iter().filter(other).map(|a| a.name.clone()).collect()
}

/// All actions from the one of that name on.
fn from(name: &str) -> Vec<String> {
    let names: Vec<String> = actions().into_iter().map(|a| a.name).collect();
    let at = names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no `{name}`"));
    names[at..].to_vec()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

/// A definition in which an element that is not shipped holds what it is granted.
fn of_others(grants: &str) -> impl FnOnce(&mut Image) {
    move |image| {
        image.motd = image.motd.clone().third_party();
        image.text += &format!(
            "[grants.motd]\n{grants}\naccounts = [\"*\"]\nservices = [\"*\"]\nservices-define = [\"*\"]\n"
        );
    }
}

#[test]
fn actions_stand_in_the_order_in_which_they_are_carried_out_under_pinned_keys() {
    let shown: Vec<_> = actions().iter().map(|a| format!("{} {}", &a.key[..16], a.name)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    de9e83f110628402 make an empty tree
    89db052a33b0ff7f make the first tree in `root`
    9253d72741043a47 run `debian-minimal` in `root`
    7e9ea5ad715bb591 run `motd` in `install`
    1473ba168f400090 install packages in `post-install`
    79042ffbec399e4f run `loader` in `post-install`
    9d2b1813f8baca86 write `/etc/fstab`
    ae5deffb08c4e5fd make accounts in `finalise`
    fcd93ea27ae6ebb6 set units in `finalise`
    6544f956d41f3cea run `update-initramfs` once in `finalise`
    a52269bb73d09009 run `loader` in `finalise`
    3a0c97605530a26c run `motd` in `finalise`
    aaca8c0269fe49be remove packages of the build
    d6d337195adf7dd1 write the disk
    2a85e195628f5afc make the qcow2 image
    d990fa28d7d93441 make the raw image
    ");
}

#[test]
fn what_an_action_reads_is_named() {
    let shown = |action: &Action| {
        let inputs = action.inputs.iter().map(|i| format!("  {} {}", i.kind.name(), i.name));
        format!("{}\n{}", action.name, inputs.collect::<Vec<_>>().join("\n"))
    };
    let text: Vec<_> = actions().iter().map(shown).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    make an empty tree
      build arch
      build host-api
      build source-date-epoch
    make the first tree in `root`
      first-tree 
      package openssh-server
    run `debian-minimal` in `root`
      component 
      step 
      image name
      grant bootstrap
      grant facts dib:os/distribution@1
      grant packages *
    run `motd` in `install`
      component 
      step 
      image name
      parameter text
      grant accounts *
      grant rootfs write /etc/motd
      grant services *
      grant services-define *
    install packages in `post-install`
      package gcc
    run `loader` in `post-install`
      component 
      step 
      image name
      grant exec grub-install
      grant packages *
    write `/etc/fstab`
      fstab /etc/fstab
    make accounts in `finalise`
      account user deploy
    set units in `finalise`
      unit text x.service
      unit state x.service
    run `update-initramfs` once in `finalise`
      trigger update-initramfs
    run `loader` in `finalise`
      component 
      step 
      image name
      grant exec grub-install
      grant packages *
      fact dib:boot/kernel-argument@1 console tty
    run `motd` in `finalise`
      component 
      step 
      image name
      parameter text
      grant accounts *
      grant rootfs write /etc/motd
      grant services *
      grant services-define *
    remove packages of the build
      removal gcc
    write the disk
      node disk
      node root
      node mount-root
      disk backend
      disk identities
      disk optimise
    make the qcow2 image
      format format
      format compression
    make the raw image
      format format
    ");
}

#[test]
fn names_of_actions_and_of_their_inputs_are_unique() {
    let all = actions();
    let names: BTreeSet<_> = all.iter().map(|a| &a.name).collect();
    assert_eq!(names.len(), all.len());
    for action in &all {
        let inputs: BTreeSet<_> = action.inputs.iter().map(|i| (i.kind, &i.name)).collect();
        assert_eq!(inputs.len(), action.inputs.len(), "{}", action.name);
    }
}

// What must change a key does.

#[test]
fn the_key_before_changes_a_key_and_no_key_before_it() {
    let all = changed(|image| {
        image.debian = image.debian.clone().wishes(Phase::Root, &[install("curl")])
    });
    assert_eq!(all, from("make the first tree in `root`"));
}

#[test]
fn a_component_changes_a_key() {
    let motd = |image: &mut Image| image.motd = image.motd.clone().version("1.0.1");
    let keys = Image::with(motd);
    let step = keys.iter().find(|a| a.name == "run `motd` in `install`").unwrap();
    let before = actions();
    let before = before.iter().find(|a| a.name == step.name).unwrap();
    assert_eq!(action::first_difference(before, step).unwrap().kind, InputKind::Component);
    assert!(differing(&actions(), &keys).contains(&step.name));
}

#[test]
fn a_parameter_changes_a_key() {
    let all = changed(|image| image.text += "[parameters.motd]\ntext = \"good day\"\n");
    assert_eq!(all, from("run `motd` in `install`"));
}

#[test]
fn a_planned_fact_that_a_step_reads_changes_its_key() {
    let all = changed(|image| {
        image.console = element("console")
            .version("1.0.0")
            .provides(Phase::Install, ARGUMENT)
            .gives(&[(ARGUMENT, "tty", json!({"argument": "console=ttyS1"}))])
            .plan_only(Phase::Install);
    });
    assert_eq!(all, from("run `loader` in `finalise`"));
}

#[test]
fn a_grant_changes_a_key() {
    let narrow = Image::with(of_others("rootfs = [\"write /etc/motd\"]"));
    let wide = Image::with(of_others("rootfs = [\"write /etc/motd\"]\nexec = [\"sh\"]"));
    assert!(differing(&narrow, &wide).is_empty(), "what is not asked for is not held");
    let asked = |grants| {
        Image::with(|image| {
            image.motd = image.motd.clone().requests("exec", "sh");
            of_others(grants)(image);
        })
    };
    let held = asked("rootfs = [\"write /etc/motd\"]\nexec = [\"sh\"]");
    assert!(differing(&narrow, &held).contains(&"run `motd` in `install`".to_owned()));
}

/// What `dib.lock` has of the image, with this as what `motd` fetched.
fn pinned(is: &str) -> impl FnOnce(&mut Image) {
    let mut lock = dibhost_plan::lock::locked(&Image::new().plan());
    let pins = &mut lock.get_mut("motd").unwrap().pins;
    pins.insert("https://example.org/text".to_owned(), is.to_owned());
    move |image| image.inputs.lock = Some(lock)
}

#[test]
fn what_a_step_has_to_fetch_again_changes_its_key() {
    let (one, other) = (Image::with(pinned("sha256:1")), Image::with(pinned("sha256:2")));
    assert_eq!(differing(&one, &other), from("run `motd` in `install`"));
    assert_eq!(differing(&actions(), &one), from("run `motd` in `install`"));
    let step = |actions: &[Action]| {
        actions.iter().find(|a| a.name == "run `motd` in `install`").unwrap().clone()
    };
    let first = action::first_difference(&step(&one), &step(&other)).unwrap().clone();
    assert_eq!((first.kind, first.name.as_str()), (InputKind::Pin, "https://example.org/text"));
}

#[test]
fn pins_are_kept_by_the_lock_shown_and_compared() {
    let plan = |is| {
        let mut image = Image::new();
        pinned(is)(&mut image);
        image.plan()
    };
    let (one, other) = (plan("sha256:1"), plan("sha256:2"));
    assert_ne!(one.digest, other.digest);
    assert_eq!(
        dibhost_plan::lock::locked(&one)["motd"].pins["https://example.org/text"],
        "sha256:1"
    );
    let text = one.to_text();
    assert!(text.contains("pin https://example.org/text"), "{text}");
    let told = dibhost_plan::diff::Difference::between(&one, &other).to_text();
    assert!(told.contains("motd: https://example.org/text"), "{told}");
}

#[test]
fn bytes_from_outside_change_a_key_by_their_digest_and_not_by_their_place() {
    let archive = |url: &str, digest: char| {
        let digest = format!("sha256:{}", digest.to_string().repeat(64));
        let wish = Wish::Bootstrap(Bootstrap::Archive(url.to_owned(), digest));
        Image::with(|image| {
            image.debian = element("debian-minimal").wishes(Phase::Root, &[wish]);
        })
    };
    let one = archive("https://one.example/x.tar", '1');
    assert_eq!(differing(&one, &archive("https://other.example/y.tar", '1')), nothing());
    let other = differing(&one, &archive("https://one.example/x.tar", '2'));
    assert_eq!(other[0], "make the first tree in `root`");
}

#[test]
fn the_image_of_a_container_changes_a_key_and_so_does_what_it_is_said_to_be() {
    const SYSTEM: &str = "dib:os/distribution@1";
    let container = |host: &str, digest: char, version: &str| {
        let digest = digest.to_string().repeat(64);
        let reference = format!("{host}/debian@sha256:{digest}");
        let said = json!({
            "id": "debian", "version-id": version, "codename": "bookworm", "family": "debian",
            "package-manager": "apt", "init": "systemd", "default-user": "debian"
        });
        Image::with(|image| {
            image.debian = element("debian-minimal")
                .wishes(Phase::Root, &[Wish::Bootstrap(Bootstrap::Container(reference))])
                .provides(Phase::Root, SYSTEM)
                .gives(&[(SYSTEM, "", said)]);
        })
    };
    let one = container("one.example", '1', "12");
    assert_eq!(differing(&one, &container("other.example", '1', "12")), nothing());
    for other in [container("one.example", '2', "12"), container("one.example", '1', "13")] {
        assert_eq!(differing(&one, &other)[0], "make the first tree in `root`");
    }
}

#[test]
fn a_mirror_whose_contents_nothing_pins_changes_a_key() {
    let all = changed(|image| {
        image.debian = element("debian-minimal").wishes(
            Phase::Root,
            &[
                Wish::Bootstrap(Bootstrap::Distribution(dibhost_plan::wish::Distribution {
                    package_manager: "apt".to_owned(),
                    release: "bookworm".to_owned(),
                    mirror: Some("https://mirror.example/debian".to_owned()),
                    components: vec!["main".to_owned()],
                    keys: Vec::new(),
                    packages: vec!["dbus".to_owned()],
                    rpm: None,
                })),
                install("openssh-server"),
            ],
        );
    });
    assert_eq!(all, from("make the first tree in `root`"));
}

#[test]
fn the_version_of_a_package_changes_a_key() {
    let version = |version: Option<&str>| {
        let wish = PackageWish {
            version: version.map(str::to_owned),
            ..package_wish("curl", Want::Install)
        };
        Image::with(|image| {
            image.debian = image.debian.clone().wishes(Phase::Root, &[Wish::Package(wish)]);
        })
    };
    assert_eq!(
        differing(&version(None), &version(Some("8.5.0-2"))),
        from("make the first tree in `root`")
    );
}

#[test]
fn the_version_of_a_builders_program_changes_the_keys_of_what_it_shapes() {
    let versions = |apt: &str, mke2fs: &str| {
        let versions = [("apt-get", apt), ("mke2fs", mke2fs), ("mkfs.xfs", "6.1")];
        let versions = versions.map(|(n, v)| (n.to_owned(), v.to_owned()));
        action::with_versions(&actions(), &versions.into())
    };
    let one = versions("2.6", "1.46");
    assert_eq!(differing(&one, &versions("2.6", "1.46")), nothing());
    assert_eq!(differing(&one, &versions("2.6", "1.47")), from("write the disk"));
    assert_eq!(differing(&one, &versions("2.7", "1.46")), from("make the first tree in `root`"));
    let none = action::with_versions(&actions(), &BTreeMap::new());
    assert_eq!(differing(&none, &one), from("make the first tree in `root`"));
    // And a plan has none: it is one plan on every machine.
    assert!(actions().iter().all(|a| a.inputs.iter().all(|i| i.kind != InputKind::Program)));
}

#[test]
fn the_machine_changes_every_key() {
    assert_eq!(
        changed(|image| image.inputs.builder_arch = "arm64".to_owned()),
        from("make an empty tree")
    );
}

#[test]
fn the_source_date_epoch_changes_every_key() {
    assert_eq!(changed(|image| image.inputs.source_date_epoch += 1), from("make an empty tree"));
}

#[test]
fn the_contract_is_in_every_key_by_way_of_the_first() {
    let first = &actions()[0];
    assert!(first.inputs.iter().any(|i| i.kind == InputKind::Build && i.name == "host-api"));
}

#[test]
fn a_unit_or_an_account_changes_a_key() {
    let all = changed(|image| {
        let unit = Wish::ServiceDefinition {
            unit: "y.service".to_owned(),
            content: "[Unit]\n".to_owned(),
        };
        image.motd = image.motd.clone().wishes(Phase::Finalise, &[unit]);
    });
    assert_eq!(all, from("set units in `finalise`"));
    let all = changed(|image| {
        let group = Wish::Group { name: "staff".to_owned(), gid: Some(900) };
        image.motd = image.motd.clone().wishes(Phase::Finalise, &[group]);
    });
    assert_eq!(all, from("make accounts in `finalise`"));
}

#[test]
fn the_label_of_the_root_filesystem_changes_the_keys_of_the_fstab_and_the_disk() {
    let all = changed(|image| image.text += "[root-filesystem]\nlabel = \"other\"\n");
    assert_eq!(all, from("write `/etc/fstab`"));
}

// What must not change a key does not.

#[test]
fn paths_change_no_key() {
    assert_eq!(changed(|image| image.base = "/home/somebody/images"), nothing());
    let place = |image: &mut Image| {
        image.text = image.text.replace("\"motd\"", "\"./elements/motd.wasm\"");
    };
    assert_eq!(changed(place), nothing());
}

#[test]
fn the_builders_proxies_keys_and_folders_change_no_key() {
    let all = changed(|image| {
        image.inputs.builder.http_proxy = Some("http://proxy.example:3128".to_owned());
        image.inputs.builder.authorized_keys = vec!["ssh-ed25519 AAAA me".to_owned()];
        image.inputs.missing_secrets.insert("x".to_owned(), "is not there".to_owned());
    });
    assert_eq!(all, nothing());
}

#[test]
fn compression_changes_the_key_of_the_compressed_file_alone() {
    let all = changed(|image| {
        image.text = TEXT.replace("formats", "qcow2-compression = \"zlib\"\nformats")
    });
    assert_eq!(all, ["make the qcow2 image"]);
}

#[test]
fn an_image_file_more_changes_no_other_key() {
    let all = changed(|image| image.text = TEXT.replace("\"qcow2\", \"raw\"", "\"raw\""));
    assert_eq!(all, nothing());
}

#[test]
fn files_of_the_tree_come_of_no_disk() {
    let of = |formats: &str, more: &str| {
        let text = TEXT.replace("\"qcow2\", \"raw\"", formats);
        Image::with(|image| image.text = format!("{text}{more}"))
    };
    let larger = "[disk]\nsize = \"20GB\"\n";
    let both = "\"raw\", \"tar\"";
    let all = differing(&of(both, ""), &of(both, larger));
    assert_eq!(all, ["write the disk", "make the raw image"]);
    let alone = of("\"tar\", \"oci\"", "");
    let of_disks = |action: &&Action| matches!(action.work, Work::Disk | Work::Fstab);
    assert_eq!(alone.iter().filter(of_disks).count(), 0);
    assert_eq!(of(both, "").iter().filter(of_disks).count(), 2);
    let last: Vec<_> = alone.iter().rev().take(2).map(|a| (&*a.name, &*a.programs)).collect();
    let tar = ["tar".to_owned()];
    assert_eq!(last, [("make the oci image", tar.as_slice()), ("make the tar image", &tar)]);
}

#[test]
fn limits_and_the_place_of_a_secret_change_no_key() {
    let secret = |file: &str| {
        Image::with(|image| {
            image.motd = image.motd.clone().parameter("key", ParameterKind::Secret, None);
            image.text += &format!("[secrets]\npassword = {{ file = \"{file}\" }}\n");
            image.text += "[parameters.motd]\nkey = \"password\"\n";
        })
    };
    assert_eq!(differing(&secret("one"), &secret("other")), nothing());
    assert_eq!(changed(|image| image.text += "[limits]\nstep-time = \"20 min\"\n"), nothing());
}

#[test]
fn texts_for_people_change_no_key() {
    let all = changed(|image| {
        image.motd.description.summary = "Something else".to_owned();
        for request in &mut image.motd.description.requests {
            request.reason = "because".to_owned();
        }
    });
    assert_eq!(all, nothing());
    let reason = |reason: &str| {
        let wish = PackageWish { reason: reason.to_owned(), ..package_wish("curl", Want::Install) };
        Image::with(|image| {
            image.debian = image.debian.clone().wishes(Phase::Root, &[Wish::Package(wish)]);
        })
    };
    assert_eq!(differing(&reason("to fetch"), &reason("to post")), nothing());
}

#[test]
fn who_wants_a_package_and_when_changes_no_key_of_its_transaction() {
    let by = |other: bool| {
        Image::with(|image| {
            let wish = [install("curl")];
            match other {
                true => image.console = image.console.clone().wishes(Phase::Install, &wish),
                false => image.debian = image.debian.clone().wishes(Phase::Root, &wish),
            }
        })
    };
    let (one, other) = (by(false), by(true));
    let name = "make the first tree in `root`";
    assert!(differing(&actions(), &one).contains(&name.to_owned()));
    assert!(!differing(&one, &other).contains(&name.to_owned()), "{:?}", differing(&one, &other));
}

#[test]
fn the_images_name_changes_no_key_before_the_first_element_that_may_ask_for_it() {
    let all = changed(|image| image.text = TEXT.replace("\"test\"", "\"other\""));
    assert_eq!(all, from("run `debian-minimal` in `root`"));
}

#[test]
fn the_order_of_elements_changes_no_key() {
    let all = changed(|image| {
        image.text =
            TEXT.replace("\"debian-minimal\", \"console\"", "\"console\", \"debian-minimal\"");
    });
    assert_eq!(all, nothing());
}

#[test]
fn a_step_that_only_plans_is_no_action() {
    assert!(actions().iter().all(|a| !a.name.contains("console")));
    let of = |a: &&Action| matches!(a.work, Work::Step { phase: Phase::Finalise, .. });
    assert_eq!(actions().iter().filter(of).count(), 2);
}
