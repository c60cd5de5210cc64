//! Parameters: what the image definition may set, as the fields of a Rust type.

use serde_json::Value;

use crate::description::{Parameter, ParameterKind};
use crate::error::{Error, ErrorCode, Result};

/// The parameters of an element, as a struct. Derived:
///
/// ```
/// use dibhost_element_sdk::Parameters;
///
/// #[derive(Parameters)]
/// struct Ssh {
///     /// The port it listens on.
///     #[parameter(default = 22)]
///     port: u16,
///     /// Who may log in; none: everyone.
///     allow_users: Option<Vec<String>>,
///     /// Shown before the login.
///     #[parameter(alias = "DIB_BANNER")]
///     banner: String,
/// }
/// ```
///
/// Doc comments are what `dibhost element inspect` shows. A field without a default that is no
/// `Option` must be set. `#[parameter(name = "…")]` gives another name than the field's in
/// kebab-case, `#[parameter(json)]` takes any type with serde and schemars.
pub trait Parameters: Sized {
    /// What there is to set.
    #[must_use]
    fn declare() -> Vec<Parameter>;

    /// Reads the values through `get`, which answers none for one that is not set.
    ///
    /// # Errors
    /// When a value is missing or of another kind.
    fn read(get: &dyn Fn(&str) -> Result<Option<Value>>) -> Result<Self>;
}

/// What a field of [`Parameters`] can be: text, numbers, booleans, lists of text, an `Option` of
/// these, and enums with `#[derive(Choice)]`.
pub trait ParameterValue: Sized {
    /// Its kind in the description.
    #[must_use]
    fn kind() -> ParameterKind;

    /// Whether it may be left out.
    #[must_use]
    fn is_optional() -> bool {
        false
    }

    /// Reads it; none when it is not set.
    ///
    /// # Errors
    /// When it is of another kind, or is missing and must not be.
    fn read(name: &str, value: Option<Value>) -> Result<Self>;
}

/// The failure of reading one parameter.
#[must_use]
pub fn wrong(name: &str, value: Option<&Value>, expected: &str) -> Error {
    let message = match value {
        None => format!("the parameter `{name}` is not set"),
        Some(value) => format!("the parameter `{name}` is {value}, not {expected}"),
    };
    Error::with_code(ErrorCode::InvalidArgument, message).help(format!("Set it to {expected}."))
}

macro_rules! value {
    ($type:ty, $kind:expr, $expected:literal, $convert:expr) => {
        impl ParameterValue for $type {
            fn kind() -> ParameterKind {
                $kind
            }

            fn read(name: &str, value: Option<Value>) -> Result<Self> {
                let convert: fn(&Value) -> Option<$type> = $convert;
                value
                    .as_ref()
                    .and_then(convert)
                    .ok_or_else(|| wrong(name, value.as_ref(), $expected))
            }
        }
    };
}

macro_rules! number {
    ($($type:ty: $expected:literal),*) => {
        $(value!($type, ParameterKind::Integer, $expected, |v| {
            v.as_i64().and_then(|n| n.try_into().ok())
        });)*
    };
}

value!(String, ParameterKind::Text, "a text", |v| v.as_str().map(str::to_owned));
value!(bool, ParameterKind::Boolean, "`true` or `false`", |v| v.as_bool());
value!(Vec<String>, ParameterKind::TextList, "a list of texts", |v| {
    v.as_array()?.iter().map(|t| t.as_str().map(str::to_owned)).collect()
});
number!(
    i64: "an integer", i32: "an integer of 32 bits",
    u32: "an integer from 0 to 4294967295", u16: "an integer from 0 to 65535",
    u8: "an integer from 0 to 255"
);

impl<T: ParameterValue> ParameterValue for Option<T> {
    fn kind() -> ParameterKind {
        T::kind()
    }

    fn is_optional() -> bool {
        true
    }

    fn read(name: &str, value: Option<Value>) -> Result<Self> {
        match value {
            None | Some(Value::Null) => Ok(None),
            set => T::read(name, set).map(Some),
        }
    }
}
