//! `api.Column`.

use crate::eval::{Eval, Outcome};
use crate::value::{Args, Object, Value};
use std::any::Any;

/// The class: `api.Column.create`, `translate_type`, `numeric_type`, `string_type`.
pub struct ColumnClass;

impl Object for ColumnClass {
    fn type_name(&self) -> &'static str {
        "type"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        let number = |index: usize, name: &str| args.get(index, name).and_then(Value::as_int);
        Ok(Value::object(Column {
            name: args.get(0, "column").map(Value::render).unwrap_or_default(),
            dtype: translated(eval, &args.get(1, "dtype").map(Value::render).unwrap_or_default()),
            size: number(2, "char_size"),
            precision: number(3, "numeric_precision"),
            scale: number(4, "numeric_scale"),
            quote: eval.env.adapter.quote.0.clone(),
        }))
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let text = |index: usize, name: &str| args.get(index, name).filter(|value| !value.is_none()).map(Value::render);
        match name {
            "create" | "from_description" => {
                let args = Args { positional: args.positional.iter().take(2).cloned().collect(), keywords: args.keywords.clone() };
                Some(self.call(eval, &args))
            }
            "translate_type" => Some(Ok(translated(eval, &text(0, "dtype").unwrap_or_default()).into())),
            "string_type" => Some(Ok(eval.env.adapter.string_type.replace("{size}", &text(0, "size").unwrap_or_default()).into())),
            "numeric_type" => {
                let dtype = text(0, "dtype").unwrap_or_default();
                Some(Ok(match (text(1, "precision"), text(2, "scale")) {
                    (Some(precision), Some(scale)) => {
                        let shape = eval.env.adapter.numeric_type.clone();
                        shape.replace("{dtype}", &dtype).replace("{precision}", &precision).replace("{scale}", &scale).into()
                    }
                    _ => dtype.into(),
                }))
            }
            "format_add_column_list" | "format_remove_column_list" => Some(Ok("".into())),
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn translated(eval: &Eval<'_>, dtype: &str) -> String {
    eval.env.adapter.labels.get(&dtype.to_lowercase()).cloned().unwrap_or_else(|| dtype.to_owned())
}

/// A column.
struct Column {
    name: String,
    dtype: String,
    size: Option<i64>,
    precision: Option<i64>,
    scale: Option<i64>,
    quote: String,
}

impl Column {
    fn is_one_of(&self, types: &[&str]) -> Value {
        Value::Bool(types.contains(&self.dtype.to_lowercase().as_str()))
    }
}

const STRINGS: [&str; 6] = ["text", "character varying", "character", "varchar", "string", "char"];

impl Object for Column {
    fn type_name(&self) -> &'static str {
        "Column"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        let number = |value: Option<i64>| value.map_or(Value::None, Value::Int);
        Some(match name {
            "name" | "column" => self.name.as_str().into(),
            "quoted" => format!("{0}{1}{0}", self.quote, self.name).into(),
            "dtype" | "data_type" => self.dtype.as_str().into(),
            "char_size" => number(self.size),
            "numeric_precision" => number(self.precision),
            "numeric_scale" => number(self.scale),
            _ => return None,
        })
    }
    fn method(&self, _eval: &mut Eval<'_>, name: &str, _args: &Args) -> Option<Outcome<Value>> {
        Some(Ok(match name {
            "is_string" => self.is_one_of(&STRINGS),
            "is_number" => self.is_one_of(&[
                "integer",
                "int",
                "bigint",
                "smallint",
                "numeric",
                "decimal",
                "number",
                "float",
                "double",
                "real",
                "float8",
                "double precision",
            ]),
            "is_float" => self.is_one_of(&["real", "float4", "float", "double precision", "float8", "double"]),
            "is_integer" => self.is_one_of(&["smallint", "integer", "bigint", "int", "int2", "int4", "int8", "serial"]),
            "is_numeric" => self.is_one_of(&["numeric", "decimal"]),
            "string_size" => Value::Int(self.size.unwrap_or(256)),
            _ => return None,
        }))
    }
    fn render(&self) -> String {
        format!("<Column {} ({})>", self.name, self.dtype)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
