//! The element on a host in memory.

use definition::Definition;
use dibhost_element_sdk::slots::{Distribution, KernelArgument};
use dibhost_element_sdk::{
    ErrorCode, File, FileNode, Output, Phase, Sudo, TestHost, UnitState, Want,
};
use serde_json::json;

/// An image of this family.
fn of_family(family: &str) -> TestHost {
    let distribution = Distribution {
        id: family.to_owned(),
        version_id: String::new(),
        codename: String::new(),
        family: family.to_owned(),
        package_manager: String::new(),
        init: "systemd".to_owned(),
        default_user: String::new(),
    };
    TestHost::new().fact("base", "", &distribution)
}

#[test]
fn nothing_said_is_nothing_wished_for() {
    for phase in [Phase::Install, Phase::PostInstall] {
        let planned = of_family("debian").plan::<Definition>(phase).unwrap();
        assert!(
            planned.packages.is_empty() && planned.files.is_empty() && planned.users.is_empty()
        );
        assert!(planned.findings.is_empty());
    }
}

#[test]
fn packages_are_installed_at_a_version_or_taken_away() {
    let list = json!([
        {"name": "nginx"},
        {"name": "curl", "version": "8.*"},
        {"name": "snapd", "remove": true},
        {"name": "@nodejs:20"},
        {"name": "@core"},
    ]);
    let planned =
        TestHost::new().parameter("packages", list).plan::<Definition>(Phase::Install).unwrap();
    let packages: Vec<(&str, Option<&str>, Want)> =
        planned.packages.iter().map(|p| (&*p.name, p.version.as_deref(), p.want)).collect();
    let expected = [
        ("nginx", None, Want::Install),
        ("curl", Some("8.*"), Want::Install),
        ("snapd", None, Want::Remove),
    ];
    assert_eq!(packages, expected);
    assert_eq!((&*planned.modules[0].name, &*planned.modules[0].stream), ("nodejs", "20"));
    assert_eq!(planned.package_groups[0].id, "core");

    let group = json!([{"name": "@core", "remove": true}]);
    let refused = TestHost::new().parameter("packages", group).plan::<Definition>(Phase::Install);
    assert_eq!(refused.unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn repositories_have_the_keys_beside_the_definition() {
    let list = json!([
        {"name": "vendor", "url": "https://x.example", "suites": ["stable"], "components": ["main"],
         "keys": ["definition.key"], "priority": -5, "build-only": true},
        {"name": "other", "url": "https://y.example", "keys": ["definition.key"], "location": "metalink",
         "priority": 7, "cost": 3, "module-hotfixes": true},
    ]);
    let mut host = TestHost::new().input("definition.key", "KEY").parameter("repositories", list);
    let planned = host.plan::<Definition>(Phase::Install).unwrap();
    let deb = &planned.deb_repositories[0];
    assert_eq!((&*deb.key, deb.priority, deb.build_only), ("KEY", Some(-5), true));
    let rpm = &planned.rpm_repositories[0];
    assert_eq!(
        (rpm.keys.len(), rpm.priority, rpm.cost, rpm.module_hotfixes),
        (1, Some(7), Some(3), true)
    );
}

#[test]
fn users_have_their_passwords_unread() {
    let list = json!([{
        "name": "deploy", "authorized-keys": ["ssh-ed25519 AAAA"], "groups": ["adm"], "sudo": "nopasswd",
        "password": "password-deploy", "uid": 1234, "shell": "/bin/sh", "expires": "2030-12-31",
    }]);
    let mut host =
        TestHost::new().parameter("users", list).added_secret("password-deploy", "hunter2");
    let planned = host.plan::<Definition>(Phase::Install).unwrap();
    let user = &planned.users[0];
    assert_eq!((&*user.name, user.uid, user.sudo), ("deploy", Some(1234), Some(Sudo::Nopasswd)));
    assert_eq!(user.expires.as_deref(), Some("2030-12-31"));
    assert_eq!(planned.passwords, [("deploy".to_owned(), b"hunter2".to_vec())]);
}

fn file<'a>(files: &'a [File], path: &str) -> &'a File {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} in {files:?}"))
}

