//! Relations: a database, a schema and an identifier, rendered with the adapter's quotes.

use crate::adapter::Adapter;
use crate::ast::Name;
use crate::env::{Named, Relation};
use crate::eval::{Eval, Outcome};
use crate::value::{Args, Key, Map, Object, Value};
use data::{Map as JsonMap, Value as Json};
use std::any::Any;

const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// How a relation is written by an adapter: the parts that it includes, each quoted if the adapter's default, the project's
/// `quoting:` or the relation's own says so.
pub fn render(adapter: &Adapter, project_quoting: &JsonMap, relation: &Relation) -> String {
    let quoting = |index: usize| {
        let of = |map: &JsonMap| map.get(PARTS[index]).and_then(Json::as_bool);
        of(&relation.quoting).or_else(|| of(project_quoting)).unwrap_or(adapter.quoting[index])
    };
    write(adapter, relation, [0, 1, 2].map(quoting), adapter.include)
}

fn write(adapter: &Adapter, relation: &Relation, quoting: [bool; 3], include: [bool; 3]) -> String {
    let parts = [&relation.database, &relation.schema, &relation.identifier];
    let written: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(index, _)| include[*index])
        .filter_map(|(index, part)| part.as_ref().map(|part| if quoting[index] { adapter.quoted(part) } else { part.to_string() }))
        .collect();
    written.join(".")
}

/// `this`; none where the node has no relation.
pub fn this_or_none(eval: &Eval<'_>) -> Value {
    match &eval.subject.relation {
        Some(relation) => Value::object(RelationObject::new(eval, relation.clone())),
        None => Value::None,
    }
}

/// What `ref()` and `source()` give while parsing: the relation of the node that asks.
pub fn this(eval: &Eval<'_>) -> Value {
    Value::object(RelationObject::new(eval, eval.subject.relation.clone().unwrap_or_default()))
}

/// The value of a `ref` or a `source`: the relation that it names, while parsing the node's own.
pub fn named(eval: &Eval<'_>, found: Option<Option<Named>>, function: &str, what: &str) -> Outcome<Value> {
    let bare = |text: Name, kind: Option<&str>| {
        let relation = Relation { identifier: Some(text), ..Relation::default() };
        let made = RelationObject { quoting: [false; 3], include: [false, false, true], kind: kind.map(str::to_owned), ..RelationObject::new(eval, relation) };
        Value::object(made)
    };
    Ok(match found {
        None => this(eval),
        Some(Some(Named::Relation(relation))) => Value::object(RelationObject::new(eval, relation)),
        Some(Some(Named::Cte(name))) => bare(name, Some("cte")),
        Some(Some(Named::Written(text))) => bare(text, None),
        Some(None) => return Err(eval.fail(format!("{function}() names {what}, which is not in the project"))),
    })
}

/// A relation in a template.
#[derive(Clone)]
pub struct RelationObject {
    relation: Relation,
    adapter: std::sync::Arc<Adapter>,
    quoting: [bool; 3],
    include: [bool; 3],
    kind: Option<String>,
}

impl RelationObject {
    fn new(eval: &Eval<'_>, relation: Relation) -> Self {
        let adapter = eval.env.adapter.clone();
        let of = |map: &JsonMap, index: usize| map.get(PARTS[index]).and_then(Json::as_bool);
        let quoting = [0, 1, 2].map(|index| of(&relation.quoting, index).or_else(|| of(&eval.env.quoting, index)).unwrap_or(adapter.quoting[index]));
        Self { relation, include: adapter.include, adapter, quoting, kind: None }
    }

    fn part(&self, name: &str) -> Value {
        let part = match name {
            "database" => &self.relation.database,
            "schema" => &self.relation.schema,
            _ => &self.relation.identifier,
        };
        part.as_deref().map_or(Value::None, Value::from)
    }

    /// Sets some of three flags from keywords (`database=false`) or a dict.
    fn changed(mut flags: [bool; 3], args: &Args) -> [bool; 3] {
        for (index, name) in PARTS.iter().enumerate() {
            if let Some(value) = args.keyword(name) {
                flags[index] = value.is_true();
            }
        }
        flags
    }
}

