//! The place of evaluation. dbt learns a model's refs, sources and configs by running its Jinja with `execute` false; what runs
//! here decides how much of that the index knows.

use crate::{Config, Facts, facts};
use syntax::jinja;

/// Makes facts of a file of SQL with Jinja. The text alone goes in, so that results can be kept by it.
pub trait Evaluator {
    fn evaluate(&self, source: &str) -> Facts;
}

/// Takes calls with literal arguments from the syntax tree and runs nothing: right for files whose `ref`, `source` and `config`
/// calls are all literal and outside of branches that dbt doesn't take.
pub struct Literals;

impl Evaluator for Literals {
    fn evaluate(&self, source: &str) -> Facts {
        let parsed = jinja::parse(source);
        let configs = parsed.calls.iter().filter(|call| call.is("config")).map(|call| (call.range, Config::from_call(call))).collect();
        Facts { uses: facts::uses_of(&parsed.calls), blocks: parsed.blocks, configs, errors: parsed.errors, ..Facts::default() }
    }
}
