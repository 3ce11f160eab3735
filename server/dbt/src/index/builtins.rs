//! dbt's own macros and the adapter's, which are no part of a project.

use super::{Index, NodeIndex};
use jinja::adapter::Adapter;
use jinja::{MacroSource, builtins};
use std::sync::Arc;

/// A macro of dbt or an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinMacro {
    pub name: String,
    /// `dbt`, `dbt_snowflake`, …
    pub package: String,
    /// `name`, `name=default`.
    pub parameters: Vec<String>,
}

impl Index {
    /// The prefixes of dispatched macros, the adapter's own first, `default` last.
    pub fn dispatch_prefixes(&self) -> Vec<String> {
        Adapter::named(&self.adapter).dispatch.clone()
    }

    pub fn is_builtin_macro(&self, name: &str) -> bool {
        self.builtin_source(name).is_some()
    }

    /// dbt's or the adapter's macro of a name; the nearest adapter's wins.
    pub fn builtin_macro(&self, name: &str) -> Option<BuiltinMacro> {
        self.builtin_source(name).map(|(package, source)| told(&package, source))
    }

    /// All of them that a person may call: those that dispatch, or stand for themselves.
    pub fn builtin_macros(&self) -> Vec<BuiltinMacro> {
        let packages = builtins::packages(&Adapter::named(&self.adapter));
        let all = packages.iter().flat_map(|(package, macros)| macros.iter().map(move |source| (package, source)));
        all.filter(|(_, source)| !source.name.contains("__") && !source.name.starts_with("materialization_"))
            .map(|(package, source)| told(package, source))
            .collect()
    }

    fn builtin_source(&self, name: &str) -> Option<(Arc<str>, &'static Arc<MacroSource>)> {
        let packages = builtins::packages(&Adapter::named(&self.adapter));
        packages.into_iter().find_map(|(package, macros)| macros.iter().find(|source| *source.name == *name).map(|source| (package, source)))
    }

    /// The semantic model that defines a measure.
    pub fn semantic_model_of_measure(&self, name: &str) -> Option<NodeIndex> {
        self.names.measures.get(name)?.first().copied()
    }
}

fn told(package: &str, source: &MacroSource) -> BuiltinMacro {
    let block = syntax::jinja::parse(&source.text).blocks.into_iter().next();
    let parameters = block.map(|block| block.params).unwrap_or_default().into_iter().map(|param| match param.default {
        Some(default) => format!("{}={default}", param.name),
        None => param.name,
    });
    BuiltinMacro { name: source.name.to_string(), package: package.to_owned(), parameters: parameters.collect() }
}
