/// A worker that was taken over sends this to the engine, which reads all of it that is a message.
pub(crate) fn worker(data: &[u8]) {
    let messages = dibhost_tree::read_messages(data);
    // Each has a length of four bytes and one more at least.
    assert!(messages <= data.len() / 5);
}
