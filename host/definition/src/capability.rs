//! The capabilities a grant can name. What their scopes mean is said in `dibhost-plan`'s `grant`.

/// Every capability a grant can name.
pub const CAPABILITIES: [&str; 15] = [
    "packages",
    "repositories",
    "services",
    "services-define",
    "accounts",
    "block-device",
    "bootstrap",
    "builder",
    "rootfs",
    "exec",
    "facts",
    "fetch",
    "outputs",
    "cache",
    "secret",
];

/// Those whose scope is empty: in a definition they are `true` instead of a list of scopes.
pub const UNSCOPED: [&str; 3] = ["block-device", "bootstrap", "cache"];
