//! What would stay on the host: files beside the image, the cache, compiled code.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use dibhost_check::Check;
use dibhost_tests::Dibhost;
use serde_json::json;

use crate::case::{Case, HOSTILE, call, loot};
use crate::script::Script;

/// A folder for compiled code that somebody else prepared.
fn prepared(
    check: Check,
    name: &'static str,
    prepare: impl Fn(&std::path::Path) -> std::io::Result<()> + Send + Sync + 'static,
) -> Case {
    Case::on(check, name)
        .has_a_step()
        .arranged(move |dibhost| {
            let cache = dibhost.folder().join("cache");
            std::fs::create_dir(&cache)?;
            prepare(&cache.join("elements"))?;
            Ok(())
        })
        .says("the folder of compiled elements")
        .nameless()
}

/// Something in the place of the lock file.
fn lock(
    check: Check,
    name: &'static str,
    put: impl Fn(&std::path::Path) -> std::io::Result<()> + Send + Sync + 'static,
) -> Case {
    Case::on(check, name)
        .has_a_step()
        .arranged(move |dibhost| Ok(put(&dibhost.folder().join("dib.lock"))?))
        .says("cannot read the lock file `dib.lock`")
        .nameless()
}

/// Another component of the same name was here before, and kept something.
fn kept_by_another(dibhost: &mut Dibhost) -> anyhow::Result<()> {
    let at = dibhost.folder().join("hostile.wasm");
    let attacker = std::fs::read(&at)?;
    let mut other = Script::new(HOSTILE);
    other.request("cache", "");
    let kept = json!({"key": "k", "content": loot::CANARY});
    other.part("Run", "Root", vec![call("CachePut", kept)], "Quietly");
    other.write(dibhost.folder())?;
    dibhost.run(&["build", "image.toml", "-o", "out/before"])?.expect_code(0)?;
    std::fs::write(at, attacker)?;
    Ok(())
}

/// Of all files in the folders of a folder.
fn bytes_below(folder: &std::path::Path) -> u64 {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = folders.filter_map(|f| std::fs::read_dir(f.path()).ok()).flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|stat| stat.len()).sum()
}

fn made(path: &std::path::Path, mode: u32) -> std::io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        Case::on(Check::OutputsGrant, "a_file_beside_the_image_that_nobody_granted")
            .runs([call("BlobOf", 10), call("Emit", ".vmlinuz")])
            .says("`outputs` of `.vmlinuz` is not granted"),
        Case::on(Check::OutputsSuffix, "a_suffix_that_leads_to_the_builder_s_home")
            .may("outputs", "*")
            .runs_quietly([call("BlobOf", 10), call("Emit", "/../../home/evil")])
            .says("`/../../home/evil` is no suffix")
            .second_wall("cannot have `/../../home/evil` added: it is no suffix"),
        Case::on(Check::CacheGrant, "bytes_kept_that_nobody_granted")
            .runs([call("CachePut", serde_json::json!({"key": "k", "content": "evil"}))])
            .says("`cache` is not granted"),
        Case::on(Check::CacheKey, "a_key_of_the_cache_that_climbs")
            .may("cache", "")
            .runs([call(
                "CachePut",
                serde_json::json!({"key": "../../../home/evil", "content": "evil"}),
            )])
            .harmless()
            .gets_out(|folder, _| folder.join("home/evil").exists()),
        Case::on(Check::CacheBytes, "more_kept_than_an_element_may")
            .may("cache", "")
            // All of them in one step.
            .defines(&format!("[limits.elements.{HOSTILE}]\nblobs = \"1GiB\"\n"))
            .runs([call(
                "Repeat",
                json!({"times": 34, "call": call("CachePutOf", json!({"key": "{n}", "bytes": 16 << 20}))}),
            )])
            .harmless()
            .gets_out(|folder, _| bytes_below(&folder.join("cache/of-elements")) > 513 << 20),
        Case::on(Check::CacheNamesake, "what_another_element_of_that_name_kept")
            .may("cache", "")
            .runs([call("CacheGet", "k"), call("Fail", "it kept `{booty}`")])
            .arranged(kept_by_another)
            .says("it kept `{booty}`")
            .gets_out(|_, outcome| outcome.stderr.contains(loot::CANARY)),
        Case::on(Check::OutputsReplace, "somebody_s_file_is_replaced_by_one_beside_the_image")
            .may("outputs", ".notes")
            .runs_quietly([call("BlobOf", 10), call("Emit", ".notes")])
            .arranged(|dibhost| dibhost.write("out/x.notes", "precious").map(drop))
            .says("is there, and is not what dibhost wrote")
            .nameless()
            .gets_out(|folder, _| {
                std::fs::read(folder.join("out/x.notes")).is_ok_and(|text| text != b"precious")
            }),
        Case::on(Check::FolderSwap, "a_cache_that_others_can_exchange")
            .has_a_step()
            .arranged(|dibhost| Ok(made(&dibhost.folder().join("cache"), 0o777)?))
            .says("is refused: others may write to")
            .nameless(),
        lock(Check::WrittenKind, "a_lock_that_never_ends", |path| symlink("/dev/zero", path))
            .says("it is no regular file but a folder, device, pipe or socket")
            .second_wall("it has more than 16777216 bytes"),
        lock(Check::WrittenBytes, "a_lock_of_more_than_anybody_writes", |path| {
            std::fs::write(path, format!("version = 1\n{}", "# nothing\n".repeat(2 << 20)))
        })
        .says("it has more than 16777216 bytes")
        .second_wall("the lock file `dib.lock` is longer than 16777216 bytes"),
        prepared(Check::CacheFolderLink, "compiled_code_behind_a_link", |path| {
            let real = path.with_file_name("real");
            made(&real, 0o700)?;
            symlink(real, path)
        })
        .says("it is a symbolic link"),
        prepared(Check::CacheFolderMode, "compiled_code_that_others_write", |path| {
            made(path, 0o777)
        })
        .says("its mode is 0777"),
        prepared(Check::CacheFolderOwner, "compiled_code_of_another_user", |path| {
            made(path, 0o700)?;
            chown(path, Some(65_534), None)
        })
        .needs_root("root alone gives a folder away")
        .says("it belongs to user 65534"),
    ]
}
