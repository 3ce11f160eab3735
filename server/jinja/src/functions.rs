//! The functions of a template's context: Jinja's own, dbt's, and the little objects that they make.

use crate::ast::Name;
use crate::eval::{Eval, Flow, Outcome};
use crate::found::{RefCall, SourceCall};
use crate::value::{Args, Key, Map, Object, Value};
use std::any::Any;
use std::cell::{Cell, RefCell};

/// A function by its name; one name means one thing in every context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function(pub &'static str);

impl Function {
    pub fn name(self) -> &'static str {
        self.0
    }

    /// What a function has beside being called.
    pub(crate) fn attribute(self, eval: &Eval<'_>, name: &str) -> Option<Value> {
        let resolves = matches!(self.0, "ref" | "source") && name == "config";
        resolves.then(|| Value::object(crate::host::RuntimeConfig(eval.env.project.clone())))
    }
}

/// The longest range that Jinja's sandbox allows.
const MAX_RANGE: i64 = 100_000;

/// Calls a function of the context.
pub fn call(eval: &mut Eval<'_>, function: Function, args: Args) -> Outcome<Value> {
    let text = |index: usize, name: &str| args.text(index, name);
    match function.0 {
        "range" => range(eval, &args),
        "dict" => {
            let mut map = match args.positional.first() {
                Some(Value::Dict(map)) => map.borrow().clone(),
                Some(other) => {
                    let pairs = other.items().unwrap_or_default();
                    pairs.iter().filter_map(Value::items).filter(|pair| pair.len() == 2).map(|pair| (pair[0].key(), pair[1].clone())).collect()
                }
                None => Map::default(),
            };
            map.extend(args.keywords.into_iter().map(|(key, value)| (Key::Str(key), value)));
            Ok(map.into())
        }
        "namespace" => {
            let mut fields: Vec<(Name, Value)> = Vec::new();
            if let Some(Value::Dict(map)) = args.positional.first() {
                fields.extend(map.borrow().iter().map(|(key, value)| (key.value().render().into(), value.clone())));
            }
            fields.extend(args.keywords);
            Ok(Value::object(Namespace { fields: RefCell::new(fields) }))
        }
        "cycler" => Ok(Value::object(Cycler { items: args.positional, at: Cell::new(0) })),
        "joiner" => Ok(Value::object(Joiner { separator: args.get(0, "sep").map_or_else(|| ", ".into(), Value::render), used: Cell::new(false) })),
        "lipsum" => Ok("".into()),
        "return" => Err(Flow::Return(args.get(0, "data").cloned().unwrap_or(Value::None))),
        "ref" => reference(eval, &args),
        "source" => {
            let [Value::Str(source), Value::Str(table)] = args.positional.as_slice() else {
                return Err(eval.fail(format!("source() takes exactly two arguments ({} given)", args.positional.len())));
            };
            let call = SourceCall { source: source.to_string(), table: table.to_string() };
            let named = eval.subject.relations.map(|relations| relations.of_source(&call));
            let what = format!("'{}.{}'", call.source, call.table);
            eval.found.sources.push(call);
            crate::host::relation::named(eval, named, "source", &what)
        }
        "metric" => {
            let names: Vec<String> = args.positional.iter().map(Value::render).collect();
            if names.is_empty() || names.len() > 2 {
                return Err(eval.fail("metric() takes one or two arguments"));
            }
            let rendered = names.last().cloned().unwrap_or_default();
            eval.found.metrics.push(names);
            Ok(rendered.into())
        }
        "function" => {
            let names: Vec<String> = args.positional.iter().map(Value::render).collect();
            eval.found.functions.push(names);
            Ok(crate::host::relation::this(eval))
        }
        "doc" => {
            let names: Vec<Name> = args.positional.iter().filter_map(Value::as_str).collect();
            let found = match names.as_slice() {
                [name] => eval.subject.docs.find(None, name),
                [package, name] => eval.subject.docs.find(Some(package), name),
                _ => return Err(eval.fail(format!("doc() takes at most two arguments ({} given)", args.positional.len()))),
            };
            match found {
                Some((unique_id, text)) => {
                    eval.found.docs.push(unique_id);
                    Ok(Value::Str(text))
                }
                None => Err(eval.fail(format!("documentation for '{}' not found", names.iter().map(|name| &**name).collect::<Vec<_>>().join(".")))),
            }
        }
        "env_var" => env_var(eval, &args),
        "fromjson" => {
            let default = args.get(1, "default").cloned().unwrap_or(Value::None);
            Ok(text(0, "string").and_then(|text| crate::json::loads(&text)).unwrap_or(default))
        }
        "tojson" => match crate::json::dumps(args.get(0, "value").unwrap_or(&Value::None), args.is_true(2, "sort_keys"), None) {
            Ok(json) => Ok(json.into()),
            Err(message) => Err(eval.fail(message)),
        },
        "fromyaml" => {
            let default = args.get(1, "default").cloned().unwrap_or(Value::None);
            let parsed = text(0, "value").map(|text| syntax::yaml::parse(&text)).filter(|parsed| parsed.error.is_none());
            Ok(parsed.map_or(default, |parsed| Value::from(&syntax::yaml_value::document(&parsed))))
        }
        "toyaml" => Ok(crate::yaml::dump(args.get(0, "value").unwrap_or(&Value::None), args.is_true(2, "sort_keys")).into()),
        "set" | "set_strict" => match args.positional.first().and_then(Value::items) {
            Some(items) => {
                eval.work(items.len())?;
                Ok(Value::set(items.iter().map(Value::key)))
            }
            None if function.0 == "set" => Ok(args.get(1, "default").cloned().unwrap_or(Value::None)),
            None => Err(eval.fail("set_strict() needs something that can be looped over")),
        },
        "zip" | "zip_strict" => match args.positional.iter().map(Value::items).collect::<Option<Vec<_>>>() {
            Some(lists) => {
                let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
                eval.work(shortest)?;
                Ok((0..shortest).map(|at| Value::tuple(lists.iter().map(|list| list[at].clone()).collect())).collect::<Vec<_>>().into())
            }
            None if function.0 == "zip" => Ok(args.keyword("default").cloned().unwrap_or(Value::None)),
            None => Err(eval.fail("zip_strict() needs things that can be looped over")),
        },
        "log" | "print" | "write" | "store_result" | "store_raw_result" | "debug" => Ok("".into()),
        "load_result" | "load_agate_table" | "submit_python_job" => Ok(Value::None),
        "diff_of_two_dicts" => Ok(diff_of_two_dicts(&args)),
        "local_md5" => Ok(md5(&args.get(0, "value").map(Value::render).unwrap_or_default()).into()),
        "render" => {
            let source = args.get(0, "string").map(Value::render).unwrap_or_default();
            render(eval, &source).map(Value::from)
        }
        "try_or_compiler_error" => {
            let message = args.get(0, "message_if_exception").map(Value::render).unwrap_or_default();
            let Some(function) = args.get(1, "func").cloned() else { return Err(eval.fail("try_or_compiler_error() needs a function")) };
            let rest = Args { positional: args.positional.iter().skip(2).cloned().collect(), keywords: args.keywords };
            match eval.call_value(&function, rest) {
                Err(Flow::Fail(_)) => Err(eval.fail(message)),
                other => other,
            }
        }
        "adapter_macro" => {
            let name = args.positional.first().map(Value::render).unwrap_or_default();
            Err(eval.fail(format!("`adapter_macro` is gone; use `adapter.dispatch` (it was called for: {name})")))
        }
        "validation.any" => Ok(Value::Function(Function("validation.inner"))),
        "validation.inner" => Ok(Value::None),
        "exceptions.warn" => {
            let message = args.get(0, "msg").map(Value::render).unwrap_or_default();
            eval.found.warnings.push(message);
            Ok("".into())
        }
        name if name.starts_with("exceptions.") => {
            let parts: Vec<String> = args.positional.iter().chain(args.keywords.iter().map(|(_, value)| value)).map(Value::render).collect();
            let message = if parts.is_empty() { name.trim_start_matches("exceptions.").to_owned() } else { parts.join(" ") };
            Err(eval.fail(message))
        }
        name => crate::host::modules::call(eval, name, &args),
    }
}

