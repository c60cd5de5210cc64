//! What a component does to the machine that runs it.

use dibhost_check::Check;
use serde_json::json;

use crate::case::{Case, bare, call, loot};

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
            .says("in `run(root)`: resource table has no free keys"),
        Case::on(Check::BlobBytes, "more_blobs_than_the_host_holds")
            .runs([call("Repeat", json!({"times": 33, "call": call("BlobOf", 16 << 20)}))])
            .says("the host holds at most 512 MiB of blobs for one step"),
        Case::on(Check::CallBytes, "a_blob_of_more_than_a_call_hands_over")
            .runs([call("BlobOf", (16 << 20) + 1)])
            .says("one call hands over at most 16 MiB"),
        Case::on(Check::LiftedBytes, "a_short_list_of_one_long_string")
            .runs([call("Amplify", json!({"times": 4096, "bytes": 32 << 10}))])
            .says("in `run(root)`"),
        Case::on(Check::LogLines, "a_hundred_thousand_lines")
            .runs([
                call("Repeat", json!({"times": 20_000, "call": call("Print", "flood")})),
                call("Fail", "all said"),
            ])
            .says("said more than 10000 lines")
            .gets_out(|_, outcome| outcome.stderr.matches("flood").count() > 15_000),
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
            .says("trapped in `run(root)`: call stack exhausted"),
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
