//! The [`Call`] of the running thread.

use std::cell::RefCell;

use super::call::Call;
use crate::error::Result;

thread_local! {
    static CURRENT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Runs `body` with `call` as the one of this thread, and gives it back.
pub(super) fn enter<T>(call: Call, body: impl FnOnce() -> Result<T>) -> (Result<T>, Call) {
    CURRENT.with_borrow_mut(|current| *current = Some(call));
    let result = body();
    let call = CURRENT.with_borrow_mut(Option::take).expect("put there above");
    (result, call)
}

/// The call of this thread.
pub(crate) fn with<T>(use_it: impl FnOnce(&mut Call) -> T) -> T {
    CURRENT.with_borrow_mut(|current| {
        use_it(current.as_mut().expect("an element runs natively only on a `TestHost`"))
    })
}