fn range(eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
    let numbers: Option<Vec<i64>> = args.positional.iter().map(Value::as_int).collect();
    let Some(numbers) = numbers else { return Err(eval.fail("range() needs whole numbers")) };
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] if *step != 0 => (*start, *stop, *step),
        _ => return Err(eval.fail("range() takes one to three numbers, and no step of zero")),
    };
    let count = if step > 0 {
        stop.saturating_sub(start).saturating_add(step - 1) / step
    } else {
        start.saturating_sub(stop).saturating_sub(step + 1) / step.saturating_neg()
    };
    if count > MAX_RANGE {
        return Err(eval.fail(format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE})")));
    }
    let count = count.max(0);
    eval.work(count as usize)?;
    Ok((0..count).map(|index| Value::Int(start + index * step)).collect::<Vec<_>>().into())
}

/// `ref('x')`, `ref('package', 'x')`, with `v` or `version`. While parsing its value is the relation of the node itself.
fn reference(eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
    let (package, name) = match args.positional.as_slice() {
        [name] => (None, name),
        [package, name] => (Some(package), name),
        _ => return Err(eval.fail(format!("ref() takes at most two arguments ({} given)", args.positional.len()))),
    };
    let Value::Str(name) = name else { return Err(eval.fail(format!("The name argument to ref() must be a string, got {}", name.type_name()))) };
    let package = match package {
        None | Some(Value::None) => None,
        Some(Value::Str(package)) => Some(package.to_string()),
        Some(other) => return Err(eval.fail(format!("The package argument to ref() must be a string or None, got {}", other.type_name()))),
    };
    let version = [args.keyword("version"), args.keyword("v")].into_iter().flatten().find(|version| version.is_true());
    let call = RefCall { package, name: name.to_string(), version: version.map(Value::to_json) };
    let named = eval.subject.relations.map(|relations| relations.of_ref(&call));
    let what = format!("'{}'", call.name);
    eval.found.refs.push(call);
    crate::host::relation::named(eval, named, "ref", &what)
}

