//! A lock file never makes the parser panic, what is wrong is said in words, and what was read is
//! written and read again as it was.

use dibhost_definition::Lock;

pub(crate) fn lock(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Lock::parse(text, "dib.lock") {
        Ok(lock) => {
            let written = lock.to_text();
            let again = Lock::parse(&written, "dib.lock");
            assert_eq!(again.as_ref().ok(), Some(&lock), "{written}\n{again:?}");
        }
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}
