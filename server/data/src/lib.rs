//! Plain data, as YAML and JSON have it, made to be held by the hundred thousand: three words a value, contents shared. A clone is a
//! count; a change copies what others hold, too.

mod intern;
mod map;
pub mod pack;
mod value;

pub use intern::Interner;
pub use map::{Entry, Map};
pub use value::{Index, Value};

#[doc(hidden)]
pub use serde_json as __serde_json;

/// A value written as JSON, with expressions in it.
#[macro_export]
macro_rules! json {
    ($($written:tt)+) => {
        $crate::Value::from($crate::__serde_json::json!($($written)+))
    };
}
