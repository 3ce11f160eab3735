//! Python models: the calls of `dbt.ref`, `dbt.source`, `dbt.config` and their literal arguments, from tree-sitter's tree.

use crate::SyntaxError;
use crate::jinja::{Arg, Call, Literal};
use text::TextRange;
use tree_sitter::{Node, Parser};

/// What a Python file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Python {
    /// Calls of dotted names that begin with `dbt`, in the order of the text.
    pub calls: Vec<Call>,
    pub errors: Vec<SyntaxError>,
    /// Every `def model` at the top of the file.
    pub models: Vec<ModelFunction>,
    /// Whether the file holds any statement.
    pub is_empty: bool,
}

/// A function that may be dbt's entry into a Python model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFunction {
    /// Its name.
    pub range: TextRange,
    pub parameters: Vec<String>,
    /// How many values its last statement returns; 0 where that returns nothing.
    pub returned: usize,
}

/// Nested deeper than this nothing is read.
const MAX_DEPTH: usize = 400;

/// Reads a file.
pub fn parse(source: &str) -> Python {
    let mut python = Python::default();
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_err() {
        return python;
    }
    let Some(tree) = parser.parse(source, None) else { return python };
    visit(tree.root_node(), source, &mut python, 0);
    let root = tree.root_node();
    let mut cursor = root.walk();
    python.models = root.named_children(&mut cursor).filter_map(|node| model_function(node, source)).collect();
    python.is_empty = root.named_children(&mut cursor).all(|node| node.kind() == "comment");
    if python.errors.is_empty() && tree.root_node().has_error() {
        let end = source.find('\n').unwrap_or(source.len());
        python.errors.push(SyntaxError { range: TextRange::new(0, end), message: "invalid Python".to_owned() });
    }
    python.calls.sort_by_key(|call| call.range.start);
    python
}

fn visit(node: Node<'_>, source: &str, python: &mut Python, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if (node.is_error() || node.is_missing()) && python.errors.is_empty() {
        let end = node.end_byte().min(node.start_byte() + 80).max(node.start_byte());
        let range = TextRange::new(source.floor_char_boundary(node.start_byte()), source.ceil_char_boundary(end));
        python.errors.push(SyntaxError { range, message: "invalid Python".to_owned() });
    }
    // The grammar takes a block without statements; Python doesn't.
    let is_empty = node.kind() == "block" && node.named_children(&mut node.walk()).all(|child| child.kind() == "comment");
    if is_empty && python.errors.is_empty() {
        let head = node.parent().map_or(node.start_byte(), |parent| parent.start_byte());
        let end = source[head..].find('\n').map_or(source.len(), |end| head + end);
        python.errors.push(SyntaxError { range: TextRange::new(head, end), message: "an indented block is expected below this line".to_owned() });
    }
    if node.kind() == "call"
        && let Some(call) = call(node, source)
    {
        python.calls.push(call);
    }
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        visit(child, source, python, depth + 1);
    }
}

fn model_function(node: Node<'_>, source: &str) -> Option<ModelFunction> {
    let definition = if node.kind() == "decorated_definition" { node.child_by_field_name("definition")? } else { node };
    let name = definition.child_by_field_name("name").filter(|_| definition.kind() == "function_definition")?;
    if range(name).of(source) != "model" {
        return None;
    }
    let list = definition.child_by_field_name("parameters")?;
    let mut cursor = list.walk();
    let parameters = list.named_children(&mut cursor).filter(|node| node.kind() != "comment");
    let named = |node: Node<'_>| range(node).of(source).split([':', '=']).next().unwrap_or_default().trim().to_owned();
    let parameters = parameters.map(named).collect();
    let body = definition.child_by_field_name("body")?;
    let mut cursor = body.walk();
    let last = body.named_children(&mut cursor).filter(|node| node.kind() != "comment").last();
    let returned = last.filter(|last| last.kind() == "return_statement").and_then(|last| last.named_child(0)).map_or(0, |value| match value.kind() {
        "expression_list" | "tuple" => value.named_child_count(),
        _ => 1,
    });
    Some(ModelFunction { range: range(name), parameters, returned })
}

fn range(node: Node<'_>) -> TextRange {
    TextRange::new(node.start_byte(), node.end_byte())
}

fn call(node: Node<'_>, source: &str) -> Option<Call> {
    let callee = node.child_by_field_name("function")?;
    let path: Vec<String> = dotted(callee, source)?;
    if path.first().map(String::as_str) != Some("dbt") || path.len() < 2 {
        return None;
    }
    let mut args = Vec::new();
    let list = node.child_by_field_name("arguments")?;
    let mut cursor = list.walk();
    for argument in list.named_children(&mut cursor) {
        match argument.kind() {
            "comment" => {}
            "keyword_argument" => {
                let (Some(name), Some(value)) = (argument.child_by_field_name("name"), argument.child_by_field_name("value")) else { continue };
                args.push(Arg { name: Some(range(name).of(source).to_owned()), value: literal(value, source, 0), range: range(value) });
            }
            _ => args.push(Arg { name: None, value: literal(argument, source, 0), range: range(argument) }),
        }
    }
    Some(Call { path, args, range: range(node), callee: range(callee) })
}

