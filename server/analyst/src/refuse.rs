//! What a language model wrote, before anybody sees it: whether it is a description.

use crate::check::{Checker, Names};
use crate::secrets::secret_in;
use ide::Analysis;

/// Longer descriptions are not read.
const MAX_DESCRIPTION: usize = 600;

/// Whether dbt would read Jinja in a text.
pub(crate) fn is_code(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

pub(crate) const ODD_NAME: &str = "a language model can't be asked for such a name; describe it yourself";

/// Whether a name can stand in a request outside of the fence: nothing that ends a quotation or a line.
pub(crate) fn is_plain(name: &str) -> bool {
    name.chars().count() <= 200 && !name.contains(['`', '<', '>']) && !name.chars().any(char::is_control)
}

/// Why a text is no description.
pub(crate) fn refuse(text: &str, name: &str, analysis: &Analysis, given: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.len() > MAX_DESCRIPTION {
        return Some(format!("it is longer than {MAX_DESCRIPTION} characters"));
    }
    if is_code(text) || text.contains("```") || text.starts_with('{') {
        return Some("it holds code instead of a sentence".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Some("it holds control characters".to_owned());
    }
    if text.contains(['`', '_']) {
        let names = Names::new(analysis, &[given, name]);
        let mut checker = Checker::new(&names);
        checker.push(text);
        checker.finish();
        if let Some(unknown) = checker.unknown.first() {
            return Some(format!("it names `{unknown}`, which this project doesn't have"));
        }
    }
    if let Some(secret) = secret_in(text) {
        return Some(format!("it holds something like a secret ({secret})"));
    }
    if let Some(unit) = made_up_unit(text, &format!("{given}\n{name}")) {
        return Some(format!("it says `{unit}`, which nothing that you were given says"));
    }
    // Of the words nothing is left but those of the name, and such as say nothing.
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
        words.map(|word| word.strip_suffix('s').map(str::to_owned).unwrap_or(word)).collect()
    };
    let of_name = words(name);
    let joined: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is_empty = |word: &String| of_name.contains(word) || joined.contains(word.as_str()) || EMPTY_WORDS.contains(&word.as_str());
    words(text).iter().all(is_empty).then(|| "it only repeats the name".to_owned())
}

/// Words that say nothing of a thing, without an `s` at their end.
const EMPTY_WORDS: [&str; 36] = [
    "the",
    "a",
    "an",
    "of",
    "for",
    "in",
    "to",
    "and",
    "or",
    "it",
    "this",
    "that",
    "thi",
    "each",
    "all",
    "is",
    "i",
    "are",
    "be",
    "column",
    "field",
    "model",
    "table",
    "macro",
    "argument",
    "source",
    "value",
    "data",
    "contain",
    "hold",
    "store",
    "represent",
    "indicate",
    "show",
    "describe",
    "give",
];

/// Units that models like to make up, each in the ways that it is written.
const UNITS: [&[&str]; 25] = [
    &["usd", "dollars", "dollar", "$"],
    &["eur", "euros", "euro", "€"],
    &["gbp", "pounds", "pence", "£"],
    &["jpy", "yen", "¥"],
    &["cents", "cent"],
    &["chf"],
    &["cad"],
    &["aud"],
    &["inr", "rupees"],
    &["percent", "percentage", "pct", "%"],
    &["milliseconds", "millis", "ms"],
    &["seconds", "secs", "sec"],
    &["minutes", "mins"],
    &["hours", "hrs"],
    &["kilograms", "kg"],
    &["grams"],
    &["kilometers", "kilometres", "km"],
    &["miles"],
    &["meters", "metres"],
    &["celsius"],
    &["fahrenheit"],
    &["bytes"],
    &["kilobytes", "kb"],
    &["megabytes", "mb"],
    &["gigabytes", "gb"],
];

/// The first unit that a text says and nothing that was given does, in whatever way.
fn made_up_unit(text: &str, given: &str) -> Option<&'static str> {
    let says = |text: &str, unit: &str| if unit.chars().all(char::is_alphanumeric) { has_word(text, unit) } else { text.contains(unit) };
    let (text, given) = (text.to_lowercase(), given.to_lowercase());
    let said = UNITS.iter().filter_map(|ways| Some((ways, *ways.iter().find(|unit| says(&text, unit))?)));
    said.into_iter().find(|(ways, _)| !ways.iter().any(|unit| says(&given, unit))).map(|(_, unit)| unit)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|sign: char| !sign.is_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_nothing_says() {
        assert_eq!(made_up_unit("Share in percent.", "discount_pct"), None);
        assert_eq!(made_up_unit("Share in percent.", "discount"), Some("percent"));
        assert_eq!(made_up_unit("Price in USD", "price in $"), None);
        assert_eq!(made_up_unit("Worth 5 €", "a price"), Some("€"));
        assert_eq!(made_up_unit("The second of the minute", "a price"), None);
    }

    #[test]
    fn useless_texts_are_refused() {
        let analysis = crate::answer::tests::shop();
        let index = analysis.index.node("model.shop.fct_orders").expect("the example has it");
        let given = crate::describe::surroundings(&analysis, analysis.node_subject(index));
        let useless =
            ["", "The column order_id.", "Order ID.", "The ID of the order.", "{{ doc('x') }}", &"x".repeat(700), "Key, as in other_thing.", "Worth 5 €."];
        for text in useless {
            assert!(refuse(text, "order_id", &analysis, &given).is_some(), "{text}");
        }
        assert!(refuse("Key of the order.", "order_id", &analysis, &given).is_none());
    }
}
