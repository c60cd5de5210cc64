//! What the generator knows of values: which are words of a list, which name another thing, which
//! cannot be.

/// Values that cannot be, by table and key. Of each the type is right.
pub(super) const RANGES: &[(&str, &str, &[&str])] = &[
    ("", "packages", &["[\"ng inx\"]", "[\"-nano\"]", "[\"curl=\"]"]),
    ("", "hostname", &["\"web_1\"", "\"-web\"", "\"\""]),
    ("", "locale", &["\"german\"", "\"de_DE.ISO-8859-1\""]),
    ("", "timezone", &["\"Europe/Atlantis\"", "\"../../etc/passwd\""]),
    ("image", "name", &["\"a b\"", "\"-web\"", "\"\""]),
    ("image", "source-date-epoch", &["-1"]),
    ("root-filesystem", "label", &["\"much-too-long-a-label\"", "\"a b\""]),
    ("root-filesystem", "max-online-resize", &["\"1TX\"", "\"many\"", "-5"]),
    ("root-filesystem", "free-space", &["\"200 MBit\"", "\"0.5.1GB\""]),
    ("root-filesystem.tuning", "inode-ratio", &["16", "\"few\""]),
    ("root-filesystem.tuning", "reserved-percent", &["90", "-1"]),
    ("disk", "size", &["\"20XB\"", "\"1KiB\"", "\"large\""]),
    ("disk.volumes", "esp", &["\"all\"", "\"120 of rest\""]),
    ("kernel", "arguments", &["[\"quiet splash\"]", "[\"a=`b`\"]"]),
    ("files", "path", &["\"etc/motd\"", "\"/etc/motd/\"", "\"/proc/motd\"", "\"/etc/../motd\""]),
    ("files", "mode", &["\"0999\"", "\"rw-r--r--\"", "\"77777\""]),
    ("files", "owner", &["\"a b\"", "\"root:adm\""]),
    ("users", "name", &["\"De Ploy\"", "\"0day\""]),
    ("users", "authorized-keys", &["[\"ssh-ed25519\"]", "[\"deploy.pub\"]"]),
    ("users", "shell", &["\"bash\""]),
    ("users", "home", &["\"~deploy\""]),
    ("users", "uid", &["65535", "-1", "99999999999"]),
    ("users", "gid", &["65535"]),
    ("users", "expires", &["\"2030-13-01\"", "\"tomorrow\"", "\"31.12.2030\""]),
    ("units", "name", &["\"hello\"", "\"a b.service\""]),
    ("units", "drop-in", &["\"nginx.service.d/10.conf\""]),
    ("repositories", "name", &["\"ven dor\"", "\"a/b\""]),
    ("repositories", "url", &["\"ftp://packages.example.org\"", "\"packages.example.org\""]),
    ("repositories", "suites", &["[]", "[\"sta ble\"]"]),
    ("repositories", "priority", &["100000", "-10000"]),
    ("repositories", "cost", &["-1"]),
    ("commands", "run", &["[]", "[\"bin/true\"]", "[\"systemctl preset-all\"]"]),
    ("commands", "environment", &["{ \"1X\" = \"y\" }"]),
    ("limits", "memory", &["\"1KiB\"", "\"1TiB\"", "\"some\""]),
    ("limits", "step-time", &["\"0 s\"", "\"3 weeks\"", "-5"]),
    ("limits", "plan-time", &["\"2 h\""]),
    ("limits", "fuel", &["5"]),
    ("limits", "files", &["-1", "20000000"]),
    ("limits", "programs", &["0"]),
    ("limits", "program-memory", &["\"1MiB\""]),
    ("grants", "rootfs", &["[\"/srv/site\"]", "[\"write srv\"]"]),
    ("grants", "inputs", &["[\"parameter \"]"]),
    ("inputs", "path", &["\"\"", "\"nowhere\""]),
    (
        "secrets",
        "deploy-password",
        &["{ file = \"\" }", "{ file = \"a\", environment = \"B\" }", "{}"],
    ),
    ("secrets", "registry-token", &["{ environment = \"a b\" }"]),
    ("secrets", "signing-key", &["{ command = [] }"]),
    ("sysctl", "\"net.core.somaxconn\"", &["\"\""]),
    ("parameters.debian", "release", &["\"stable\"", "\"Book worm\""]),
    ("parameters.debian", "mirror", &["\"mirror.example.org\""]),
    ("parameters.vm", "free-space", &["-64"]),
    ("parameters.kernel", "compression-level", &["300"]),
    ("block-device disk", "size", &["\"40 Gigs\"", "1000", "\"1 KiB\""]),
    ("block-device disk", "sector-size", &["1000", "8192"]),
    ("block-device gpt", "alignment", &["\"3 MiB\"", "512"]),
    ("block-device partition", "size", &["\"120%\"", "\"half\"", "0"]),
    ("block-device partition", "label", &["\"a label that is longer than thirty-six characters\""]),
    ("block-device volume-group", "extent-size", &["\"3 MiB\"", "1"]),
    ("block-device logical-volume", "stripes", &["0", "5"]),
    ("block-device luks", "label", &["\"a b\""]),
    ("block-device raid", "level", &["5"]),
    ("block-device raid", "array", &["\"a b\""]),
    ("block-device raid", "metadata", &["\"0.90\""]),
    ("block-device filesystem", "uuid", &["\"1234\""]),
    ("block-device filesystem", "label", &["\"much-too-long-a-label-for-any\""]),
    ("block-device filesystem", "mount", &["\"var\"", "\"/proc/x\"", "\"/a b\""]),
    ("block-device filesystem", "tuning", &["{ fat-bits = 12 }"]),
    ("block-device subvolume", "path", &["\"/home\"", "\"../x\""]),
    ("block-device mount", "at", &["\"var\"", "\"/sys\""]),
    ("block-device mount", "options", &["[\"a b\"]", "[\"ro\", \"rw\"]"]),
    ("block-device mount", "pass", &["12", "-1"]),
    ("block-device grub-bios", "boot-image", &["\"boot.img\""]),
];

