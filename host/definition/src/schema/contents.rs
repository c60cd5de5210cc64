//! What the definition says of the image's content in its own keys.

use serde_json::{Value, json};

use super::shape::{
    NAME, boolean, fitting, named, number, only_true, table, tables, text, texts, with_one_of, word,
};

/// The keys, as they are told of.
pub(super) fn keys() -> Vec<(&'static str, Value)> {
    vec![
        (
            "packages",
            texts(
                "Packages to install; `!name` removes one, `name=8.*` wants a version.",
                &["nginx", "!snapd", "curl=8.*"],
            ),
        ),
        ("hostname", text("The machine's name.", "web")),
        ("locale", text("The system's language.", "en_US.UTF-8")),
        ("timezone", text("The time zone.", "Europe/Berlin")),
        ("files", files()),
        ("users", users()),
        ("units", units()),
        ("repositories", repositories()),
        ("commands", commands()),
        ("sysctl", sysctl()),
        ("kernel", kernel()),
    ]
}

fn files() -> Value {
    let path = fitting("Where, in the image.", "^/", "/etc/motd");
    let keys = vec![
        ("path", path),
        ("content", text("What is in it.", "Hello.\n")),
        ("source", text("A file or folder beside the definition.", "files/motd")),
        ("link", text("What a symbolic link says.", "/usr/share/motd")),
        ("directory", only_true("It is a folder.")),
        ("remove", only_true("Nothing is to be there.")),
        ("mode", fitting("Permission bits, as `chmod` takes them.", "^[0-7]{3,4}$", "0644")),
        ("owner", text("Who owns it.", "root")),
        ("group", text("Its group.", "root")),
    ];
    let each = table("What is at a path of the image.", keys, &["path"]);
    let each = with_one_of(each, &["content", "source", "link", "directory", "remove"]);
    tables(
        "Files, folders and links of the image.",
        each,
        json!({"path": "/etc/motd", "content": "Hello.\n"}),
    )
}

fn users() -> Value {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrDkAi0tSEmzdEWXGDS7tNAXsULK2vmyUzoSeE3bDZu me";
    let id = |of: &str| number(of, 0, 4_294_967_294, 1500);
    let keys = vec![
        ("name", fitting("The account.", "^[a-z_][a-z0-9_-]*$", "deploy")),
        ("authorized-keys", texts("Public keys that log in by SSH.", &[key])),
        ("groups", texts("Groups that it is in.", &["adm"])),
        ("sudo", word("How it becomes root.", &["nopasswd", "password", "none"])),
        ("password", fitting("The name of a secret in `[secrets]`.", NAME, "deploy-password")),
        ("shell", fitting("Its shell.", "^/", "/bin/bash")),
        ("home", fitting("Its home.", "^/", "/srv/deploy")),
        ("uid", id("Its number.")),
        ("gid", id("The number of its group.")),
        ("system", boolean("It is an account of the system.")),
        ("comment", text("Its full name.", "Deployment")),
        (
            "expires",
            fitting(
                "The first day on which nobody can log in with it.",
                "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                "2030-12-31",
            ),
        ),
        ("change-password", boolean("Its password has to be changed at the first login.")),
    ];
    let each = table("An account.", keys, &["name"]);
    tables("Accounts of the image.", each, json!({"name": "deploy"}))
}

fn units() -> Value {
    let keys = vec![
        ("name", text("The unit, with its suffix.", "hello.service")),
        ("content", text("Its text, or that of the drop-in.", "[Unit]\nDescription=Hello\n")),
        ("source", text("A file beside the definition that has the text.", "files/hello.service")),
        ("drop-in", text("The drop-in that the text is, without `.conf`.", "10-limits.conf")),
        ("state", word("What becomes of it.", &["enabled", "disabled", "masked"])),
    ];
    let mut each = table("A unit.", keys, &["name"]);
    let says = ["content", "source", "state"];
    each["anyOf"] = says.iter().map(|key| json!({"required": [key]})).collect();
    each["not"] = json!({"required": ["content", "source"]});
    each["dependencies"] = json!({
        "drop-in": {"anyOf": [{"required": ["content"]}, {"required": ["source"]}]},
    });
    let example = json!({"name": "hello.service", "content": "[Unit]\n", "state": "enabled"});
    tables("Units of the init system.", each, example)
}

fn repositories() -> Value {
    let keys = vec![
        ("name", text("What it is called.", "vendor")),
        ("url", fitting("Where it is.", "^https?://", "https://example.org/debian")),
        ("format", word("Of which packages it is.", &["deb", "rpm"])),
        (
            "key",
            json!({
                "description": "The file, beside the definition, of the key that signs it; of RPM packages also several.",
                "type": ["string", "array"],
                "items": {"type": "string"},
                "minItems": 1,
                "examples": ["keys/vendor.asc"],
            }),
        ),
        ("priority", number("Which one comes first.", -9999, 9999, 500)),
        ("build-only", boolean("The image itself is not to know it.")),
        ("suites", suites()),
        ("components", texts("Its components.", &["main"])),
        ("location", word("What the address is.", &["baseurl", "metalink", "mirrorlist"])),
        ("cost", number("What it costs to take packages from it.", 0, 1_000_000, 1000)),
        ("module-hotfixes", boolean("Its packages come before modules.")),
    ];
    let mut each = table("A source of packages.", keys, &["name", "url", "key"]);
    each["if"] = json!({"properties": {"format": {"const": "rpm"}}, "required": ["format"]});
    each["then"] = json!({
        "not": {"anyOf": [{"required": ["suites"]}, {"required": ["components"]}]},
        "properties": {"priority": {"minimum": 1}},
    });
    each["else"] = json!({
        "required": ["suites"],
        "properties": {"key": {"type": "string"}},
        "not": {"anyOf": [
            {"required": ["location"]}, {"required": ["cost"]}, {"required": ["module-hotfixes"]},
        ]},
    });
    let example = json!({
        "name": "vendor",
        "url": "https://example.org/debian",
        "suites": ["stable"],
        "components": ["main"],
        "key": "keys/vendor.asc",
    });
    tables("Sources of packages.", each, example)
}

fn suites() -> Value {
    let mut schema = texts("Its suites.", &["stable"]);
    schema["minItems"] = 1.into();
    schema
}

fn commands() -> Value {
    let phases = [
        "post-install",
        "extra-data",
        "pre-install",
        "install",
        "post-root",
        "pre-finalise",
        "finalise",
        "cleanup",
    ];
    let mut run =
        texts("A program of the image and its arguments; no shell.", &["systemctl", "preset-all"]);
    run["minItems"] = 1.into();
    let environment = json!({
        "description": "Variables, on top of a small clean environment.",
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {"type": "string"},
        "examples": [{"DEBIAN_FRONTEND": "noninteractive"}],
    });
    let keys = vec![
        ("phase", word("When it runs.", &phases)),
        ("run", run),
        (
            "script",
            text(
                "A file beside the definition, whose first line names its interpreter.",
                "scripts/x.sh",
            ),
        ),
        ("environment", environment),
        ("network", boolean("It may reach the network.")),
    ];
    let each =
        with_one_of(table("A program that runs in the image.", keys, &[]), &["run", "script"]);
    tables("Programs that run in the image while it is built.", each, json!({"run": ["true"]}))
}

fn sysctl() -> Value {
    named(
        "Settings of the kernel, by name.",
        "",
        json!({"type": ["string", "integer"], "examples": ["1"]}),
    )
}

fn kernel() -> Value {
    table(
        "The kernel.",
        vec![("arguments", texts("Arguments of its command line.", &["quiet"]))],
        &[],
    )
}
