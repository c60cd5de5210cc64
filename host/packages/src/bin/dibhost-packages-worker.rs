//! The tree's worker as a program of its own, for the tests of this crate; dibhost re-executes itself.

fn main() -> std::process::ExitCode {
    dibhost_tree::worker::main()
}
