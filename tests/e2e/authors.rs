//! What an author of elements does, outside of this repository: new, test, build, check, and used in
//! an image, in four languages. What their toolchains need comes from the registries, once.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::program::{Dibhost, Outcome, Running};
use dibhost_tests::{dibhost, disk};

pub(crate) const LANGUAGES: [&str; 4] = ["rust", "python", "javascript", "c"];

/// The program in surroundings in which compilers and registries are found: those of who runs the
/// tests, with what is compiled kept for the next time.
pub(crate) fn author() -> Result<Dibhost> {
    let mut dibhost = dibhost()?;
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let of_home = |variable: &str, folder: &str| {
        std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}"))
    };
    let cache = std::env::var("DIBHOST_TEST_CACHE").map(PathBuf::from).unwrap_or_else(|_| {
        PathBuf::from(of_home("XDG_CACHE_HOME", ".cache")).join("dibhost/test")
    });
    let cargo = of_home("CARGO_HOME", ".cargo");
    let path = std::env::var("PATH").unwrap_or_default();
    let target = cache.join("author-target");
    dibhost = dibhost
        .env("CARGO_HOME", &cargo)
        .env("RUSTUP_HOME", of_home("RUSTUP_HOME", ".rustup"))
        .env("CARGO_TARGET_DIR", target)
        .env("PATH", format!("{cargo}/bin:{path}"));
    // How the registries are reached is the machine's affair.
    for (name, value) in std::env::vars() {
        let of_registry =
            ["PIP_", "npm_config_", "NPM_CONFIG_"].iter().any(|p| name.starts_with(p));
        let of_network =
            ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"].contains(&name.as_str());
        if of_registry || of_network || name.to_lowercase().ends_with("_proxy") {
            dibhost = dibhost.env(&name, value);
        }
    }
    Ok(dibhost)
}

/// Runs the program in a folder of the work folder.
pub(crate) fn within(dibhost: &Dibhost, folder: &Path, args: &[&str]) -> Result<Outcome> {
    let mut command = dibhost.command(args)?;
    command.current_dir(dibhost.folder().join(folder));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(command)?.wait(Duration::from_secs(3600))
}

/// A project that is tested, built and checked; the path of its component.
fn made(dibhost: &Dibhost, language: &str, name: &str, kind: &str) -> Result<PathBuf> {
    let new = ["element", "new", name, "--lang", language, "--kind", kind];
    dibhost.run(&new)?.expect_code(0)?;
    let folder = Path::new(name);
    within(dibhost, folder, &["element", "test"])?.expect_code(0)?;
    within(dibhost, folder, &["element", "build"])?.expect_code(0)?;
    let component = format!("{name}.wasm");
    let checked = within(dibhost, folder, &["element", "check", &component])?.expect_code(0)?;
    ensure!(checked.stdout == format!("{component}: nothing to mend\n"), "{}", checked.stdout);
    Ok(dibhost.folder().join(name).join(component))
}

#[test]
fn four_languages_go_from_nothing_to_one_image_in_which_all_of_them_talk() -> Result<()> {
    let dibhost = author()?;
    let names = LANGUAGES.map(|language| format!("guest-{language}"));
    for (language, name) in LANGUAGES.iter().zip(&names) {
        made(&dibhost, language, name, "files")?;
    }
    let paths: Vec<_> = names.iter().map(|name| format!("\"./{name}/{name}.wasm\"")).collect();
    let elements = paths.join(", ");
    let grants: String = names
        .iter()
        .map(|name| {
            format!("[grants.{name}]\nrootfs = [\"write /etc/guests\"]\npackages = [\"hello\"]\n")
        })
        .collect();
    let image = format!(
        "[image]\nname = \"guests\"\nelements = [\"fake-os\", {elements}]\nformats = [\"raw\"]\n\
         [grants.fake-os]\nfacts = [\"dib:os/distribution@1\"]\nrootfs = [\"write /\"]\n{grants}\
         [parameters.guest-c]\ngreeting = \"Hello\"\n"
    );
    dibhost.write("guests.toml", &image)?;
    dibhost.run(&["build", "guests.toml", "-o", "guests"])?.expect_code(0)?;
    let raw = dibhost.folder().join("guests.raw");
    for (reader, name) in LANGUAGES.iter().zip(&names) {
        let found = disk::read_file(&raw, &format!("/etc/guests/{name}"))?;
        let found = String::from_utf8(found.with_context(|| format!("{reader} wrote nothing"))?)?;
        let greeting = if *reader == "c" { "Hello" } else { "Welcome" };
        let mut providers = names.clone();
        providers.sort();
        let wanted: String =
            providers.iter().map(|provider| format!("{greeting}, {provider} (1)\n")).collect();
        ensure!(found == wanted, "{reader} wrote\n{found}\ninstead of\n{wanted}");
    }
    // A package that each asks for, on a parameter, where there are packages.
    let set: String =
        names.iter().map(|name| format!("[parameters.{name}]\nhello = true\n")).collect();
    let image = format!(
        "[image]\nname = \"guests\"\nelements = [\"debian-minimal\", {elements}]\nformats = [\"raw\"]\n{grants}{set}"
    );
    dibhost.write("packages.toml", &image)?;
    let planned = dibhost.run(&["plan", "--format", "json", "packages.toml"])?.expect_code(0)?;
    for name in &names {
        ensure!(planned.stdout.contains(name.as_str()), "the plan has no {name}");
    }
    ensure!(planned.stdout.contains("\"hello\""), "the plan has no package");
    Ok(())
}

