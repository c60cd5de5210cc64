//! Elements that are not what they say, or ask for what nobody gave.

use anyhow::Result;
use dibhost_check::Check;
use serde_json::json;

use crate::case::{Case, bare, call};

pub(crate) fn all() -> Vec<Case> {
    vec![
        Case::on(Check::ElementName, "a_file_passes_for_another_element")
            .with(|script| script.description["name"] = "openssh-server".into())
            .has_a_step()
            .says("calls itself `openssh-server` and not `hostile`"),
        // The definition grants enough; what was agreed to is less.
        Case::on(Check::LockGrowth, "an_update_that_asks_for_more")
            .may("rootfs", "write /")
            .runs([call("Open", "/")])
            .arranged(|dibhost| {
                let digest = "0".repeat(64);
                let lock = format!(
                    "version = 1\n[image.x.hostile]\nfrom = \"./hostile.wasm\"\n\
                     version = \"0.9.0\"\ndigest = \"sha256:{digest}\"\n\
                     [image.x.hostile.requests]\nrootfs = [\"read /etc\"]\n"
                );
                dibhost.write("dib.lock", &lock).map(drop)
            })
            .says("+ rootfs [\"write /\"]")
            .says("dibhost grant image.toml"),
        Case::on(Check::FirstPartyDigest, "a_first_party_name_is_shadowed_by_a_path")
            .with(|script| *script = crate::script::Script::new("growroot"))
            .requests("rootfs", "write /")
            .has_a_step()
            .says("`growroot` asks for what the definition does not grant")
            .says("[grants.growroot]"),
        Case::on(Check::FirstPartyDigest, "a_first_party_name_is_shadowed_by_a_folder")
            .with(|script| *script = crate::script::Script::new("evil/vm"))
            .requests("exec", "*")
            .runs([call("Open", "/")])
            .arranged(|dibhost| {
                dibhost.write("image.toml", "[image]\nname = \"x\"\nelements = [\"vm\"]\n")?;
                Ok(())
            })
            .args(&["--elements", "evil"])
            .says("`vm` asks for what the definition does not grant: `exec` `*`")
            // What it was granted by its name is not what it opens.
            .second_wall("`rootfs` of `read /` is not granted"),
        Case::on(Check::ElementTwin, "two_elements_have_one_name")
            .with(|script| *script = crate::script::Script::new("one/hostile"))
            .has_a_step()
            .and("two/hostile")
            .runs([call("Log", "the other")])
            .says("two different elements are called `hostile`: `")
            .second_wall("help: name one of them only"),
        Case::on(Check::HostName, "an_element_has_the_name_of_the_host")
            .with(|script| *script = crate::script::Script::new("host"))
            .has_a_step()
            .says("`host` is the name of the host itself"),
        Case::on(Check::GrantRequested, "a_request_that_is_not_granted")
            .requests("rootfs", "write /etc")
            .runs([
                call("Open", "/etc"),
                call("Apply", json!([{"MakeDirectory": {"path": "/etc/evil", "attributes": crate::cases::rootfs::plain()}}])),
            ])
            .says("`hostile` asks for what the definition does not grant: `rootfs` `write /etc`")
            .says("rootfs = [\"write /etc\"]"),
        Case::on(Check::GrantRequested, "a_request_that_is_granted_in_part")
            .requests("packages", "openssh-server")
            .requests("packages", "sudo")
            .grant("hostile", "packages", "openssh-*")
            .plans([call("Packages", json!([crate::cases::wishes::package("sudo")]))])
            .says("does not grant: `packages` `sudo`"),
        Case::on(Check::ElementsGrant, "an_element_of_the_host_is_brought_along")
            .with(|script| {
                script.description["requires"] = json!([
                    {"name": "growroot", "version": "", "optional": false, "extensions": []}
                ]);
            })
            .plans([])
            .says("does not grant: `elements` `require growroot`")
            .says("elements = [\"require growroot\"]"),
        Case::on(Check::ElementsGrant, "the_clean_up_is_left_out_for_who_stands_in_for_it")
            .with(|script| script.description["stands_in_for"] = json!(["sysprep"]))
            .plans([])
            .says("does not grant: `elements` `stand-in-for sysprep`")
            .says("elements = [\"stand-in-for sysprep\"]"),
        Case::on(Check::RequestScope, "a_request_whose_path_climbs")
            .may("rootfs", "write /mine")
            .requests("rootfs", "write /mine/../etc")
            .has_a_step()
            .says("it requests `rootfs` with the path \"/mine/../etc\"")
            .second_wall("`hostile` asks for what the definition does not grant"),
        Case::on(Check::RequestScope, "a_request_with_an_escape_code")
            .requests("packages", "\u{1b}[2J*")
            .has_a_step()
            .says("which has a control character in it")
            .second_wall("`hostile` asks for what the definition does not grant"),
        // It reads as `*.elpmaxe.nim`, turned around.
        Case::on(Check::RequestScope, "a_request_that_reads_as_another")
            .requests("fetch", "\u{202e}min.example.*")
            .has_a_step()
            .says("which has a character in it that shows nothing or turns the text around")
            .second_wall("`hostile` asks for what the definition does not grant"),
        Case::on(Check::RequestScope, "a_parameter_that_reads_as_another")
            .with(|script| {
                script.description["parameters"] = json!([{
                    "name": "pass\u{200b}word", "kind": "Text", "default": "\"x\"", "doc": "",
                    "aliases": [], "extensions": [],
                }]);
            })
            .has_a_step()
            .says("has a character in its name that shows nothing or turns the text around"),
        Case::on(Check::InsistedExtension, "an_extension_the_host_must_obey")
            .with(|script| script.description["extensions"] = json!([["!root-shell", "{}"]]))
            .has_a_step()
            .says("`!root-shell`"),
        Case::on(Check::ImportKnown, "an_import_the_host_does_not_offer")
            .has_a_step()
            .arranged(|dibhost| {
                let path = dibhost.folder().join("hostile.wasm");
                let bytes = replaced(&std::fs::read(&path)?, b"wasi:cli/environment", b"evil:cli/environment");
                std::fs::write(path, bytes)?;
                Ok(())
            })
            .says("imports `evil:cli/environment")
            .second_wall("does not fit the contract"),
        Case::on(Check::ComponentOnly, "native_code_passes_for_a_component")
            .has_a_step()
            .arranged(|dibhost| {
                std::fs::copy("/bin/true", dibhost.folder().join("hostile.wasm"))?;
                Ok(())
            })
            .says("is native code (ELF)")
            .second_wall("is no sound component"),
        Case::on(Check::ComponentBytes, "a_component_of_more_than_any_has")
            .has_a_step()
            .arranged(|dibhost| {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(dibhost.folder().join("hostile.wasm"))?;
                file.set_len(70 << 20)?;
                Ok(())
            })
            .says("a component is at most 64 MiB")
            .second_wall("is no sound component"),
        Case::on(Check::CompileMemory, "a_component_of_a_few_bytes_that_fills_the_compilers_memory")
            .has_a_step()
            .arranged(|dibhost| {
                std::fs::write(dibhost.folder().join("hostile.wasm"), doubled(28)?)?;
                Ok(())
            })
            .says("of memory to be compiled")
            .goes_on(),
        Case::held_by("wasmtime", "a_description_that_never_ends")
            .with(|script| script.description["summary"] = json!(0))
            .has_a_step()
            .says("`describe`"),
        Case::on(Check::TerminalCodes, "an_escape_code_in_a_reason")
            .with(|script| {
                script.request("packages", "sudo");
                script.description["requests"][0]["reason"] = "\u{1b}]0;owned\u{7}".into();
            })
            .plans([bare("UpgradeAll")])
            .says("\\u{1b}]0;owned\\u{7}")
            // What is shown of a reason is one line of plain text in any case.
            .second_wall("(]0;owned)"),
        Case::on(Check::TerminalCodes, "a_name_that_the_terminal_would_obey")
            .with(|script| script.description["name"] = "\u{1b}]0;owned\u{7}\u{9b}2J".into())
            .has_a_step()
            .says("\\u{1b}]0;owned\\u{7}\\u{9b}2J")
            .gets_out(|_, outcome| outcome.stderr.contains('\u{9b}')),
        Case::on(Check::DescriptionBytes, "a_description_of_twenty_thousand_entries")
            .with(|script| script.description["stands_in_for"] = vec!["x"; 20_000].into())
            .has_a_step()
            .says("10000 is the most")
            .second_wall("`hostile` asks for what the definition does not grant"),
    ]
}

/// `bytes` with one text in the place of another of the same length, everywhere.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// A component that is made of two of the next smaller one, and so on: 700 bytes, and as many
/// instances as two to the power of `depth`.
fn doubled(depth: usize) -> Result<Vec<u8>> {
    let two = "(instance (instantiate 0)) (instance (instantiate 0))";
    let leaf = "(component (core module) (core instance (instantiate 0)))".to_owned();
    let whole = (0..depth).fold(leaf, |inner, _| format!("(component {inner} {two})"));
    Ok(wat::parse_str(whole)?)
}
