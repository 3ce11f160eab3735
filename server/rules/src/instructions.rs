//! `.ragstarrules.yml`: a team's own instructions for each step that a language model takes.

use syntax::SyntaxError;
use syntax::yaml::{self, Kind};

/// A team's instructions, one text per step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub slack_responder: Option<String>,
    pub question_answerer: Option<String>,
    pub model_interpreter: Option<String>,
    pub query_executor: Option<String>,
}

impl Rules {
    /// Reads the file. Each key holds a string or a list of strings; whatever else is there is told with its place.
    pub fn read(source: &str) -> (Self, Vec<SyntaxError>) {
        let tree = yaml::parse(source);
        let mut rules = Self::default();
        let mut errors: Vec<SyntaxError> = tree.error.into_iter().collect();
        let Some(root) = tree.root.filter(|root| !root.is_null()) else { return (rules, errors) };
        if !matches!(root.kind, Kind::Map { .. }) {
            errors.push(SyntaxError { range: root.range, message: "the file must be a mapping of steps to instructions".to_owned() });
        }
        for (key, value) in root.entries() {
            let name = key.as_str().unwrap_or_default();
            let slot = match name {
                "slack_responder" => &mut rules.slack_responder,
                "question_answerer" => &mut rules.question_answerer,
                "model_interpreter" => &mut rules.model_interpreter,
                "query_executor" => &mut rules.query_executor,
                _ => {
                    let message = format!("there is no step `{name}`; the steps are slack_responder, question_answerer, model_interpreter, query_executor");
                    errors.push(SyntaxError { range: key.range, message });
                    continue;
                }
            };
            let lines = value.strings();
            let whole = value.is_null() || value.as_str().is_some() || lines.len() == value.items().len() && matches!(value.kind, Kind::Seq { .. });
            if !whole {
                errors.push(SyntaxError { range: value.range, message: format!("`{name}` must be a string or a list of strings") });
            }
            *slot = (!lines.is_empty()).then(|| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"));
        }
        (rules, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_lists_and_mistakes() {
        let (rules, errors) =
            Rules::read("question_answerer:\n  - Revenue is net.\n  - Use EUR.\nslack_responder: |\n  Be short.\nmodel_interpreter: {a: 1}\nanswerer: x\n");
        assert_eq!(rules.question_answerer.as_deref(), Some("Revenue is net.\nUse EUR."));
        assert_eq!(rules.slack_responder.as_deref(), Some("Be short."));
        assert_eq!(rules.model_interpreter, None);
        assert_eq!(errors.len(), 2);
    }
}
