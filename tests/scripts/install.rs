//! `make install`: the program where a system's programs are, found by shells and `man`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{repository, tool, work_folder};

fn install(arguments: &[&str], prefix: &str, destination: &Path) -> Result<Output> {
    let mut command = Command::new("make");
    command.arg("--no-print-directory").args(arguments).current_dir(repository());
    command.arg(format!("PREFIX={prefix}")).arg(format!("DESTDIR={}", destination.display()));
    command.output().context("starting make")
}

fn succeeded(output: Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = tool::run("find", &[folder.to_str().context("a path in UTF-8")?, "-type", "f"])?;
    Ok(found.lines().map(PathBuf::from).collect())
}

#[test]
fn an_installed_program_has_its_elements_pages_and_completions_and_goes_whole() -> Result<()> {
    let folder = work_folder()?;
    let prefix = "/opt/dibhost";
    succeeded(install(&["install"], prefix, folder.path())?)?;
    let root = folder.path().join("opt/dibhost");
    let program = root.join("bin/dibhost");
    let run = |arguments: &[&str]| -> Result<String> {
        // Nothing of the source tree: no variable says where elements are.
        let mut command = Command::new(&program);
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", folder.path()).env("DIBHOST_CACHE", folder.path().join("cache"));
        succeeded(command.current_dir("/").output()?)
    };
    let listed = run(&["element", "list"])?;
    ensure!(listed.contains("debian-minimal") && !listed.contains("not shipped"), "{listed}");
    ensure!(!listed.contains("fake-os"), "{listed}");
    let example = root.join("share/doc/dibhost/examples/debian-vm.toml");
    let example = example.to_str().context("a path in UTF-8")?;
    let plan = run(&["plan", example])?;
    ensure!(plan.starts_with("image debian-vm for amd64\n"), "{plan}");

    // The pages say what `--help` says.
    let share = root.join("share");
    for page in ["dibhost.1", "dibhost-build.1", "dibhost-block-device-install.1"] {
        let page = share.join("man/man1").join(page);
        let text = tool::run("man", &["--warnings=w", page.to_str().context("a path in UTF-8")?])?;
        ensure!(text.contains("dibhost"), "{text}");
    }
    // Each shell takes its completions, and knows the verbs by them.
    let bash = share.join("bash-completion/completions/dibhost");
    let script = format!(
        ". '{}'; COMP_WORDS=(dibhost block-device ins); COMP_CWORD=2; _dibhost dibhost ins block-device; \
         echo \"${{COMPREPLY[*]}}\"",
        bash.display()
    );
    let completed = tool::run("bash", &["-c", &script])?;
    ensure!(
        completed.trim() == "inspect install" || completed.trim() == "install inspect",
        "{completed}"
    );
    let zsh = share.join("zsh/site-functions/_dibhost");
    tool::run("zsh", &["-n", zsh.to_str().context("a path in UTF-8")?])?;
    let fish = share.join("fish/vendor_completions.d/dibhost.fish");
    let script = format!("source '{}'; complete -C 'dibhost block-device ins'", fish.display());
    let completed = tool::run("fish", &["--no-config", "-c", &script])?;
    ensure!(completed.contains("inspect") && completed.contains("install"), "{completed}");

    // Again over what is there, then away.
    succeeded(install(&["install"], prefix, folder.path())?)?;
    ensure!(run(&["--version"])?.starts_with("dibhost "));
    std::fs::remove_dir_all(folder.path().join("cache"))?;
    succeeded(install(&["uninstall"], prefix, folder.path())?)?;
    let left = files(&root)?;
    ensure!(left.is_empty(), "{left:?}");

    let wrong = install(&["install"], "relative", folder.path())?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(!wrong.status.success() && said.contains("no absolute path"), "{said}");
    Ok(())
}