/// What an entry of a table cannot do without, but for the nodes' name and type.
pub(super) const REQUIRED: &[(&str, &str)] = &[
    ("image", "name"),
    ("image", "elements"),
    ("files", "path"),
    ("files", "content"),
    ("files", "source"),
    ("users", "name"),
    ("units", "name"),
    ("repositories", "name"),
    ("repositories", "url"),
    ("repositories", "key"),
    ("commands", "run"),
    ("commands", "script"),
    ("inputs", "path"),
    ("parameters.motd", "text"),
    ("block-device partition", "size"),
    ("block-device partition", "on"),
    ("block-device luks", "secrets"),
    ("block-device filesystem", "format"),
    ("block-device filesystem", "on"),
    ("block-device logical-volume", "size"),
    ("block-device thin-pool", "size"),
    ("block-device thin-volume", "pool"),
    ("block-device mount", "at"),
    ("block-device raid", "level"),
    ("block-device subvolume", "path"),
];

/// Whether a value is a word of a closed list.
pub(super) fn is_word(table: &str, key: &str) -> bool {
    matches!(
        (table, key),
        ("", "locale" | "timezone")
            | ("image", "formats" | "arch" | "qcow2-compression")
            | ("disks", "backend" | "optimise")
            | ("trust", "first-party")
            | ("users", "sudo")
            | ("units", "state")
            | ("commands", "phase")
            | ("repositories", "format" | "location")
            | ("parameters.vm", "root-filesystem")
            | ("block-device", "type" | "format" | "partition-type" | "attributes" | "by")
    ) || (table.starts_with("grants.") && ["rootfs", "inputs"].contains(&key))
}

/// Whether a value is the name of another thing in the definition, or of a file beside it.
pub(super) fn refers(table: &str, key: &str) -> bool {
    matches!(
        (table, key),
        ("", "include")
            | ("users", "password")
            | ("files" | "units", "source")
            | ("commands", "script")
            | ("repositories", "key")
            | ("parameters.site", "source")
            | ("block-device", "on" | "pool" | "secrets")
    ) || (table.starts_with("inputs.") && key == "path")
}

/// Whether a list may be a text as well.
pub(super) fn takes_lists(table: &str, key: &str) -> bool {
    table == "block-device" || (table, key) == ("repositories", "key")
}

/// Whether a number may be a text as well.
pub(super) fn is_text_too(table: &str, key: &str) -> bool {
    matches!(table, "sysctl" | "root-filesystem.tuning") || (table, key) == ("block-device", "size")
}
