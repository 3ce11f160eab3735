//! `modules.re`.

use crate::eval::{Eval, Outcome};
use crate::functions::Function;
use crate::value::{Args, Map, Object, Value};
use fancy_regex::{Captures, Regex, RegexBuilder};
use std::any::Any;
use std::rc::Rc;

/// Steps back that a pattern may take before it is given up.
const BACKTRACKS: usize = 200_000;

/// The module.
pub fn module() -> Value {
    const FUNCTIONS: [(&str, &str); 10] = [
        ("match", "re.match"),
        ("search", "re.search"),
        ("fullmatch", "re.fullmatch"),
        ("findall", "re.findall"),
        ("finditer", "re.finditer"),
        ("sub", "re.sub"),
        ("subn", "re.subn"),
        ("split", "re.split"),
        ("compile", "re.compile"),
        ("escape", "re.escape"),
    ];
    let flags = [("IGNORECASE", 2), ("I", 2), ("MULTILINE", 8), ("M", 8), ("DOTALL", 16), ("S", 16), ("VERBOSE", 64), ("X", 64), ("ASCII", 256), ("A", 256)];
    let mut map: Map = FUNCTIONS.iter().map(|(name, function)| ((*name).into(), Value::Function(Function(function)))).collect();
    map.extend(flags.map(|(name, value)| (name.into(), Value::Int(value))));
    map.into()
}

/// Calls a function of the module.
pub fn call(eval: &mut Eval<'_>, name: &str, args: &Args) -> Outcome<Value> {
    if name == "escape" {
        let text = args.get(0, "pattern").map(Value::render).unwrap_or_default();
        return Ok(text.chars().map(|c| if c.is_alphanumeric() || c == '_' { c.to_string() } else { format!("\\{c}") }).collect::<String>().into());
    }
    let flags_at = match name {
        "compile" => 1,
        "sub" | "subn" => 4,
        "split" => 3,
        _ => 2,
    };
    let flags = args.get(flags_at, "flags").and_then(Value::as_int).unwrap_or(0);
    let pattern = match args.get(0, "pattern") {
        Some(value) => match value.downcast::<Pattern>() {
            Some(pattern) => pattern.clone(),
            None => Pattern::new(eval, &value.render(), flags)?,
        },
        None => return Err(eval.fail(format!("re.{name}() needs a pattern"))),
    };
    if name == "compile" {
        return Ok(Value::object(pattern));
    }
    let rest = Args { positional: args.positional.iter().skip(1).cloned().collect(), keywords: args.keywords.clone() };
    pattern.run(eval, name, &rest)
}

/// A compiled pattern.
#[derive(Clone)]
struct Pattern {
    source: Rc<str>,
    regex: Rc<Regex>,
}

impl Pattern {
    fn new(eval: &Eval<'_>, source: &str, flags: i64) -> Outcome<Self> {
        let mut prefix = String::new();
        for (bit, letter) in [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')] {
            if flags & bit != 0 {
                prefix.push(letter);
            }
        }
        let translated = source.replace("\\Z", "\\z").replace("(?P=", "\\k<");
        let full = if prefix.is_empty() { translated } else { format!("(?{prefix}){translated}") };
        match RegexBuilder::new(&full).backtrack_limit(BACKTRACKS).delegate_size_limit(1 << 20).build() {
            Ok(regex) => Ok(Self { source: source.into(), regex: Rc::new(regex) }),
            Err(error) => Err(eval.fail(format!("the pattern '{source}' can't be read: {error}"))),
        }
    }

