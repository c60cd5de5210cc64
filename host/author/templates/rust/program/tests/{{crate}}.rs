//! The element on a host in memory.

use dibhost_element_sdk::{Output, Phase, TestHost};
use {{crate}}::{{type}};

#[test]
fn the_program_is_run_once() {
    for (verbose, args) in [(false, 0), (true, 1)] {
        let mut host = TestHost::new()
            .parameter("verbose", verbose)
            .answer("ldconfig", |_, _| Output::default());
        let ran = host.run::<{{type}}>(Phase::PostInstall).unwrap();
        assert_eq!(ran.commands.len(), 1);
        assert_eq!(ran.commands[0].program, "ldconfig");
        assert_eq!(ran.commands[0].args.len(), args);
    }
}