fn env_var(eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
    let Some(name) = args.text(0, "var") else { return Err(eval.fail("env_var() needs the name of a variable")) };
    if name.starts_with("DBT_ENV_SECRET") && !eval.subject.sees_secrets {
        return Err(eval.fail(format!("Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere.")));
    }
    eval.found.env_vars.insert(name.to_string());
    if let Some(value) = eval.env.environment.get(&*name) {
        return Ok(value.as_str().into());
    }
    match args.get(1, "default") {
        Some(default) if !default.is_none() => Ok(default.clone()),
        _ => Err(eval.fail(format!("Env var required but not provided: '{name}'"))),
    }
}

/// Renders text that a template holds; its missing names are strict.
pub fn render(eval: &mut Eval<'_>, source: &str) -> Outcome<String> {
    if !source.contains(['{', '}']) {
        return Ok(source.to_owned());
    }
    let template = match crate::lower::parse(source, 0) {
        Ok(template) => template,
        Err(error) => return Err(eval.fail(error.message)),
    };
    let outer = std::mem::replace(&mut eval.lenient, false);
    let written = eval.capture(|eval| eval.stmts(&template.body));
    eval.lenient = outer;
    written
}

fn diff_of_two_dicts(args: &Args) -> Value {
    let (Some(Value::Dict(a)), Some(Value::Dict(b))) = (args.get(0, "dict_a"), args.get(1, "dict_b")) else { return Map::default().into() };
    let fold = |value: &Value| value.render().to_lowercase();
    let other: Vec<(String, Vec<String>)> =
        b.borrow().iter().map(|(key, values)| (fold(&key.value()), values.items().unwrap_or_default().iter().map(fold).collect())).collect();
    let mut diff = Map::default();
    for (key, values) in a.borrow().iter() {
        match other.iter().find(|(name, _)| *name == fold(&key.value())) {
            Some((_, known)) => {
                let left: Vec<Value> = values.items().unwrap_or_default().into_iter().filter(|value| !known.contains(&fold(value))).collect();
                if !left.is_empty() {
                    diff.insert(key.clone(), left.into());
                }
            }
            None => {
                diff.insert(key.clone(), values.clone());
            }
        }
    }
    diff.into()
}

