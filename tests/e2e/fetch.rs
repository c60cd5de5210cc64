//! An element that fetches, in a real build: by digest, unpinned, from git; and then without
//! anybody to ask.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::mirror::Server;
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, disk, repository, tool};

/// The element of `tests/elements/seeker`.
fn element() -> Result<PathBuf> {
    let out = repository().join("out/test-elements");
    let script = repository().join("elements/build.sh");
    let source = repository().join("tests/elements/seeker");
    let args = [Path::new("--only"), &source, Path::new("--out"), &out];
    let words: Vec<_> =
        [script.as_os_str()].into_iter().chain(args.iter().map(|a| a.as_os_str())).collect();
    tool::run("sh", &words)?;
    Ok(out.join("seeker.wasm"))
}

/// What is outside: a packed archive, a file, and a repository that is served as plain files.
fn world(folder: &Path) -> Result<String> {
    let script = "set -e
        mkdir -p tool-1/bin && echo tool > tool-1/bin/tool && tar czf tool.tar.gz tool-1
        echo first > notes
        mkdir -p work && cd work && git init --quiet --initial-branch=main
        git config user.name A && git config user.email a@example.org
        echo first > file && git add file && git commit --quiet -m first
        git update-server-info && ln -s work/.git ../repository
        cd .. && sha256sum tool.tar.gz";
    let said = in_folder(folder, script)?;
    let digest = said.split_whitespace().next().context("sha256sum says a digest")?;
    Ok(format!("sha256:{digest}"))
}

/// All of it that nobody pinned by a digest is something else now.
fn changed(folder: &Path) -> Result<()> {
    let script = "set -e
        echo second > notes; cd work; echo second > file
        git commit --quiet -a -m second; git update-server-info";
    in_folder(folder, script).map(drop)
}

fn in_folder(folder: &Path, script: &str) -> Result<String> {
    tool::run("sh", &["-c", &format!("cd '{}' && {script}", folder.display())])
}

fn file(dibhost: &Dibhost, path: &str) -> Result<String> {
    let raw = dibhost.folder().join("out/x.raw");
    let content = disk::read_file(&raw, path)?.with_context(|| format!("there is no {path}"))?;
    Ok(String::from_utf8(content)?)
}

#[test]
fn what_is_fetched_is_in_the_image_is_pinned_and_then_needs_nobody() -> Result<()> {
    let element = element()?;
    let dibhost = dibhost()?.empty_cache();
    let outside = dibhost.folder().join("outside");
    std::fs::create_dir_all(&outside)?;
    std::fs::create_dir_all(dibhost.folder().join("out"))?;
    let digest = world(&outside)?;
    let server = Server::start(&outside)?;
    let text = format!(
        "[image]\nname = \"x\"\nelements = [\"{}\"]\nformats = [\"raw\"]\n\n\
         [parameters.seeker]\nserver = \"{}\"\ndigest = \"{digest}\"\n",
        element.display(),
        server.url()
    );
    dibhost.write("image.toml", &text)?;
    dibhost.run(&["grant", "--write", "image.toml"])?.expect_code(0)?;
    let lock = || std::fs::read_to_string(dibhost.folder().join("dib.lock"));
    let build = ["build", "image.toml", "-o", "out/x"];
    let locked = ["build", "--locked", "image.toml", "-o", "out/x"];

    // Nothing is pinned, and nothing may be.
    let refused = dibhost.run(&locked)?.expect_code(1)?;
    ensure!(refused.stderr.contains("`--locked` allows no new pin"), "{}", refused.stderr);
    ensure!(!lock()?.contains(".pins]"));

    dibhost.run(&build)?.expect_code(0)?;
    let seen = |notes: &str, branch: &str| -> Result<()> {
        ensure!(file(&dibhost, "/opt/tool/bin/tool")? == "tool\n");
        ensure!(file(&dibhost, "/opt/notes")? == notes);
        ensure!(file(&dibhost, "/opt/main/file")? == branch);
        Ok(())
    };
    seen("first\n", "first\n")?;
    let pinned = lock()?;
    let commit =
        tool::run("git", &["-C", &outside.join("work").to_string_lossy(), "rev-parse", "HEAD"])?;
    ensure!(pinned.contains(&format!("commit:{}", commit.trim())), "{pinned}");
    ensure!(pinned.contains("/notes\" = \"sha256:"), "{pinned}");
    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(plan.stdout.contains(&format!("pin git {}/repository main", server.url())));

    // What is there is what it was, and all of it is at hand: nobody is asked.
    changed(&outside)?;
    let asked = server.requests().len();
    dibhost.run(&locked)?.expect_code(0)?;
    seen("first\n", "first\n")?;
    ensure!(server.requests().len() == asked, "{:?}", &server.requests()[asked..]);
    ensure!(lock()? == pinned);

    // Where it is not at hand any more, what is there now is not it.
    std::fs::remove_dir_all(dibhost.folder().join("cache/fetched"))?;
    let exchanged = dibhost.run(&build)?.expect_code(1)?;
    ensure!(
        exchanged.stderr.contains("is not what it was: `dib.lock` pins"),
        "{}",
        exchanged.stderr
    );
    ensure!(exchanged.stderr.contains("delete this line of `pins`"), "{}", exchanged.stderr);

    // Without its line it is found out anew; the branch stays what it was.
    let fewer: String =
        pinned.lines().filter(|l| !l.contains("/notes")).map(|l| format!("{l}\n")).collect();
    dibhost.write("dib.lock", &fewer)?;
    dibhost.run(&build)?.expect_code(0)?;
    seen("second\n", "first\n")?;
    ensure!(lock()? != pinned && lock()?.contains("/notes\" = \"sha256:"));
    Ok(())
}