#[test]
#[ignore = "long: under `make test-all`; twelve projects"]
fn every_kind_is_tested_built_and_sound() -> Result<()> {
    let dibhost = author()?;
    // One copy of the SDK for all of them.
    dibhost.run(&["element", "sdk", "sdk"])?.expect_code(0)?;
    for kind in ["packages", "program", "layout"] {
        for language in LANGUAGES {
            let name = format!("{language}-{kind}");
            let new = ["element", "new", &name, "--lang", language, "--kind", kind, "--sdk", "sdk"];
            dibhost.run(&new)?.expect_code(0)?;
            let folder = Path::new(&name);
            within(&dibhost, folder, &["element", "watch", "--once"])?.expect_code(0)?;
            let component = format!("{name}.wasm");
            let checked = within(&dibhost, folder, &["element", "check", &component])?;
            ensure!(checked.expect_code(0)?.stdout.ends_with(": nothing to mend\n"), "{name}");
        }
    }
    Ok(())
}

#[test]
fn what_is_wrong_in_a_script_is_a_sentence_and_not_a_trap() -> Result<()> {
    let dibhost = author()?;
    let cases = [
        ("python", "element.py", "license = \"Apache-2.0\"", "license = 3", "has no `license`"),
        ("javascript", "element.js", "license: \"Apache-2.0\"", "license: 3", "has no `license`"),
    ];
    for (language, file, right, wrong, sentence) in cases {
        let name = format!("wrong-{language}");
        dibhost.run(&["element", "new", &name, "--lang", language])?.expect_code(0)?;
        let source = dibhost.folder().join(&name).join(file);
        let text = std::fs::read_to_string(&source)?;
        std::fs::write(&source, text.replace(right, wrong))?;
        let built = within(&dibhost, Path::new(&name), &["element", "build"])?.expect_code(1)?;
        ensure!(built.stderr.contains(sentence), "{}", built.stderr);
        ensure!(
            !dibhost.folder().join(&name).join(format!("{name}.wasm")).exists(),
            "it was built"
        );

        // What it raises while it runs is told with where it was.
        let (call, mistake, said, place) = match language {
            "python" => (
                "text = \"\".join",
                "text = 1 / 0; \"\".join",
                "ZeroDivisionError: division by zero",
                "element.py line",
            ),
            _ => ("const lines = run", "null.oops; const lines = run", "TypeError: ", "runInstall"),
        };
        std::fs::write(&source, text.replace(call, mistake))?;
        within(&dibhost, Path::new(&name), &["element", "build"])?.expect_code(0)?;
        let component = format!("./{name}.wasm");
        let run = ["element", "run", &component, "--step", "greet"];
        let ran = within(&dibhost, Path::new(&name), &run)?.expect_code(1)?;
        for words in [said, place, "its author can mend it"] {
            ensure!(ran.stderr.contains(words), "no `{words}` in:\n{}", ran.stderr);
        }
    }
    Ok(())
}

#[test]
fn a_step_that_is_run_alone_says_what_it_wrote() -> Result<()> {
    let dibhost = author()?;
    let component = made(&dibhost, "c", "guest-c", "files")?;
    let component = component.to_str().context("a path in UTF-8")?;
    let ran = dibhost.run(&["element", "run", component, "--step", "greet"])?.expect_code(0)?;
    for line in ["done", "made /etc/guests/ (0755)", "wrote /etc/guests/guest-c (0 bytes, 0644)"] {
        ensure!(ran.stdout.contains(line), "no `{line}` in\n{}", ran.stdout);
    }
    Ok(())
}

