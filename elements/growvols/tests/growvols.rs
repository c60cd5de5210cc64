//! The element on a host in memory.

use dibhost_element_sdk::slots::{Layout, LayoutMount, LayoutVolume};
use dibhost_element_sdk::{Phase, Planned, TestHost};
use growvols::Growvols;
use serde_json::json;

const SCRIPT: &str = "/usr/local/sbin/dibhost-growvols";

fn mount(at: &str, on: &str, filesystem: &str) -> LayoutMount {
    LayoutMount {
        at: at.to_owned(),
        on: on.to_owned(),
        filesystem: filesystem.to_owned(),
        label: None,
        uuid: None,
        options: Vec::new(),
        source: None,
    }
}

fn volume(name: &str, kind: &str, on: &str) -> LayoutVolume {
    let on = vec![on.to_owned()];
    LayoutVolume { name: name.to_owned(), kind: kind.to_owned(), uuid: None, on, level: None }
}

fn layout(below: &str) -> Layout {
    Layout {
        table: Some("gpt".to_owned()),
        mounts: vec![
            mount("/", "lv_root", "ext4"),
            mount("/home", "lv_home", "xfs"),
            mount("/var", "lv_var", "ext4"),
            mount("/boot/efi", "esp", "vfat"),
            mount("/srv", "data", "ext4"),
        ],
        partitions: Vec::new(),
        grub_bios: Vec::new(),
        volumes: vec![
            volume("pv", below, "disk"),
            volume("vg", "volume-group", "pv"),
            volume("lv_root", "logical-volume", "vg"),
            volume("lv_home", "logical-volume", "vg"),
            volume("lv_var", "logical-volume", "vg"),
        ],
    }
}

fn planned(host: TestHost) -> (Planned, TestHost) {
    let mut host = host;
    let planned = host.plan::<Growvols>(Phase::Install).unwrap();
    (planned, host)
}

fn host() -> TestHost {
    TestHost::new().fact("host", "", &layout("physical-volume"))
}

/// What the script does beyond its functions.
fn steps(host: &TestHost) -> String {
    let text = host.text(SCRIPT);
    let at = text.find("\nif group").unwrap() + 1;
    text[at..].to_owned()
}

#[test]
fn sizes_come_before_shares_of_what_is_left() {
    let volumes = json!({ "/": "10%", "/home": "2GiB", "/var": "80%" });
    let (planned, host) = planned(host().parameter("volumes", volumes));
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        steps(&host),
        "if group vg lv_root; then\n    size vg lv_home /home 2048\n    whole=$left # vg\n    \
         percent vg lv_root / 10\n    percent vg lv_var /var 80\n    note vg\nfi\n\
         exit \"$failed\"\n"
    );
    assert_eq!(planned.units[0].0, "dibhost-growvols.service");
    assert_eq!(host.stat(SCRIPT).unwrap().mode & 0o777, 0o755);
}

#[test]
fn without_a_word_the_root_takes_all() {
    let (_, host) = planned(host());
    assert!(steps(&host).contains("percent vg lv_root / 100\n"), "{}", steps(&host));
}

#[test]
fn what_does_not_grow_is_refused() {
    let refused = |host: TestHost, says: &str| {
        let (planned, host) = planned(host);
        assert!(!host.exists(SCRIPT) && planned.units.is_empty(), "{says}");
        let said: Vec<&str> = planned.findings.iter().map(|finding| &*finding.message).collect();
        assert!(planned.findings.iter().all(|finding| finding.fatal), "{said:?}");
        assert!(said.iter().any(|message| message.contains(says)), "{said:?}");
    };
    let of = |volumes: serde_json::Value| host().parameter("volumes", volumes);
    refused(of(json!({ "/nowhere": "10%" })), "Nothing of the disk is mounted at");
    refused(of(json!({ "/boot/efi": "10%" })), "`vfat`");
    refused(of(json!({ "/srv": "10%" })), "on no logical volume");
    refused(of(json!({ "/": "60%", "/var": "50%" })), "110 %");
    refused(of(json!({ "/": "ten" })), "no share");
    refused(of(json!({})), "No volume");
    refused(TestHost::new().fact("host", "", &layout("luks")), "an encryption");
}

/// The functions themselves, with `lvm` and what resizes told instead of done.
#[test]
fn the_script_gives_each_volume_its_share() {
    let volumes = json!({ "/": "10%", "/home": "2GiB", "/var": "90%" });
    let (_, host) = planned(host().parameter("volumes", volumes));
    let folder = std::env::temp_dir().join(format!("dibhost-growvols-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // A group of 4,000 extents of 4 MiB, of which 1,003 are free.
    let told = format!(
        "grow() {{ :; }}\nresize() {{ :; }}\nkept={}\n\
         of_group() {{ case $2 in vg_extent_count) echo 4000 ;; vg_extent_size) echo 4194304 ;; \
         *) echo 1003 ;; esac; }}\nlvm() {{ echo \"$*\" >&2; }}\nif group",
        folder.display()
    );
    let script = host.text(SCRIPT).replacen("\nif group", &format!("\n{told}"), 1);
    let run = || {
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let given = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {}", words[words.len() - 1], words[words.len() - 2])
        };
        said.lines().map(given).collect::<Vec<_>>()
    };
    assert_eq!(run(), ["vg/lv_home +512", "vg/lv_root +49", "vg/lv_var +442"]);
    // The group has no more than it had.
    assert!(run().is_empty());
    std::fs::remove_dir_all(&folder).unwrap();
}