#[test]
fn files_are_what_is_said_of_them() {
    let list = json!([
        {"path": "/etc/motd", "content": "Hello.\n", "mode": 0o600, "owner": "www-data"},
        {"path": "/etc/link", "link": "motd"},
        {"path": "/srv/empty", "directory": true},
        {"path": "/etc/issue", "remove": true},
        {"path": "/srv/www", "source": "definition.www"},
        {"path": "/srv/www/index.html", "content": "mine"},
        {"path": "/srv/key", "source": "definition.key", "mode": 0o400},
    ]);
    let mut host = TestHost::new()
        .parameter("files", list)
        .input("definition.key", "k")
        .input_file("definition.www", "index.html", "theirs")
        .input_file("definition.www", "a/b.txt", "b");
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    let motd = file(&planned.files, "/etc/motd");
    assert_eq!((motd.text(), motd.attributes.mode), (Some("Hello.\n"), Some(0o600)));
    assert_eq!(
        (motd.attributes.owner.as_deref(), &motd.attributes.group),
        (Some("www-data"), &None)
    );
    assert_eq!(file(&planned.files, "/etc/link").node, FileNode::Symlink("motd".to_owned()));
    assert_eq!(file(&planned.files, "/srv/empty").node, FileNode::Directory);
    assert_eq!(file(&planned.files, "/etc/issue").node, FileNode::Removed);
    // What is said of one path comes before what a folder brings along.
    assert_eq!(file(&planned.files, "/srv/www/index.html").text(), Some("mine"));
    assert_eq!(file(&planned.files, "/srv/www/a/b.txt").text(), Some("b"));
    assert_eq!(file(&planned.files, "/srv/key").attributes.mode, Some(0o400));
}

#[test]
fn large_sources_are_placed_when_the_image_is_built() {
    let list =
        json!([{"path": "/srv/www", "source": "definition.www", "placed": true, "owner": "root"}]);
    let mut host =
        TestHost::new().parameter("files", list).input_file("definition.www", "a/b.txt", "b");
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    assert_eq!(planned.files.len(), 1);
    assert_eq!(file(&planned.files, "/srv/www").node, FileNode::Directory);
    let mut host = host.directory("/srv/www");
    host.run::<Definition>("place").unwrap();
    assert_eq!(host.text("/srv/www/a/b.txt"), "b");
}

#[test]
fn units_have_texts_drop_ins_and_states() {
    let list = json!([
        {"name": "hello.service", "content": "[Unit]", "state": "enabled"},
        {"name": "ssh.service", "source": "definition.limits", "drop-in": "10-limits"},
        {"name": "cron.service", "state": "masked"},
        {"name": "a.timer", "state": "disabled"},
    ]);
    let mut host =
        TestHost::new().parameter("units", list).input("definition.limits", "[Service]\nX=1\n");
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    assert_eq!(planned.units, [("hello.service".to_owned(), "[Unit]\n".to_owned())]);
    assert_eq!(
        (&*planned.drop_ins[0].name, &*planned.drop_ins[0].content),
        ("10-limits", "[Service]\nX=1\n")
    );
    let states = [
        ("hello.service".to_owned(), UnitState::Enabled),
        ("cron.service".to_owned(), UnitState::Masked),
        ("a.timer".to_owned(), UnitState::Disabled),
    ];
    assert_eq!(planned.services, states);
}

#[test]
fn a_locale_is_made_by_the_distribution_s_own_package() {
    let locale = |family: &str, locale: &str| of_family(family).parameter("locale", locale);
    let mut debian = locale("debian", "de_DE.UTF-8");
    let planned = debian.plan::<Definition>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["locales"]);
    let answers: Vec<(&str, &str)> =
        planned.answers.iter().map(|a| (&*a.question, &*a.value)).collect();
    let expected = [
        ("locales/locales_to_be_generated", "de_DE.UTF-8 UTF-8"),
        ("locales/default_environment_locale", "de_DE.UTF-8"),
    ];
    assert_eq!(answers, expected);
    let planned = debian.plan::<Definition>(Phase::PostInstall).unwrap();
    assert_eq!(file(&planned.files, "/etc/default/locale").text(), Some("LANG=de_DE.UTF-8\n"));

    let planned = locale("debian", "C.UTF-8").plan::<Definition>(Phase::Install).unwrap();
    assert!(planned.packages.is_empty() && planned.answers.is_empty());

    let mut fedora = locale("fedora", "de_DE.UTF-8");
    let planned = fedora.plan::<Definition>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["glibc-langpack-de"]);
    let planned = fedora.plan::<Definition>(Phase::PostInstall).unwrap();
    assert_eq!(file(&planned.files, "/etc/locale.conf").text(), Some("LANG=de_DE.UTF-8\n"));
    let planned = locale("suse", "de_DE.UTF-8").plan::<Definition>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["glibc-locale"]);

    let planned = locale("plan9", "de_DE.UTF-8").plan::<Definition>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal);
    assert_eq!(planned.findings[0].parameter.as_deref(), Some("locale"));
}