#[test]
#[ignore = "long: under `make test-all`; Rust is built twice from nothing"]
fn in_rust_and_c_the_same_sources_are_the_same_component_at_every_place() -> Result<()> {
    for language in ["rust", "c"] {
        let mut digests = Vec::new();
        for place in ["one-place-of-it", "some/other/place-of-it"] {
            let dibhost = author()?;
            let folder = dibhost.folder().join(place);
            std::fs::create_dir_all(&folder)?;
            let new = ["element", "new", "same", "--lang", language];
            within(&dibhost, &folder, &new)?.expect_code(0)?;
            let project = folder.join("same");
            within(&dibhost, &project, &["element", "build"])?.expect_code(0)?;
            let bytes = std::fs::read(project.join("same.wasm"))?;
            let text = String::from_utf8_lossy(&bytes);
            ensure!(
                !text.contains(place),
                "a path of the builder is in the component in {language}"
            );
            digests.push(bytes);
        }
        ensure!(digests[0] == digests[1], "the components in {language} differ");
    }
    Ok(())
}

#[test]
fn mistakes_of_authors_are_told_with_what_to_do() -> Result<()> {
    let dibhost = author()?;
    let refused = |args: &[&str], code: i32, words: &[&str]| -> Result<()> {
        let said = dibhost.run(args)?.expect_code(code)?;
        for word in words {
            ensure!(said.stderr.contains(word), "no `{word}` for {args:?}:\n{}", said.stderr);
        }
        ensure!(said.stderr.contains("help: "), "no help for {args:?}:\n{}", said.stderr);
        Ok(())
    };
    refused(
        &["element", "new", "My_Element"],
        2,
        &["is no name of an element", "`my-element` would do"],
    )?;
    refused(&["element", "new", "../up"], 2, &["is no name of an element"])?;
    dibhost.run(&["element", "new", "twice", "--lang", "c"])?.expect_code(0)?;
    refused(&["element", "new", "twice"], 2, &["is there already"])?;
    refused(&["element", "new", "a", "--sdk", "nowhere"], 2, &["neither a version nor a folder"])?;
    refused(&["element", "build", "nowhere"], 2, &["there is no folder"])?;
    refused(&["element", "build", "."], 2, &["holds no element's project"])?;
    dibhost.write("text.wasm", "no component")?;
    refused(&["element", "check", "text.wasm"], 2, &["this is no component"])?;
    std::fs::write(dibhost.folder().join("plain.wasm"), wat::parse_str("(module)")?)?;
    refused(&["element", "check", "plain.wasm"], 2, &["it is a plain module"])?;

    // Without any tool it says what to install.
    let bare = dibhost_tests::dibhost()?.env("PATH", "/nowhere").env("CARGO_HOME", "/nowhere");
    bare.run(&["element", "new", "bare", "--lang", "c"])?.expect_code(0)?;
    let said = bare.run(&["element", "build", "bare"])?.expect_code(1)?;
    ensure!(
        said.stderr.contains("no C compiler") && said.stderr.contains("apt-get install"),
        "{}",
        said.stderr
    );
    // Nor is there one from before.
    let bare = bare.empty_cache();
    bare.run(&["element", "new", "snake", "--lang", "python"])?.expect_code(0)?;
    let said = bare.run(&["element", "test", "snake"])?.expect_code(1)?.stderr;
    for words in ["there is no Python", "python3-venv"] {
        ensure!(said.contains(words), "no `{words}` in:\n{said}");
    }
    Ok(())
}

#[test]
fn the_sdk_is_published_from_what_the_program_carries() -> Result<()> {
    let dibhost = author()?;
    dibhost.run(&["element", "sdk", "sdk"])?.expect_code(0)?;
    let sdk = dibhost.folder().join("sdk");
    for (crate_folder, file) in
        [("rust/element-sdk", "wit/types.wit"), ("rust/element-sdk/derive", "src/lib.rs")]
    {
        let list = std::process::Command::new("cargo")
            .args(["package", "--list", "--allow-dirty"])
            .current_dir(sdk.join(crate_folder))
            .output()
            .context("starting cargo")?;
        let text = String::from_utf8_lossy(&list.stdout).into_owned();
        ensure!(
            list.status.success() && text.contains(file),
            "{}",
            String::from_utf8_lossy(&list.stderr)
        );
    }
    for file in
        ["python/pyproject.toml", "javascript/package.json", "c/dibhost.h", "wit/exports.wit"]
    {
        ensure!(sdk.join(file).is_file(), "there is no {file}");
    }
    Ok(())
}
