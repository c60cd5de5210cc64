//! Write dibhost elements in Rust.

// The derives name this crate by its name, in here too.
extern crate self as dibhost_element_sdk;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
pub mod block_device;
#[cfg(target_arch = "wasm32")]
mod component;
mod description;
mod element;
mod error;
mod fact;
mod host;
pub mod log;
mod parameters;
mod phase;
mod plan;
mod run;
pub mod slots;
mod step;
#[cfg(not(target_arch = "wasm32"))]
mod test_host;
mod tree;
mod wish;

pub use description::{
    Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse, Step,
};
pub use dibhost_element_sdk_derive::{Choice, Fact, Parameters};
pub use element::Element;
pub use error::{Context, Error, ErrorCode, Result};
pub use fact::{Arity, Fact, Provided, Timing};
pub use parameters::{ParameterValue, Parameters};
pub use phase::Phase;
pub use plan::Plan;
pub use run::{Command, Exec, Outcome, Output, Run};
#[cfg(not(target_arch = "wasm32"))]
pub use test_host::{Planned, Ran, TestHost};
pub use tree::{Attributes, Change, Entry, Kind, Stat, Tree};
pub use wish::{
    Bootstrap, BootstrapDistribution, Finding, Machine, Package, Proxy, RemoteFile, Repository,
    UnitState, User, Want,
};

/// Makes an [`Element`] the one that the component exports.
///
/// Natively it does nothing, so that the element's own tests run without wasm.
#[macro_export]
macro_rules! export_element {
    ($element:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::Component<$element>;
            $crate::__private::bindings::export_component!(
                Exported with_types_in $crate::__private::bindings
            );
        };
    };
}

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::component::Component;
    pub use crate::parameters::wrong;
    pub use serde_json::{Value, json};

    /// The JSON Schema of a type, as text.
    #[must_use]
    pub fn schema_of<T: schemars::JsonSchema>() -> String {
        schemars::schema_for!(T).to_value().to_string()
    }

    /// Reads a parameter of kind `json`.
    ///
    /// # Errors
    /// When it is missing, or not of this type.
    pub fn read_json<T: serde::de::DeserializeOwned>(
        name: &str,
        value: Option<Value>,
    ) -> crate::Result<T> {
        use crate::Context;
        // A missing value is `null`, which an `Option` takes.
        serde_json::from_value(value.unwrap_or_default())
            .with_context(|| format!("reading the parameter `{name}`"))
    }
}