    fn run(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Outcome<Value> {
        let (text_at, replaces) = match name {
            "sub" | "subn" => (1, true),
            _ => (0, false),
        };
        let text: Rc<str> = args.get(text_at, "string").map(Value::render).unwrap_or_default().into();
        eval.work(text.len())?;
        let failed = |eval: &Eval<'_>| eval.fail(format!("the pattern '{}' takes too long on this text", self.source));
        let mut found = Vec::new();
        for captures in self.regex.captures_iter(&text) {
            let Ok(captures) = captures else { return Err(failed(eval)) };
            found.push(Match::new(&text, &captures, &self.regex));
        }
        let first = || found.first().cloned();
        let wrap = |found: Option<Match>| found.map_or(Value::None, Value::object);
        if replaces {
            return self.replace(eval, args, &text, &found, name == "subn");
        }
        Ok(match name {
            "search" => wrap(first()),
            "match" => wrap(first().filter(|found| found.start() == 0)),
            "fullmatch" => wrap(first().filter(|found| found.start() == 0 && found.end() == text.len())),
            "finditer" => found.into_iter().map(Value::object).collect::<Vec<_>>().into(),
            "findall" => found
                .iter()
                .map(|found| match found.groups.len() {
                    1 => found.group(0),
                    2 => found.text_or_empty(1),
                    groups => Value::tuple((1..groups).map(|group| found.text_or_empty(group)).collect()),
                })
                .collect::<Vec<_>>()
                .into(),
            "split" => {
                let most = args.get(1, "maxsplit").and_then(Value::as_int).filter(|most| *most > 0).map_or(usize::MAX, |most| most as usize);
                let mut parts: Vec<Value> = Vec::new();
                let mut at = 0;
                for found in found.iter().take(most) {
                    parts.push(text[at..found.start()].into());
                    parts.extend((1..found.groups.len()).map(|group| found.group(group)));
                    at = found.end();
                }
                parts.push(text[at..].into());
                parts.into()
            }
            _ => return Err(eval.fail(format!("re.{name} can't be used"))),
        })
    }

    fn replace(&self, eval: &mut Eval<'_>, args: &Args, text: &str, found: &[Match], counted: bool) -> Outcome<Value> {
        let replacement = args.get(0, "repl").cloned().unwrap_or(Value::None);
        let most = args.get(2, "count").and_then(Value::as_int).filter(|most| *most > 0).map_or(usize::MAX, |most| most as usize);
        let mut out = String::new();
        let (mut at, mut count) = (0, 0);
        for found in found.iter().take(most) {
            out.push_str(&text[at..found.start()]);
            match &replacement {
                Value::Str(template) => found.expand(template, &mut out),
                function => eval.call_value(function, Args::of([Value::object(found.clone())]))?.render_to(&mut out),
            }
            at = found.end();
            count += 1;
        }
        out.push_str(&text[at..]);
        Ok(if counted { Value::tuple(vec![out.into(), Value::Int(count)]) } else { out.into() })
    }
}

impl Object for Pattern {
    fn type_name(&self) -> &'static str {
        "Pattern"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        (name == "pattern").then(|| (&*self.source).into())
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        ["match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split"].contains(&name).then(|| self.run(eval, name, args))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A match, with the byte range of each group.
#[derive(Clone)]
struct Match {
    text: Rc<str>,
    groups: Vec<Option<(usize, usize)>>,
    names: Vec<Option<String>>,
}

impl Match {
    fn new(text: &Rc<str>, captures: &Captures<'_>, regex: &Regex) -> Self {
        let groups = (0..captures.len()).map(|group| captures.get(group).map(|found| (found.start(), found.end()))).collect();
        Self { text: text.clone(), groups, names: regex.capture_names().map(|name| name.map(str::to_owned)).collect() }
    }

    fn start(&self) -> usize {
        self.groups[0].map_or(0, |(start, _)| start)
    }

    fn end(&self) -> usize {
        self.groups[0].map_or(0, |(_, end)| end)
    }

    fn group(&self, group: usize) -> Value {
        self.groups.get(group).copied().flatten().map_or(Value::None, |(start, end)| self.text[start..end].into())
    }

    fn text_or_empty(&self, group: usize) -> Value {
        match self.group(group) {
            Value::None => "".into(),
            text => text,
        }
    }

    fn index(&self, key: &Value) -> Option<usize> {
        match key {
            Value::Str(name) => self.names.iter().position(|known| known.as_deref() == Some(name)),
            other => other.as_int().and_then(|group| usize::try_from(group).ok()).filter(|group| *group < self.groups.len()),
        }
    }

    /// Python's replacement template: `\1`, `\g<name>`, `\n`.
    fn expand(&self, template: &str, out: &mut String) {
        let mut chars = template.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some(digit) if digit.is_ascii_digit() => {
                    let mut group = digit.to_digit(10).unwrap_or(0) as usize;
                    if let Some(next) = chars.peek().and_then(|c| c.to_digit(10))
                        && group * 10 + (next as usize) < self.groups.len()
                    {
                        group = group * 10 + next as usize;
                        chars.next();
                    }
                    self.text_or_empty(group).render_to(out);
                }
                Some('g') => {
                    let name: String = chars.by_ref().skip_while(|c| *c == '<').take_while(|c| *c != '>').collect();
                    let key = name.parse().map_or_else(|_| Value::from(name.as_str()), Value::Int);
                    if let Some(group) = self.index(&key) {
                        self.text_or_empty(group).render_to(out);
                    }
                }
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            }
        }
    }
}

impl Object for Match {
    fn type_name(&self) -> &'static str {
        "Match"
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let at = |key: Option<&Value>| key.map_or(Some(0), |key| self.index(key));
        let chars = |byte: usize| self.text[..byte].chars().count() as i64;
        Some(Ok(match name {
            "group" if args.positional.len() > 1 => {
                Value::tuple(args.positional.iter().map(|key| self.index(key).map_or(Value::None, |group| self.group(group))).collect())
            }
            "group" => match at(args.positional.first()) {
                Some(group) => self.group(group),
                None => return Some(Err(eval.fail("no such group"))),
            },
            "groups" => Value::tuple((1..self.groups.len()).map(|group| self.group(group)).collect()),
            "groupdict" => {
                let named = self.names.iter().enumerate().filter_map(|(group, name)| Some((name.as_deref()?.into(), self.group(group))));
                named.collect::<Map>().into()
            }
            "start" => Value::Int(at(args.positional.first()).and_then(|group| self.groups[group]).map_or(-1, |(start, _)| chars(start))),
            "end" => Value::Int(at(args.positional.first()).and_then(|group| self.groups[group]).map_or(-1, |(_, end)| chars(end))),
            "span" => Value::tuple(vec![Value::Int(chars(self.start())), Value::Int(chars(self.end()))]),
            _ => return None,
        }))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
