//! `modules`: Python's datetime, pytz, re and itertools, as far as they are pure.

use crate::eval::{Eval, Outcome};
use crate::functions::Function;
use crate::value::{Args, Map, Value};

/// The value of `modules`.
pub fn modules() -> Value {
    let dict = |entries: &[(&str, Value)]| Value::from(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect::<Map>());
    let function = |name: &'static str| Value::Function(Function(name));
    let itertools = [
        ("chain", Value::object(Chain)),
        ("product", function("itertools.product")),
        ("combinations", function("itertools.combinations")),
        ("combinations_with_replacement", function("itertools.combinations_with_replacement")),
        ("permutations", function("itertools.permutations")),
        ("zip_longest", function("itertools.zip_longest")),
        ("islice", function("itertools.islice")),
        ("repeat", function("itertools.repeat")),
        ("accumulate", function("itertools.accumulate")),
        ("compress", function("itertools.compress")),
        ("starmap", function("itertools.starmap")),
    ];
    dict(&[("datetime", super::datetime::module()), ("pytz", super::datetime::pytz()), ("re", super::regex::module()), ("itertools", dict(&itertools))])
}

/// Calls a function of a module by its dotted name.
pub fn call(eval: &mut Eval<'_>, name: &str, args: &Args) -> Outcome<Value> {
    if let Some(name) = name.strip_prefix("re.") {
        return super::regex::call(eval, name, args);
    }
    let Some(name) = name.strip_prefix("itertools.") else { return Err(eval.fail(format!("`{name}` can't be called while parsing"))) };
    let mut lists = Vec::new();
    if !matches!(name, "repeat" | "starmap") {
        for arg in &args.positional {
            match arg.items() {
                Some(items) => lists.push(items),
                None if lists.is_empty() => return Err(eval.fail(format!("'{}' object is not iterable", arg.type_name()))),
                None => break,
            }
        }
    }
    let first = lists.first().cloned().unwrap_or_default();
    let number = |index: usize, keyword: &str| args.get(index, keyword).and_then(Value::as_int).and_then(|number| usize::try_from(number).ok());
    let made: Vec<Value> = match name {
        "chain" => lists.into_iter().flatten().collect(),
        "product" => {
            let repeat = args.keyword("repeat").and_then(Value::as_int).unwrap_or(1).clamp(0, 16);
            let pools: Vec<&Vec<Value>> = (0..repeat).flat_map(|_| lists.iter()).collect();
            let size = pools.iter().fold(1_usize, |size, pool| size.saturating_mul(pool.len()));
            eval.work(size)?;
            if size > 1 << 18 {
                return Err(eval.fail("this product is too large"));
            }
            let mut made: Vec<Vec<Value>> = vec![Vec::new()];
            for pool in pools {
                made = made.iter().flat_map(|tuple| pool.iter().map(move |item| tuple.iter().cloned().chain([item.clone()]).collect())).collect();
            }
            made.into_iter().map(Value::tuple).collect()
        }
        "combinations" | "permutations" | "combinations_with_replacement" => {
            let size = number(1, "r").unwrap_or(first.len());
            let mut made = Vec::new();
            choose(eval, &first, size, name, &mut Vec::new(), &mut made)?;
            made.into_iter().map(|indexes: Vec<usize>| Value::tuple(indexes.into_iter().map(|at| first[at].clone()).collect())).collect()
        }
        "zip_longest" => {
            let fill = args.keyword("fillvalue").cloned().unwrap_or(Value::None);
            let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
            (0..longest).map(|at| Value::tuple(lists.iter().map(|list| list.get(at).cloned().unwrap_or_else(|| fill.clone())).collect())).collect()
        }
        "islice" => {
            let (start, stop) = match args.positional.len() {
                0..=2 => (0, number(1, "stop")),
                _ => (number(1, "start").unwrap_or(0), number(2, "stop")),
            };
            let step = number(3, "step").unwrap_or(1).max(1);
            first.into_iter().take(stop.unwrap_or(usize::MAX)).skip(start).step_by(step).collect()
        }
        "repeat" => {
            let Some(times) = number(1, "times").filter(|times| *times < 100_000) else { return Err(eval.fail("repeat() without an end can't be used")) };
            vec![args.positional.first().cloned().unwrap_or(Value::None); times]
        }
        "accumulate" => {
            let mut made: Vec<Value> = Vec::new();
            for item in first {
                let next = match made.last() {
                    Some(total) => crate::operators::binary(eval, crate::ast::Operator::Add, &total.clone(), &item)?,
                    None => item,
                };
                made.push(next);
            }
            made
        }
        "compress" => first.into_iter().zip(lists.get(1).cloned().unwrap_or_default()).filter(|(_, keep)| keep.is_true()).map(|(item, _)| item).collect(),
        "starmap" => {
            let (Some(function), Some(items)) = (args.positional.first().cloned(), args.positional.get(1).and_then(Value::items)) else {
                return Err(eval.fail("starmap() needs a function and a list"));
            };
            let mut made = Vec::new();
            for item in items {
                made.push(eval.call_value(&function, Args::of(item.items().unwrap_or_default()))?);
            }
            made
        }
        _ => return Err(eval.fail(format!("itertools.{name} can't be used"))),
    };
    eval.work(made.len())?;
    Ok(made.into())
}

fn choose(eval: &mut Eval<'_>, items: &[Value], size: usize, how: &str, chosen: &mut Vec<usize>, made: &mut Vec<Vec<usize>>) -> Outcome<()> {
    eval.step()?;
    if chosen.len() == size {
        made.push(chosen.clone());
        return Ok(());
    }
    let from = match (how, chosen.last()) {
        ("permutations", _) | (_, None) => 0,
        ("combinations", Some(last)) => last + 1,
        (_, Some(last)) => *last,
    };
    for at in from..items.len() {
        if how == "permutations" && chosen.contains(&at) {
            continue;
        }
        chosen.push(at);
        let outcome = choose(eval, items, size, how, chosen, made);
        chosen.pop();
        outcome?;
    }
    Ok(())
}

/// `itertools.chain`, which has a second way in.
struct Chain;

impl crate::value::Object for Chain {
    fn type_name(&self) -> &'static str {
        "type"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        call(eval, "itertools.chain", args)
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        (name == "from_iterable").then(|| call(eval, "itertools.chain", &Args::of(args.positional.first().and_then(Value::items).unwrap_or_default())))
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
