//! What a host function answers when it does not do what was asked.

use dibhost_definition::{scope_lines, toml_key};
use dibhost_plan::grant::Right;
use dibhost_tree::{PathError, TargetError};
use wasmtime::component::ResourceTableError;

use crate::bindings::dib::element::types::{Error, ErrorCode};
use crate::limits::Exceeded;

/// An answer the element may look at, or a trap that ends it.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub enum Refusal {
    /// The element gets this error and may go on.
    Answer(Error),
    /// The element broke a rule that the binding layer should have kept: it ends.
    Trap(wasmtime::Error),
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Answer(Error {
            code,
            message: message.into(),
            context: Vec::new(),
            help: None,
            extensions: Vec::new(),
        })
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Denied, message)
    }

    pub(crate) fn undeclared(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Undeclared, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unsupported, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorCode::Cancelled, "the build was cancelled")
    }

    /// A limit of the host that the element ran into.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Other(Some("limit".to_owned())), message)
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        if let Self::Answer(error) = &mut self {
            error.help = Some(help.into());
        }
        self
    }
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        Self::Trap(exceeded.into())
    }
}

impl From<ResourceTableError> for Refusal {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        let code = match &error {
            TargetError::OutOfScope { .. } => ErrorCode::Denied,
            TargetError::NotFound(_) => ErrorCode::NotFound,
            TargetError::Conflict(_) => ErrorCode::Conflict,
            TargetError::Invalid(_) => ErrorCode::InvalidArgument,
            TargetError::Os { name, .. } => ErrorCode::Os(name.clone()),
            TargetError::Unsupported(_) => ErrorCode::Unsupported,
            TargetError::Cancelled => ErrorCode::Cancelled,
            TargetError::NoRoom { .. } | TargetError::Limit { .. } => {
                ErrorCode::Other(Some("limit".to_owned()))
            }
            // No element restores a layer.
            TargetError::Gone(_) | TargetError::Corrupt(_) => {
                ErrorCode::Other(Some("target-gone".to_owned()))
            }
        };
        Self::new(code, error.to_string())
    }
}

/// The lines to add to an image definition for a grant.
pub(crate) fn grant_lines(element: &str, right: &Right) -> String {
    format!("[grants.{}]\n{}", toml_key(element), scope_lines([&right.said()]).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::grant::Access;

    #[test]
    fn the_lines_for_a_grant_are_toml() {
        assert_eq!(
            grant_lines("motd", &Right::Rootfs(Access::Write, "/etc/\"x\"\n".to_owned())),
            "[grants.motd]\nrootfs = [\"write /etc/\\\"x\\\"\\n\"]"
        );
    }
}
