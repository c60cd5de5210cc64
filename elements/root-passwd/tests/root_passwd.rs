//! The element on a host in memory.

use dibhost_element_sdk::{ErrorCode, Phase, TestHost};
use root_passwd::RootPasswd;

#[test]
fn root_gets_the_secret_and_nobody_reads_it() {
    let mut host = TestHost::new().secret("password", "correct horse");
    let planned = host.plan::<RootPasswd>(Phase::Install).unwrap();
    assert_eq!(planned.passwords, [("root".to_owned(), b"correct horse".to_vec())]);
    assert!(planned.log.is_empty() && planned.files.is_empty());
}

#[test]
fn there_is_no_password_that_is_everybodys() {
    let error = TestHost::new().plan::<RootPasswd>(Phase::Install).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.contains("`password` is not set"), "{error}");
}