fn dotted(node: Node<'_>, source: &str) -> Option<Vec<String>> {
    match node.kind() {
        "identifier" => Some(vec![range(node).of(source).to_owned()]),
        "attribute" => {
            let mut path = dotted(node.child_by_field_name("object")?, source)?;
            path.push(range(node.child_by_field_name("attribute")?).of(source).to_owned());
            (path.len() < 8).then_some(path)
        }
        _ => None,
    }
}

/// As Python's `ast.literal_eval`.
fn literal(node: Node<'_>, source: &str, depth: usize) -> Literal {
    if depth > 32 {
        return Literal::Dynamic;
    }
    let text = range(node).of(source);
    let mut cursor = node.walk();
    match node.kind() {
        "string" => string(node, source),
        "concatenated_string" => {
            let mut joined = String::new();
            for part in node.named_children(&mut cursor) {
                match string(part, source) {
                    Literal::Str(part) => joined.push_str(&part),
                    _ => return Literal::Dynamic,
                }
            }
            Literal::Str(joined)
        }
        "integer" => text.replace('_', "").parse().map_or(Literal::Dynamic, Literal::Int),
        "float" => text.replace('_', "").parse().map_or(Literal::Dynamic, Literal::Float),
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        "none" => Literal::None,
        "unary_operator" if text.starts_with('-') => match node.child_by_field_name("argument").map(|inner| literal(inner, source, depth + 1)) {
            Some(Literal::Int(value)) => Literal::Int(-value),
            Some(Literal::Float(value)) => Literal::Float(-value),
            _ => Literal::Dynamic,
        },
        "parenthesized_expression" => node.named_child(0).map_or(Literal::Dynamic, |inner| literal(inner, source, depth + 1)),
        "list" | "tuple" | "set" => {
            Literal::List(node.named_children(&mut cursor).filter(|item| item.kind() != "comment").map(|item| literal(item, source, depth + 1)).collect())
        }
        "dictionary" => {
            let pairs = node.named_children(&mut cursor).filter(|pair| pair.kind() == "pair");
            let of = |pair: Node<'_>, field: &str| pair.child_by_field_name(field).map_or(Literal::Dynamic, |inner| literal(inner, source, depth + 1));
            Literal::Map(pairs.map(|pair| (of(pair, "key"), of(pair, "value"))).collect())
        }
        _ => Literal::Dynamic,
    }
}

/// A string without interpolation; its escapes are decoded.
fn string(node: Node<'_>, source: &str) -> Literal {
    let mut made = String::new();
    let mut cursor = node.walk();
    let raw = node.child(0).is_some_and(|start| range(start).of(source).to_ascii_lowercase().contains('r'));
    for part in node.named_children(&mut cursor) {
        match part.kind() {
            "string_content" => made.push_str(&unescaped(range(part).of(source), raw)),
            "interpolation" => return Literal::Dynamic,
            _ => {}
        }
    }
    Literal::Str(made)
}

fn unescaped(text: &str, raw: bool) -> String {
    if raw || !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\n') | None => {}
            Some(mark @ ('\\' | '\'' | '"')) => out.push(mark),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_dbt() {
        let source = "def model(dbt, session):\n    dbt.config(materialized='table', packages=[\"a\", 'b'], meta={'x': -1})\n    df = dbt.ref('orders', v=2).to_df()\n    return df.join(dbt.source('raw', \"t\"), on=dbt.config.get('key'))\n";
        let shown: Vec<String> = parse(source)
            .calls
            .iter()
            .map(|call| format!("{} {:?}", call.path.join("."), call.args.iter().map(|arg| (&arg.name, &arg.value)).collect::<Vec<_>>()))
            .collect();
        expect_test::expect![[r#"
            dbt.config [(Some("materialized"), Str("table")), (Some("packages"), List([Str("a"), Str("b")])), (Some("meta"), Map([(Str("x"), Int(-1))]))]
            dbt.ref [(None, Str("orders")), (Some("v"), Int(2))]
            dbt.source [(None, Str("raw")), (None, Str("t"))]
            dbt.config.get [(None, Str("key"))]"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(parse("def model(:\n").errors.len(), 1);
        assert_eq!(parse("def model(dbt, session):\nreturn dbt.ref('a')\n").errors.len(), 1);
        assert_eq!(parse("def model(dbt, session):\n    # so\n    return dbt.ref('a')\n").errors.len(), 0);
    }
}