impl Object for RelationObject {
    fn type_name(&self) -> &'static str {
        "Relation"
    }

    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        Some(match name {
            "database" | "schema" | "identifier" => self.part(name),
            "name" | "table" => self.part("identifier"),
            "type" => self.kind.as_deref().map_or(Value::None, Value::from),
            "is_table" => Value::Bool(self.kind.as_deref() == Some("table")),
            "is_view" => Value::Bool(self.kind.as_deref() == Some("view")),
            "is_cte" => Value::Bool(self.kind.as_deref() == Some("cte")),
            "is_pointer" | "is_materialized_view" | "is_dynamic_table" | "is_iceberg_format" | "is_delta" | "is_hudi" => Value::Bool(false),
            "can_be_renamed" | "can_be_replaced" | "renameable" | "replaceable" => Value::Bool(false),
            "quote_character" => self.adapter.quote.0.as_str().into(),
            // BigQuery's names of the same parts.
            "project" => self.part("database"),
            "dataset" => self.part("schema"),
            "path" => PARTS.iter().map(|part| (Key::from(*part), self.part(part))).collect::<Map>().into(),
            "View" => "view".into(),
            "Table" => "table".into(),
            "CTE" => "cte".into(),
            "MaterializedView" => "materialized_view".into(),
            "External" => "external".into(),
            // What packages tell a relation by.
            "metadata" => [(Key::from("type"), Value::from(class_name(&self.adapter.name)))].into_iter().collect::<Map>().into(),
            "limit" | "event_time_filter" | "catalog" => Value::None,
            _ => return None,
        })
    }

    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let made = |object: Self| Some(Ok(Value::object(object)));
        match name {
            "include" => made(Self { include: Self::changed(self.include, args), ..self.clone() }),
            "quote" => made(Self { quoting: Self::changed(self.quoting, args), ..self.clone() }),
            "without_identifier" => made(Self {
                include: [self.include[0], self.include[1], false],
                relation: Relation { identifier: None, ..self.relation.clone() },
                ..self.clone()
            }),
            "incorporate" | "replace_path" => {
                let mut changed = self.clone();
                let path = match args.keyword("path") {
                    Some(Value::Dict(map)) => map.borrow().iter().map(|(key, value)| (key.value().render(), value.clone())).collect(),
                    _ => args.keywords.iter().map(|(key, value)| (key.to_string(), value.clone())).collect::<Vec<_>>(),
                };
                for (key, value) in path {
                    let text = (!value.is_none() && !value.is_undefined()).then(|| crate::ast::Name::from(value.render()));
                    match key.as_str() {
                        "database" => changed.relation.database = text,
                        "schema" => changed.relation.schema = text,
                        "identifier" => changed.relation.identifier = text,
                        "type" => changed.kind = text.map(|text| text.to_string()),
                        _ => {}
                    }
                }
                made(changed)
            }
            "information_schema" => {
                let view = args.positional.first().filter(|view| !view.is_none()).map(Value::render);
                let mut relation = Self { quoting: [self.quoting[0], false, false], ..self.clone() };
                relation.relation.schema = Some("INFORMATION_SCHEMA".into());
                relation.relation.identifier = view.map(Into::into);
                made(relation)
            }
            "information_schema_only" => made(self.clone()),
            "matches" => {
                let same = |part: &str, index: usize| {
                    let wanted = args.get(index, part).filter(|value| !value.is_none()).map(Value::render);
                    wanted.is_none_or(|wanted| self.part(part).render().eq_ignore_ascii_case(&wanted))
                };
                Some(Ok(Value::Bool(same("database", 0) && same("schema", 1) && same("identifier", 2))))
            }
            "render" => Some(Ok(self.render().into())),
            "get" => {
                let key = args.positional.first().map(Value::render).unwrap_or_default();
                Some(Ok(self.attribute(eval, &key).unwrap_or_else(|| args.get(1, "default").cloned().unwrap_or(Value::None))))
            }
            "to_dict" => Some(Ok(PARTS.iter().map(|part| (Key::from(*part), self.part(part))).collect::<Map>().into())),
            "create" | "create_from" | "create_ephemeral_from" | "create_from_source" | "create_from_node" => Some(Ok(created(eval, args))),
            _ => None,
        }
    }

    fn render(&self) -> String {
        write(&self.adapter, &self.relation, self.quoting, self.include)
    }

    fn repr(&self) -> String {
        format!("<{} {}>", class_name(&self.adapter.name), self.render())
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn compare(&self, other: &Value) -> Option<std::cmp::Ordering> {
        let other = other.downcast::<Self>()?;
        (self.render() == other.render()).then_some(std::cmp::Ordering::Equal)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The name of an adapter's relation class.
fn class_name(adapter: &str) -> String {
    let name = match adapter {
        "bigquery" => "BigQuery",
        "duckdb" => "DuckDB",
        "clickhouse" => "ClickHouse",
        other => return format!("{}Relation", crate::methods::capitalized(other)),
    };
    format!("{name}Relation")
}

fn created(eval: &mut Eval<'_>, args: &Args) -> Value {
    let text = |name: &str| args.keyword(name).filter(|value| !value.is_none() && !value.is_undefined()).map(Value::render);
    let part = |name: &str| text(name).map(crate::ast::Name::from);
    let relation = Relation { database: part("database"), schema: part("schema"), identifier: part("identifier"), quoting: JsonMap::new() };
    let mut object = RelationObject::new(eval, relation);
    object.kind = text("type");
    for (policy, flags) in [("quote_policy", true), ("include_policy", false)] {
        if let Some(Value::Dict(map)) = args.keyword(policy) {
            let map = map.borrow();
            for (index, part) in PARTS.iter().enumerate() {
                if let Some(value) = map.get(&Key::from(*part)).filter(|value| !value.is_none()) {
                    match flags {
                        true => object.quoting[index] = value.is_true(),
                        false => object.include[index] = value.is_true(),
                    }
                }
            }
        }
    }
    Value::object(object)
}

/// `api.Relation`.
pub struct RelationClass;

impl Object for RelationClass {
    fn type_name(&self) -> &'static str {
        "type"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        Ok(created(eval, args))
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match name {
            "View" | "Table" | "CTE" | "MaterializedView" | "External" | "DynamicTable" => RelationObject::new(eval, Relation::default()).attribute(eval, name),
            "quote_character" => Some(eval.env.adapter.quote.0.as_str().into()),
            _ => None,
        }
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        match name {
            "create" => Some(Ok(created(eval, args))),
            "create_from" | "create_from_node" | "create_from_source" => Some(Ok(this(eval))),
            "get_default_quote_policy" | "get_default_include_policy" => {
                let flags = if name == "get_default_quote_policy" { eval.env.adapter.quoting } else { eval.env.adapter.include };
                Some(Ok(PARTS.iter().zip(flags).map(|(part, flag)| (Key::from(*part), Value::Bool(flag))).collect::<Map>().into()))
            }
            "add_ephemeral_prefix" => Some(Ok(format!("__dbt__cte__{}", args.positional.first().map(Value::render).unwrap_or_default()).into())),
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