/// The hexadecimal MD5 of a text, as dbt makes its ids.
pub fn md5(text: &str) -> String {
    use md5::{Digest, Md5};
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    Md5::digest(text.as_bytes()).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `namespace()`: the only object whose attributes a template can set.
pub struct Namespace {
    fields: RefCell<Vec<(Name, Value)>>,
}

impl Namespace {
    pub fn set(&self, name: &Name, value: Value) {
        let mut fields = self.fields.borrow_mut();
        match fields.iter_mut().find(|(key, _)| key == name) {
            Some(slot) => slot.1 = value,
            None => fields.push((name.clone(), value)),
        }
    }
}

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "namespace"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        self.fields.borrow().iter().find(|(key, _)| &**key == name).map(|(_, value)| value.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `loop`.
pub struct Loop {
    items: Vec<Value>,
    at: Cell<usize>,
    depth: usize,
    changed: RefCell<Option<Value>>,
}

impl Loop {
    pub fn new(items: Vec<Value>, depth: usize) -> Self {
        Self { items, at: Cell::new(0), depth, changed: RefCell::new(None) }
    }

    pub fn at(&self, index: usize) {
        self.at.set(index);
    }
}

impl Object for Loop {
    fn type_name(&self) -> &'static str {
        "loop"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        let (at, len) = (self.at.get(), self.items.len());
        Some(match name {
            "index" => Value::from(at + 1),
            "index0" => Value::from(at),
            "revindex" => Value::from(len - at),
            "revindex0" => Value::from(len - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == len),
            "length" => Value::from(len),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => at.checked_sub(1).and_then(|at| self.items.get(at).cloned()).unwrap_or_else(|| eval.undefined("there is no previous item")),
            "nextitem" => self.items.get(at + 1).cloned().unwrap_or_else(|| eval.undefined("there is no next item")),
            _ => return None,
        })
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        match name {
            "cycle" if args.positional.is_empty() => Some(Err(eval.fail("no items for cycling given"))),
            "cycle" => Some(Ok(args.positional[self.at.get() % args.positional.len()].clone())),
            "changed" => {
                let now = Value::tuple(args.positional.clone());
                let is_same = self.changed.borrow().as_ref().is_some_and(|before| before.equals(&now));
                *self.changed.borrow_mut() = Some(now);
                Some(Ok(Value::Bool(!is_same)))
            }
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One group of the `groupby` filter.
pub struct Group {
    pub grouper: Value,
    pub list: Value,
}

impl Object for Group {
    fn type_name(&self) -> &'static str {
        "tuple"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match name {
            "grouper" => Some(self.grouper.clone()),
            "list" => Some(self.list.clone()),
            _ => None,
        }
    }
    fn items(&self) -> Option<Vec<Value>> {
        Some(vec![self.grouper.clone(), self.list.clone()])
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Cycler {
    items: Vec<Value>,
    at: Cell<usize>,
}

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        "cycler"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        (name == "current").then(|| self.items.get(self.at.get()).cloned().unwrap_or(Value::None))
    }
    fn method(&self, _eval: &mut Eval<'_>, name: &str, _args: &Args) -> Option<Outcome<Value>> {
        match name {
            "next" => {
                let item = self.items.get(self.at.get()).cloned().unwrap_or(Value::None);
                self.at.set((self.at.get() + 1) % self.items.len().max(1));
                Some(Ok(item))
            }
            "reset" => {
                self.at.set(0);
                Some(Ok(Value::None))
            }
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Joiner {
    separator: String,
    used: Cell<bool>,
}

impl Object for Joiner {
    fn type_name(&self) -> &'static str {
        "joiner"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, _eval: &mut Eval<'_>, _args: &Args) -> Outcome<Value> {
        Ok(if self.used.replace(true) { self.separator.as_str().into() } else { "".into() })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `var`, which can be called and asked.
pub struct Var;

impl Object for Var {
    fn type_name(&self) -> &'static str {
        "Var"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        let Some(name) = args.get(0, "var_name").map(Value::render) else { return Err(eval.fail("var() needs the name of a variable")) };
        eval.found.vars.insert(name.clone());
        match eval.env.var(&eval.subject.package, &name).cloned() {
            // Values of properties files get it as it is written (`ConfiguredVar`), all others rendered.
            Some(data::Value::String(text)) if !matches!(eval.subject.kind, crate::Kind::Yaml | crate::Kind::Docs) => render(eval, &text).map(Value::from),
            Some(value) => Ok(Value::from(&value)),
            None => match args.get(1, "default") {
                Some(default) => Ok(default.clone()),
                None if eval.subject.requires_vars => {
                    Err(eval.fail(format!("Required var '{name}' not found in config; give it under `vars:` in dbt_project.yml or with --vars")))
                }
                None => {
                    eval.found.missing_vars.insert(name);
                    Ok(Value::None)
                }
            },
        }
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        (name == "has_var").then(|| {
            let name = args.get(0, "var_name").map(Value::render).unwrap_or_default();
            eval.found.vars.insert(name.clone());
            Ok(Value::Bool(eval.env.var(&eval.subject.package, &name).is_some()))
        })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
