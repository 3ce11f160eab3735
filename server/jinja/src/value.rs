//! The values of a template: Python's, as far as templates can tell.

use crate::ast::{Const, Macro, Name};
use crate::eval::{Eval, Outcome};
use crate::library::MacroId;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::cell::RefCell;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

pub type List = Rc<RefCell<Vec<Value>>>;
pub type Dict = Rc<RefCell<Map>>;
/// A dictionary's content, in the order of insertion.
pub type Map = IndexMap<Key, Value, FxBuildHasher>;
pub type Set = Rc<RefCell<IndexMap<Key, (), FxBuildHasher>>>;

#[derive(Clone)]
pub enum Value {
    /// A name or attribute that isn't there. dbt makes them lenient in a node's own text while it parses: their attributes and
    /// calls are undefined again. Elsewhere such a use is an error.
    Undefined {
        name: Name,
        lenient: bool,
    },
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Name),
    List(List),
    Tuple(Rc<[Value]>),
    Dict(Dict),
    Set(Set),
    /// A function of the context, by its place in the table of functions.
    Function(crate::functions::Function),
    /// A macro of the project or a package.
    Macro(MacroId),
    /// The macros of a package.
    Package(Name),
    /// A `call` block's body, or a macro that the template defines itself, with the scope it was made in.
    Closure(Rc<Closure>),
    /// A method that was taken without being called.
    Bound(Rc<(Value, Name)>),
    Object(Rc<dyn Object>),
}

pub struct Closure {
    pub decl: Arc<Macro>,
    pub scope: crate::scopes::Scopes,
    pub lenient: bool,
}

/// A value with behaviour of its own: relations, columns, dates, `config`, `adapter`.
pub trait Object {
    fn type_name(&self) -> &'static str;

    fn attribute(&self, _eval: &mut Eval<'_>, _name: &str) -> Option<Value> {
        None
    }

    /// `None` where there is no such method.
    fn method(&self, _eval: &mut Eval<'_>, _name: &str, _args: &Args) -> Option<Outcome<Value>> {
        None
    }

    fn call(&self, eval: &mut Eval<'_>, _args: &Args) -> Outcome<Value> {
        Err(eval.fail(format!("'{}' object is not callable", self.type_name())))
    }

    fn is_callable(&self) -> bool {
        false
    }

    fn render(&self) -> String {
        format!("<{} object>", self.type_name())
    }

    fn repr(&self) -> String {
        format!("<{}>", self.render())
    }

    fn is_true(&self) -> bool {
        true
    }

    fn is_mapping(&self) -> bool {
        false
    }

    fn items(&self) -> Option<Vec<Value>> {
        None
    }

    /// Sorting and comparing; `None` where it can't be.
    fn compare(&self, _other: &Value) -> Option<std::cmp::Ordering> {
        None
    }

    fn binary(&self, _eval: &mut Eval<'_>, _operator: crate::ast::Operator, _other: &Value, _is_right: bool) -> Option<Outcome<Value>> {
        None
    }

    fn as_any(&self) -> &dyn std::any::Any;
}

/// What a dictionary can have as its key.
#[derive(Clone, Debug)]
pub enum Key {
    None,
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(Name),
    Tuple(Rc<[Key]>),
    /// Anything else, by what it renders as.
    Other(Name),
}

