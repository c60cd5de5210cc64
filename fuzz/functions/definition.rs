//! An image definition never makes the parser panic, and what is wrong is said in words; what
//! dibhost adds to one is in it afterwards, and it is the same definition otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use dibhost_definition::{Capability, Definition, add_grants};

pub(crate) fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parse = |text| Definition::parse(text, "image.toml", Path::new("."));
    let parsed = parse(text);
    match &parsed {
        Ok(definition) => assert!(!definition.image.name.value.is_empty()),
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
    let more = [(Capability::Exec, "sh \"x\""), (Capability::Cache, "")]
        .map(|(capability, scope)| (capability, scope.to_owned()));
    let more = BTreeMap::from([("motd".to_owned(), more.into())]);
    match add_grants(text, &more) {
        Ok(written) => {
            assert_eq!(add_grants(&written, &more).as_ref(), Ok(&written), "{written}");
            assert!(parsed.is_err() || parse(&written).is_ok(), "{written}");
        }
        Err(why) => assert!(!why.is_empty()),
    }
}
