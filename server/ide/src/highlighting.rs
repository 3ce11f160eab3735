//! Semantic tokens: what each name is, where a pattern can't tell.

use crate::columns::Scopes;
use crate::{Analysis, File, Thing};
use dbt::FileKind;
use syntax::jinja::{self, NameKind};
use syntax::sql;
use text::TextRange;

/// What a token is; the order is the legend's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// A package.
    Namespace,
    /// A model or a source's table.
    Class,
    /// A CTE.
    Struct,
    Parameter,
    Variable,
    /// A column, an attribute, a key.
    Property,
    Function,
    Macro,
    Keyword,
    String,
    Number,
    Operator,
    Comment,
}

impl TokenKind {
    pub const ALL: [Self; 13] = [
        Self::Namespace,
        Self::Class,
        Self::Struct,
        Self::Parameter,
        Self::Variable,
        Self::Property,
        Self::Function,
        Self::Macro,
        Self::Keyword,
        Self::String,
        Self::Number,
        Self::Operator,
        Self::Comment,
    ];

    /// LSP's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Class => "class",
            Self::Struct => "struct",
            Self::Parameter => "parameter",
            Self::Variable => "variable",
            Self::Property => "property",
            Self::Function => "function",
            Self::Macro => "macro",
            Self::Keyword => "keyword",
            Self::String => "string",
            Self::Number => "number",
            Self::Operator => "operator",
            Self::Comment => "comment",
        }
    }
}

/// A token of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    pub range: TextRange,
    pub kind: TokenKind,
    pub is_definition: bool,
    /// Part of dbt.
    pub is_builtin: bool,
}

impl Analysis {
    /// The tokens of a file in the order of the text, none over another; within `only` where that is given.
    pub fn tokens(&self, file: &File, only: Option<TextRange>) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut push = |range: TextRange, kind: TokenKind, is_definition: bool, is_builtin: bool| {
            tokens.push(Token { range, kind, is_definition, is_builtin });
        };
        let text = &*file.text;
        if file.kind.is_sql() || matches!(file.kind, FileKind::Properties | FileKind::Project) {
            let package = self.package_of(file);
            // What a call names says more than that it is a text.
            for used in &file.facts.uses {
                let range = crate::thing::inner(text, used.name_range);
                match self.named(&used.target, package) {
                    Some(Thing::Node(_)) => push(range, TokenKind::Class, false, false),
                    Some(Thing::Docs(_) | Thing::Var(_)) => push(range, TokenKind::Variable, false, false),
                    _ => {}
                }
            }
            let names = jinja::names(text);
            for name in &names.names {
                let word = name.range.of(text);
                let (kind, is_definition, is_builtin) = match name.kind {
                    NameKind::Keyword => (TokenKind::Keyword, false, false),
                    NameKind::Variable => match names.local(word, name.range.start as usize) {
                        Some(local) if local.is_parameter => (TokenKind::Parameter, false, false),
                        Some(_) => (TokenKind::Variable, false, false),
                        None if self.index.packages.iter().any(|package| **package == *word) => (TokenKind::Namespace, false, false),
                        None => (TokenKind::Variable, false, true),
                    },
                    NameKind::Call | NameKind::Method => {
                        let is_macro = self.index.resolve_macro(&[word.to_owned()], package).is_some() || name.kind == NameKind::Method;
                        (if is_macro { TokenKind::Macro } else { TokenKind::Function }, false, !is_macro)
                    }
                    NameKind::Attribute => (TokenKind::Property, false, false),
                    NameKind::Filter | NameKind::Test => (TokenKind::Function, false, true),
                    NameKind::Argument => (TokenKind::Parameter, false, false),
                    NameKind::Definition => match names.locals.iter().find(|local| local.definition == name.range) {
                        Some(local) if local.is_parameter => (TokenKind::Parameter, true, false),
                        Some(_) => (TokenKind::Variable, true, false),
                        None => (TokenKind::Macro, true, false),
                    },
                };
                push(name.range, kind, is_definition, is_builtin);
            }
        }
        if file.kind.is_sql() {
            let scopes = Scopes::new(self, file);
            for (thing, range, is_definition) in self.things_of_sql(&scopes, file, None) {
                let kind = match thing {
                    Thing::Cte(_) => TokenKind::Struct,
                    Thing::Alias(_) => TokenKind::Variable,
                    Thing::Node(_) => TokenKind::Class,
                    Thing::Column(..) | Thing::Made { .. } => TokenKind::Property,
                    _ => continue,
                };
                push(range, kind, is_definition, false);
            }
            for (range, kind) in sql::plain_tokens(text) {
                let kind = match kind {
                    sql::PlainToken::Keyword => TokenKind::Keyword,
                    sql::PlainToken::Function => TokenKind::Function,
                    sql::PlainToken::Number => TokenKind::Number,
                };
                push(range, kind, false, false);
            }
        }
        let fits = |range: TextRange| only.is_none_or(|only| range.start < only.end && only.start < range.end);
        tokens.retain(|token| !token.range.is_empty() && fits(token.range) && !token.range.of(text).contains(['\n', '\r']));
        // Of several at one place the first counts.
        tokens.sort_by_key(|token| token.range.start);
        let mut end = 0;
        tokens.retain(|token| {
            let is_free = token.range.start >= end;
            end = if is_free { token.range.end } else { end };
            is_free
        });
        tokens
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::expect;

    #[test]
    fn tokens_of_a_model() {
        let (analysis, file, _) = at_cursor(
            "-- file: models/o.sql\nselect 1 as id\n-- file: macros/m.sql\n{% macro cents(x) %}{{ x }}{% endmacro %}\n-- file: models/a.sql\n$0{% set n = 2 %}\nwith c as (select o.id, count(*) as k from {{ ref('o') }} o)\nselect {{ cents('id') | upper }}, id::int from c where k > {{ n }} and {{ this.schema }} = 1\n",
        );
        let shown: Vec<String> = analysis
            .tokens(&file, None)
            .into_iter()
            .map(|token| {
                let marks = [(token.is_definition, "+"), (token.is_builtin, "*")].iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect::<String>();
                format!("{}:{}{marks}", token.range.of(&file.text), token.kind.name())
            })
            .collect();
        expect!["set:keyword n:variable+ with:keyword c:struct+ as:keyword select:keyword o:variable id:property count:function as:keyword k:property+ from:keyword ref:function* o:class o:variable+ select:keyword cents:macro upper:function* id:property from:keyword c:struct where:keyword k:property n:variable and:keyword this:variable* schema:property 1:number"].assert_eq(&shown.join(" "));
    }
}
