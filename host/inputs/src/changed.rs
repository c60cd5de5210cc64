//! What is told of an input that is another one now.

/// Something of an input is not what it was when the image was planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` of the input `{input}` {how} since the image was planned")]
pub struct Changed {
    /// What the definition calls it.
    pub input: String,
    /// Within it; of a file `.`.
    pub path: String,
    /// `changed`, `went away`.
    pub how: &'static str,
}
