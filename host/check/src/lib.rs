//! The checks that hold an element, by name.
//!
//! Whoever refuses something asks first whether the check is in force:
//!
//! ```
//! use dibhost_check::Check;
//! # let granted = true;
//! if Check::RootfsScope.holds() && !granted {
//!     // refuse
//! }
//! ```
//!
//! [`Check::holds`] is `true`, always and known to the compiler, unless the feature `take-out` is
//! on. `make test-hostile` builds such a program, takes out one check at a time by
//! `DIBHOST_TAKE_OUT`, and sees the hostile test of that check fail: a check that nothing bites
//! on is no check.

/// What is told of a check: its name in `DIBHOST_TAKE_OUT` and what it refuses.
macro_rules! checks {
    ($($variant:ident $name:literal $refuses:literal;)*) => {
        /// A check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = concat!("Refuses ", $refuses, ".")] $variant,)*
        }

        impl Check {
            /// All of them, by name.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// `rootfs-scope`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it refuses, as a sentence part after "refuses".
            #[must_use]
            pub fn refuses(self) -> &'static str {
                match self { $(Self::$variant => $refuses,)* }
            }
        }
    };
}

// By name, a line each.
checks! {
    ExecGrant "exec-grant" "a program in the target that is not granted";
    RootfsScope "rootfs-scope" "a path of the target outside of what is granted";
}

impl Check {
    /// Whether the check is in force: always, but in a program built for `make test-hostile`.
    #[cfg(not(feature = "take-out"))]
    #[must_use]
    #[inline(always)]
    pub const fn holds(self) -> bool {
        true
    }

    /// Whether the check is in force: not when `DIBHOST_TAKE_OUT` names it.
    #[cfg(feature = "take-out")]
    #[must_use]
    pub fn holds(self) -> bool {
        static TAKEN_OUT: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var(TAKE_OUT).ok());
        TAKEN_OUT.as_deref() != Some(self.name())
    }
}

/// The variable that names the check to take out. Processes of the host that are started with an
/// environment of their own have to hand it on, where the feature `take-out` is on.
pub const TAKE_OUT: &str = "DIBHOST_TAKE_OUT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_each_is_there_once() {
        let names: Vec<_> = Check::ALL.iter().map(|c| c.name()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}
