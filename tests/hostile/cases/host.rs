//! What would stay on the host: files beside the image, the cache, compiled code.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use dibhost_check::Check;

use crate::case::{Case, call};

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
        .says("it belongs to user 65534"),
    ]
}