impl Key {
    fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(*value),
            Self::Float(bits) => {
                let value = f64::from_bits(*bits);
                (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
            }
            _ => None,
        }
    }

    pub fn value(&self) -> Value {
        match self {
            Self::None => Value::None,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(bits) => Value::Float(f64::from_bits(*bits)),
            Self::Str(text) | Self::Other(text) => Value::Str(text.clone()),
            Self::Tuple(items) => Value::Tuple(items.iter().map(Key::value).collect()),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::None, Self::None) => true,
            (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Other(a), Self::Other(b)) => a == b,
            (Self::Float(a), Self::Float(b)) if a == b => true,
            _ => matches!((self.as_int(), other.as_int()), (Some(a), Some(b)) if a == b),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::None => 0_u8.hash(state),
            Self::Str(text) => text.hash(state),
            Self::Tuple(items) => items.hash(state),
            Self::Other(text) => (2_u8, text).hash(state),
            number => match number.as_int() {
                Some(value) => (1_u8, value).hash(state),
                None => (3_u8, std::mem::discriminant(number)).hash(state),
            },
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

/// The arguments of a call.
#[derive(Clone, Default)]
pub struct Args {
    pub positional: Vec<Value>,
    pub keywords: Vec<(Name, Value)>,
}

impl Args {
    pub fn of(positional: impl IntoIterator<Item = Value>) -> Self {
        Self { positional: positional.into_iter().collect(), keywords: Vec::new() }
    }

    pub fn keyword(&self, name: &str) -> Option<&Value> {
        self.keywords.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }

    /// The positional argument `index`, else the keyword `name`.
    pub fn get(&self, index: usize, name: &str) -> Option<&Value> {
        self.positional.get(index).or_else(|| self.keyword(name))
    }

    pub fn text(&self, index: usize, name: &str) -> Option<Name> {
        self.get(index, name).and_then(Value::as_str)
    }

    pub fn is_true(&self, index: usize, name: &str) -> bool {
        self.get(index, name).is_some_and(Value::is_true)
    }
}

impl From<&Const> for Value {
    fn from(value: &Const) -> Self {
        match value {
            Const::None => Self::None,
            Const::Bool(value) => Self::Bool(*value),
            Const::Int(value) => Self::Int(*value),
            Const::Float(value) => Self::Float(*value),
            Const::Str(text) => Self::Str(text.clone()),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Dict(Rc::new(RefCell::new(map)))
    }
}

impl From<&data::Value> for Value {
    fn from(value: &data::Value) -> Self {
        use data::Value as Json;
        match value {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(*value),
            Json::Int(value) => Self::Int(*value),
            Json::Float(value) => Self::Float(*value),
            Json::String(text) => Self::Str(text.clone()),
            Json::Array(items) => items.iter().map(Self::from).collect::<Vec<_>>().into(),
            Json::Object(map) => map.iter().map(|(key, value)| (Key::Str(key.clone()), Self::from(value))).collect::<Map>().into(),
        }
    }
}

/// Values may hold themselves; nothing is followed deeper.
const MAX_DEPTH: usize = 64;

impl Value {
    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(items.into())
    }

    pub fn set(keys: impl IntoIterator<Item = Key>) -> Self {
        Self::Set(Rc::new(RefCell::new(keys.into_iter().map(|key| (key, ())).collect())))
    }

    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    pub fn as_str(&self) -> Option<Name> {
        match self {
            Self::Str(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            other => other.as_int().map(|value| value as f64),
        }
    }

    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined { .. })
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub fn is_callable(&self) -> bool {
        match self {
            Self::Function(_) | Self::Macro(_) | Self::Closure(_) | Self::Bound(_) => true,
            Self::Undefined { lenient, .. } => *lenient,
            Self::Object(object) => object.is_callable(),
            _ => false,
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined { .. } | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(map) => !map.borrow().is_empty(),
            Self::Set(items) => !items.borrow().is_empty(),
            Self::Object(object) => object.is_true(),
            Self::Function(_) | Self::Macro(_) | Self::Package(_) | Self::Closure(_) | Self::Bound(_) => true,
        }
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined { .. } => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) | Self::Package(_) => "dict",
            Self::Set(_) => "set",
            Self::Function(_) => "function",
            Self::Macro(_) | Self::Closure(_) => "macro",
            Self::Bound(_) => "method",
            Self::Object(object) => object.type_name(),
        }
    }

    /// The elements that a loop would see; `None` for what can't be looped over.
    pub fn items(&self) -> Option<Vec<Value>> {
        Some(match self {
            Self::Undefined { .. } => Vec::new(),
            Self::Str(text) => text.chars().map(|c| Self::from(c.encode_utf8(&mut [0; 4]) as &str)).collect(),
            Self::List(items) => items.borrow().clone(),
            Self::Tuple(items) => items.to_vec(),
            Self::Dict(map) => map.borrow().keys().map(Key::value).collect(),
            Self::Set(items) => items.borrow().keys().map(Key::value).collect(),
            Self::Object(object) => object.items()?,
            _ => return None,
        })
    }

    pub fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Undefined { .. } => 0,
            Self::Str(text) => text.chars().count(),
            Self::List(items) => items.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(map) => map.borrow().len(),
            Self::Set(items) => items.borrow().len(),
            Self::Object(object) => object.items()?.len(),
            _ => return None,
        })
    }

    pub fn key(&self) -> Key {
        self.key_at(0)
    }

    fn key_at(&self, depth: usize) -> Key {
        match self {
            Self::None => Key::None,
            Self::Bool(value) => Key::Bool(*value),
            Self::Int(value) => Key::Int(*value),
            Self::Float(value) => Key::Float(value.to_bits()),
            Self::Str(text) => Key::Str(text.clone()),
            Self::Tuple(items) if depth < MAX_DEPTH => Key::Tuple(items.iter().map(|item| item.key_at(depth + 1)).collect()),
            other => Key::Other(other.render().into()),
        }
    }

    pub fn equals(&self, other: &Self) -> bool {
        self.equals_at(other, 0)
    }

    fn equals_at(&self, other: &Self, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        let each = |a: &[Value], b: &[Value]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals_at(b, depth + 1));
        match (self, other) {
            (Self::Undefined { .. }, Self::Undefined { .. }) | (Self::None, Self::None) => true,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) => Rc::ptr_eq(a, b) || each(&a.borrow(), &b.borrow()),
            (Self::Tuple(a), Self::Tuple(b)) => each(a, b),
            (Self::Dict(a), Self::Dict(b)) => {
                if Rc::ptr_eq(a, b) {
                    return true;
                }
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|found| value.equals_at(found, depth + 1)))
            }
            (Self::Set(a), Self::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.keys().all(|key| b.contains_key(key))
            }
            (Self::Package(a), Self::Package(b)) => a == b,
            (Self::Macro(a), Self::Macro(b)) => a == b,
            (Self::Function(a), Self::Function(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b) || a.compare(other) == Some(std::cmp::Ordering::Equal),
            _ => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// `None` where Python would refuse to order them.
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        fn each(a: &[Value], b: &[Value]) -> Option<std::cmp::Ordering> {
            for (a, b) in a.iter().zip(b) {
                if !a.equals(b) {
                    return a.compare(b);
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) => each(&a.borrow(), &b.borrow()),
            (Self::Tuple(a), Self::Tuple(b)) => each(a, b),
            (Self::Object(a), _) => a.compare(other),
            _ => self.as_float()?.partial_cmp(&other.as_float()?),
        }
    }

    /// As Python's `str()`.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.render_to(&mut out);
        out
    }

    pub fn render_to(&self, out: &mut String) {
        match self {
            Self::Undefined { .. } => {}
            Self::Str(text) => out.push_str(text),
            Self::Object(object) => out.push_str(&object.render()),
            other => other.repr_to(out, 0),
        }
    }

    /// As Python's `repr()`.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        self.repr_to(&mut out, 0);
        out
    }

    fn repr_to(&self, out: &mut String, depth: usize) {
        if depth > MAX_DEPTH || out.len() > crate::eval::MAX_TEXT {
            out.push_str("...");
            return;
        }
        let each = |out: &mut String, items: &[Value]| {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                item.repr_to(out, depth + 1);
            }
        };
        match self {
            Self::Undefined { .. } => out.push_str("Undefined"),
            Self::None => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Float(value) => out.push_str(&float(*value)),
            Self::Str(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                each(out, &items.borrow());
                out.push(']');
            }
            Self::Tuple(items) => {
                out.push('(');
                each(out, items);
                out.push_str(if items.len() == 1 { ",)" } else { ")" });
            }
            Self::Dict(map) => {
                out.push('{');
                for (index, (key, value)) in map.borrow().iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    key.value().repr_to(out, depth + 1);
                    out.push_str(": ");
                    value.repr_to(out, depth + 1);
                }
                out.push('}');
            }
            Self::Set(items) if items.borrow().is_empty() => out.push_str("set()"),
            Self::Set(items) => {
                out.push('{');
                let items: Vec<Value> = items.borrow().keys().map(Key::value).collect();
                each(out, &items);
                out.push('}');
            }
            Self::Function(function) => {
                let _ = write!(out, "<function {}>", function.name());
            }
            Self::Macro(_) | Self::Closure(_) => out.push_str("<macro>"),
            Self::Package(name) => {
                let _ = write!(out, "<package {name}>");
            }
            Self::Bound(bound) => {
                let _ = write!(out, "<method {}>", bound.1);
            }
            Self::Object(object) => out.push_str(&object.repr()),
        }
    }

    /// As data that leaves the template; what has behaviour becomes its text, as `json.dumps(default=str)` would do.
    pub fn to_json(&self) -> data::Value {
        self.json_at(0)
    }

    fn json_at(&self, depth: usize) -> data::Value {
        use data::Value as Json;
        if depth > MAX_DEPTH {
            return Json::Null;
        }
        let each = |items: &[Value]| items.iter().map(|item| item.json_at(depth + 1)).collect::<Json>();
        match self {
            Self::None | Self::Undefined { .. } => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Str(text) => Json::String(text.clone()),
            Self::List(items) => each(&items.borrow()),
            Self::Tuple(items) => each(items),
            Self::Set(items) => items.borrow().keys().map(|key| key.value().json_at(depth + 1)).collect(),
            Self::Dict(map) => Json::Object(map.borrow().iter().map(|(key, value)| (json_key(key), value.json_at(depth + 1))).collect()),
            other => other.render().into(),
        }
    }
}

/// A key as `json.dumps` writes it.
fn json_key(key: &Key) -> Name {
    match key {
        Key::Bool(value) => value.to_string().into(),
        Key::None => "null".into(),
        Key::Str(text) => text.clone(),
        other => other.value().render().into(),
    }
}

/// As Python writes a float.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// Writes a text as Python's `repr` does.
pub fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(mark);
}
