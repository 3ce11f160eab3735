//! What an entry of `data_tests:` must be (`TestBuilder.extract_test_args`).

use super::{Checker, first_line, is_jinja, is_text, shown};
use syntax::yaml::{Kind, Node};

const CODE: &str = "malformed-test";

pub fn test(checker: &mut Checker, node: &Node) {
    let fail = |checker: &mut Checker, node: &Node, message: &str, says: String| {
        checker.fail(first_line(node), CODE, message, format!("Invalid test config given in {{file}}: {says}"));
    };
    let entries = match &node.kind {
        Kind::Map { entries, .. } => entries,
        _ if is_text(node) => return,
        _ => {
            let message = "a test is its name, or a mapping whose only key is its name";
            return checker.fail(
                first_line(node),
                CODE,
                message,
                format!("Invalid {} config given in {{file}}: {} is not valid under any of the given schemas", checker.section, shown(node)),
            );
        }
    };
    let arguments = match (node.get("test_name"), entries.as_slice()) {
        (Some(_), _) => node,
        (None, [(_, arguments)]) => arguments,
        (None, entries) => {
            let keys: Vec<String> = entries.iter().map(|(key, value)| format!("('{}', {})", key.as_str().unwrap_or_default(), shown(value))).collect();
            let says = format!("test definition dictionary must have exactly one key, got [{}] instead ({} keys)", keys.join(", "), entries.len());
            return fail(checker, node, "a test is its name, or a mapping whose only key is its name: indent its arguments below it", says);
        }
    };
    if !matches!(arguments.kind, Kind::Map { .. }) {
        if is_jinja(arguments) {
            return;
        }
        let kind = match &arguments.kind {
            Kind::Seq { .. } => "list",
            _ if arguments.is_null() => "NoneType",
            _ if is_text(arguments) => "str",
            _ if arguments.as_bool().is_some() => "bool",
            _ => "int",
        };
        let says = format!("test arguments must be a dict, got <class '{kind}'> (value {})", shown(arguments));
        let message = "a test's arguments must be a mapping, such as `arguments: {values: [a, b]}`; without any write only its name";
        return fail(checker, if arguments.is_null() { node } else { arguments }, message, says);
    }
    let nested = arguments.get("arguments");
    for given in [Some(arguments), nested].into_iter().flatten() {
        if let Some((key, _)) = given.get_entry("model") {
            let message = "`model` is the tested node itself and can't be an argument; take it out";
            checker.fail(
                key.range,
                CODE,
                message,
                "Invalid generic test configuration given in {file}: \nTest arguments include \"model\", which is a reserved argument".to_owned(),
            );
        }
    }
    let config = arguments.get("config");
    for (key, _) in config.map(Node::entries).unwrap_or_default() {
        let Some(name) = key.as_str() else { continue };
        let is_config = crate::parse::TEST_CONFIGS.contains(&name);
        let beside = arguments.entries().iter().find(|(other, value)| other.as_str() == Some(name) && !value.is_null());
        if let Some((other, _)) = beside.filter(|_| is_config) {
            let message = format!("`{name}` stands here and in `config`; take this one out");
            checker.fail(
                other.range,
                CODE,
                &message,
                "Invalid generic test configuration given in {file}: \nTest cannot have the same key at the top-level and in config".to_owned(),
            );
        }
    }
    let severity = config.and_then(|config| config.get("severity")).or_else(|| arguments.get("severity"));
    if let Some(severity) = severity.filter(|severity| !is_jinja(severity)) {
        let text = severity.as_str().unwrap_or_default();
        if !["warn", "error"].iter().any(|known| known.eq_ignore_ascii_case(text)) {
            checker.fail(
                severity.range,
                CODE,
                "`severity` must be warn or error",
                format!("at path []: Severity must be either 'warn' or 'error'. Got '{text}'"),
            );
        }
    }
}