#[test]
fn a_zone_is_a_link_and_has_to_be_there() {
    let mut host = of_family("debian").parameter("timezone", "Europe/Berlin");
    assert_eq!(host.plan::<Definition>(Phase::Install).unwrap().package_names(), ["tzdata"]);
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    let link = FileNode::Symlink("/usr/share/zoneinfo/Europe/Berlin".to_owned());
    assert_eq!(file(&planned.files, "/etc/localtime").node, link);
    assert_eq!(file(&planned.files, "/etc/timezone").text(), Some("Europe/Berlin\n"));

    let missing = host.run::<Definition>("settle").unwrap_err();
    assert_eq!(missing.code, ErrorCode::NotFound);
    assert!(missing.help.unwrap().contains("tzdata-legacy"));
    let mut there = host.file("/usr/share/zoneinfo/Europe/Berlin", "TZif");
    there.run::<Definition>("settle").unwrap();
}

#[test]
fn a_machine_finds_itself_by_its_name() {
    let hosts = "127.0.0.1\tlocalhost\n127.0.1.1\timage\n";
    let mut host =
        TestHost::new().parameter("hostname", "web.example.org").file("/etc/hosts", hosts);
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    assert_eq!(file(&planned.files, "/etc/hostname").text(), Some("web.example.org\n"));
    host.run::<Definition>("settle").unwrap();
    assert_eq!(host.text("/etc/hosts"), "127.0.0.1\tlocalhost\n127.0.1.1\tweb.example.org web\n");
    let mut without = TestHost::new().parameter("hostname", "web");
    without.run::<Definition>("settle").unwrap();
    assert!(!without.exists("/etc/hosts"));
}

#[test]
fn settings_of_the_kernel_are_a_file_and_facts() {
    let mut host = TestHost::new()
        .parameter("sysctl", json!({"net.ipv4.ip_forward": "1", "a.b": "2 3"}))
        .parameter("kernel-arguments", json!(["quiet", "console=ttyS0"]));
    let planned = host.plan::<Definition>(Phase::PostInstall).unwrap();
    let text = "# Written by dibhost: `[sysctl]` of the image definition.\na.b = 2 3\nnet.ipv4.ip_forward = 1\n";
    assert_eq!(file(&planned.files, "/etc/sysctl.d/90-dibhost.conf").text(), Some(text));
    let arguments = host.plan::<Definition>(Phase::Install).unwrap().provided::<KernelArgument>();
    let arguments: Vec<&str> = arguments.iter().map(|a| &*a.argument).collect();
    assert_eq!(arguments, ["quiet", "console=ttyS0"]);
}

#[test]
fn commands_run_in_their_phase_in_their_order() {
    let list = json!([
        {"phase": "post-install", "run": ["systemctl", "preset-all"]},
        {"phase": "install", "run": ["true"]},
        {"phase": "post-install", "run": ["/bin/sh", "-e"], "script": "definition.x.sh",
         "environment": {"A": "b"}, "network": true},
    ]);
    let mut host = TestHost::new()
        .parameter("commands", list)
        .input("definition.x.sh", "#!/bin/sh -e\n")
        .answer("systemctl", |_, _| Output::default())
        .answer("/bin/sh", |command, tree| {
            assert_eq!(tree.read(command.args.last().unwrap()).unwrap(), b"#!/bin/sh -e\n");
            Output::default()
        });
    let ran = host.run::<Definition>("run-post-install").unwrap();
    let [preset, script] = ran.commands.as_slice() else { panic!("{:?}", ran.commands) };
    assert_eq!((&*preset.program, preset.network), ("systemctl", false));
    assert_eq!((script.args[0].as_str(), script.network), ("-e", true));
    assert_eq!(script.env, [("A".to_owned(), "b".to_owned())]);
    assert!(!host.exists("/var/tmp/dibhost-definition"));
}

#[test]
fn a_command_that_fails_is_told_with_what_it_was() {
    let list = json!([{"phase": "install", "run": ["false", "x"]}]);
    let mut host = TestHost::new()
        .parameter("commands", list)
        .answer("false", |_, _| Output { status: 1, ..Output::default() });
    let error = host.run::<Definition>("run-install").unwrap_err();
    assert!(error.to_string().contains("running `false x`"), "{error}");
}
