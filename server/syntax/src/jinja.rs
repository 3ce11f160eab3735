//! Jinja as dbt writes it: the tags of a file, the blocks that define things, and every call with its literal arguments.
//!
//! Calls come from minijinja's syntax tree, never from patterns in the text. Where a file does not parse as a whole (somebody
//! is typing), each tag is parsed alone, so one broken tag hides no other.

use crate::SyntaxError;
use minijinja::machinery::{self, ast};
use minijinja::value::ValueKind;
use std::borrow::Cow;
use text::TextRange;

mod names;
mod scan;

pub use names::{Local, Name, NameKind, Names, names};
pub use scan::{Tag, TagKind, alternatives, mask, scan};

/// Deeper tags are not read: a chain of operators of so many bytes fits a thread's stack, a longer one may not.
const MAX_DEPTH: usize = 24 << 10;
/// Longer ones are not read either.
const MAX_LENGTH: usize = 4 << 20;

/// Whether an expression is too deep to be parsed by a parser that recurses along it.
pub fn is_too_deep(expression: &str) -> bool {
    expression.len() > MAX_DEPTH && (expression.len() > MAX_LENGTH || scan::deepest(expression) > MAX_DEPTH)
}

/// What a Jinja file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Jinja {
    /// Every call of a name or dotted name, in the order of the text.
    pub calls: Vec<Call>,
    pub blocks: Vec<Block>,
    pub errors: Vec<SyntaxError>,
    /// Whether every tag is a comment or a lone call, so that nothing depends on a condition, a loop or a variable.
    pub is_plain: bool,
    /// Of such a text the mappings that it prints: dbt's static reader takes nothing from what is in them.
    pub printed_maps: Vec<TextRange>,
}

/// A call such as `ref('a', v=2)` or `dbt_utils.star(from=x)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `["ref"]`, `["dbt_utils", "star"]`.
    pub path: Vec<String>,
    pub args: Vec<Arg>,
    /// The whole call, from the first name to the closing parenthesis.
    pub range: TextRange,
    /// The callee alone.
    pub callee: TextRange,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// The keyword; `None` for positional arguments.
    pub name: Option<String>,
    pub value: Literal,
    /// The value, quotes included.
    pub range: TextRange,
}

/// A value that is known without evaluating anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    None,
    List(Vec<Literal>),
    Map(Vec<(Literal, Literal)>),
    /// Needs evaluation.
    Dynamic,
}

impl Literal {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as text where it is a string or a number, as dbt takes a version.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Str(value) => Some(value.clone()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

impl Call {
    /// Whether the call is of this one bare name.
    pub fn is(&self, name: &str) -> bool {
        self.path.len() == 1 && self.path[0] == name
    }

    /// Of `adapter.dispatch(…)` the argument that names the macro, and the namespace where one is given by a text.
    pub fn dispatched(&self) -> Option<(&Arg, Option<&str>)> {
        let name = self.arg(0, "macro_name").filter(|_| self.path.last().is_some_and(|last| last == "dispatch"))?;
        Some((name, self.arg(1, "macro_namespace").and_then(|argument| argument.value.as_str())))
    }

    pub fn positional(&self, index: usize) -> Option<&Arg> {
        self.args.iter().filter(|arg| arg.name.is_none()).nth(index)
    }

    pub fn keyword(&self, name: &str) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.name.as_deref() == Some(name))
    }

    /// Positional argument `index`, else the keyword `name`.
    pub fn arg(&self, index: usize, name: &str) -> Option<&Arg> {
        self.positional(index).or_else(|| self.keyword(name))
    }
}

/// dbt's defining blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    Macro,
    Test,
    Snapshot,
    Materialization,
    Docs,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub kind: BlockKind,
    pub name: String,
    pub name_range: TextRange,
    pub params: Vec<Param>,
    /// From the opening tag to the end of the closing tag, or of the file where none closes it.
    pub range: TextRange,
    pub body: TextRange,
    /// Whether its closing tag is there.
    pub closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    /// The default as it is written.
    pub default: Option<String>,
}

/// Reads a file of SQL with Jinja (models, macros, snapshots, tests, analyses).
pub fn parse(source: &str) -> Jinja {
    let tags = scan(source);
    let mut jinja = Jinja { blocks: blocks(source, &tags, &mut Vec::new()), ..Jinja::default() };
    if tags.is_empty() {
        jinja.is_plain = true;
        return jinja;
    }
    if let Some(error) = too_deep(source, &tags) {
        jinja.errors.push(error);
        parse_each(source, &tags, &mut jinja.calls);
        return jinja;
    }
    let prepared = scan::neutralise(source, &tags);
    match machinery::parse(&prepared, "", Default::default()) {
        Ok(tree) => {
            jinja.is_plain = is_plain(&tree);
            if jinja.is_plain {
                jinja.printed_maps = plain_maps(&tree);
            }
            Walk { source, shift: 0, calls: &mut jinja.calls }.stmt(&tree);
        }
        Err(error) => {
            jinja.errors.push(syntax_error(source, &tags, &error));
            parse_each(source, &tags, &mut jinja.calls);
        }
    }
    jinja.calls.sort_by_key(|call| (call.range.start, call.range.end));
    jinja
}

fn is_plain(tree: &ast::Stmt<'_>) -> bool {
    let ast::Stmt::Template(template) = tree else { return false };
    template.children.iter().all(|stmt| match stmt {
        ast::Stmt::EmitRaw(_) => true,
        ast::Stmt::EmitExpr(emit) => is_lone_call(&emit.expr) || is_plain_map(&emit.expr),
        _ => false,
    })
}

fn is_lone_call(expr: &ast::Expr<'_>) -> bool {
    matches!(expr, ast::Expr::Call(call) if matches!(call.expr, ast::Expr::Var(_)))
}

/// A mapping of texts to literals and lone calls.
fn is_plain_map(expr: &ast::Expr<'_>) -> bool {
    let is_literal = |expr: &ast::Expr<'_>| matches!(expr, ast::Expr::Const(_));
    matches!(expr, ast::Expr::Map(map) if map.keys.iter().all(is_literal) && map.values.iter().all(|value| is_literal(value) || is_lone_call(value)))
}

/// The mappings that a plain text prints.
fn plain_maps(tree: &ast::Stmt<'_>) -> Vec<TextRange> {
    let ast::Stmt::Template(template) = tree else { return Vec::new() };
    let printed = template.children.iter().filter_map(|stmt| if let ast::Stmt::EmitExpr(emit) = stmt { Some(&emit.expr) } else { None });
    let maps = printed.filter(|expr| is_plain_map(expr)).map(|expr| expr.span());
    maps.map(|span| TextRange::new(span.start_offset as usize, span.end_offset as usize)).collect()
}

/// The parser and its tree recurse along an expression, so one without end would end the process.
fn too_deep(source: &str, tags: &[Tag]) -> Option<SyntaxError> {
    let deep = tags.iter().find(|tag| tag.kind != TagKind::Comment && is_too_deep(tag.inner.of(source)))?;
    let range = TextRange::new(deep.outer.start as usize, deep.outer.start as usize + 2);
    let message = format!("this Jinja tag has {} KB in one expression and was not read; split it", deep.inner.len() >> 10);
    Some(SyntaxError { range, message })
}

/// The text as minijinja's parser can read it, byte for byte as long: dbt's own blocks become ones that every Jinja knows, docs
/// blocks become blank. The error is a tag too long to be read.
pub fn prepare(source: &str) -> Result<Cow<'_, str>, SyntaxError> {
    let tags = scan(source);
    match too_deep(source, &tags) {
        Some(error) => Err(error),
        None => Ok(scan::neutralise(source, &tags)),
    }
}

/// The places of the `{% do … %}` tags of a text, which [`prepare`] writes as expressions.
pub fn statements_do(source: &str) -> Vec<TextRange> {
    scan(source).into_iter().filter(|tag| tag.word(source) == "do").map(|tag| tag.outer).collect()
}

/// A parser's error, with its place in the text that was given to [`prepare`].
pub fn explain(source: &str, error: &minijinja::Error) -> SyntaxError {
    syntax_error(source, &scan(source), error)
}

/// A macro's or generic test's block, as the text of one macro that every Jinja knows. Offsets of its parameters and body are those
/// of the file from the block's start on; `None` where the block can't be read as one.
pub fn as_macro(source: &str, block: &Block) -> Option<String> {
    let text = block.range.of(source);
    let open = (block.body.start - block.range.start) as usize;
    let (head, body) = (text.get(..open)?, text.get(open..(block.body.end - block.range.start) as usize)?);
    let word = match block.kind {
        BlockKind::Macro => return Some(text.to_owned()),
        BlockKind::Test if head.contains("data_test") => "data_test",
        BlockKind::Test => "test",
        _ => return None,
    };
    let at = head.find(word)?;
    let mut made = head.to_owned();
    match word {
        "data_test" => made.replace_range(at..at + word.len(), "macro    "),
        // One byte longer than `test`: the space before it goes.
        _ if made.as_bytes()[at - 1] == b' ' => made.replace_range(at - 1..at + word.len(), "macro"),
        _ => made.replace_range(at..at + word.len(), "macro"),
    }
    made.push_str(body);
    let trims = source.get(block.body.end as usize..).is_some_and(|end| end.starts_with("{%-"));
    made.push_str(if trims { "{%- endmacro %}" } else { "{% endmacro %}" });
    Some(made)
}

/// The docs blocks of a Markdown file; the rest of such a file is prose to dbt.
pub fn docs(source: &str) -> (Vec<Block>, Vec<SyntaxError>) {
    let mut errors = Vec::new();
    let tags: Vec<Tag> = scan(source).into_iter().filter(|tag| matches!(tag.word(source), "docs" | "enddocs")).collect();
    let blocks = blocks(source, &tags, &mut errors);
    (blocks.into_iter().filter(|block| block.kind == BlockKind::Docs).collect(), errors)
}

/// The calls of one expression, such as a `description` that says `{{ doc('x') }}`; ranges are moved by `shift`.
pub fn calls_in(source: &str, shift: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for tag in scan(source) {
        if let Some(expression) = scan::expression_of(source, &tag) {
            parse_alone(source, expression, &mut calls);
        }
    }
    for call in &mut calls {
        call.range = call.range.shift(shift);
        call.callee = call.callee.shift(shift);
        for arg in &mut call.args {
            arg.range = arg.range.shift(shift);
        }
    }
    calls
}

fn parse_each(source: &str, tags: &[Tag], calls: &mut Vec<Call>) {
    for tag in tags {
        if let Some(expression) = scan::expression_of(source, tag) {
            parse_alone(source, expression, calls);
        }
    }
}

fn parse_alone(source: &str, expression: TextRange, calls: &mut Vec<Call>) {
    if is_too_deep(expression.of(source)) {
        return;
    }
    if let Ok(tree) = machinery::parse_expr(expression.of(source)) {
        Walk { source, shift: expression.start as usize, calls }.expr(&tree);
    }
}

/// The innermost block that the end of the text leaves open: its tag, and its statement.
fn unclosed_block<'s>(source: &'s str, tags: &[Tag]) -> Option<(TextRange, &'s str)> {
    let mut open = Vec::new();
    for tag in tags {
        let word = tag.word(source);
        if tag.opens(source) {
            open.push((tag.outer, word));
        } else if word.starts_with("end") {
            open.pop();
        }
    }
    open.pop()
}

fn syntax_error(source: &str, tags: &[Tag], error: &minijinja::Error) -> SyntaxError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    if let Some(open) = tags.iter().find(|tag| !tag.closed) {
        let closing = match open.kind {
            TagKind::Expression => "}}",
            TagKind::Statement => "%}",
            TagKind::Comment => "#}",
        };
        return SyntaxError {
            range: TextRange::new(open.outer.start as usize, open.outer.start as usize + 2),
            message: format!("this Jinja tag is never closed; add `{closing}`"),
        };
    }
    if message.starts_with("unexpected end of input")
        && let Some((range, word)) = unclosed_block(source, tags)
    {
        return SyntaxError { range, message: format!("this `{word}` is never closed; add `{{% end{word} %}}`") };
    }
    let line = error.line().unwrap_or(1).saturating_sub(1);
    let index = text::LineIndex::new(source);
    let range = error.range().filter(|range| range.end <= source.len() && range.start < range.end).unwrap_or_else(|| {
        let whole = index.line_range(source, line.min(index.line_count() - 1));
        let indent = source[whole.clone()].len() - source[whole.clone()].trim_start().len();
        whole.start + indent..whole.end
    });
    // The lexer counts bytes, and may stop inside a character.
    let range = source.floor_char_boundary(range.start)..source.ceil_char_boundary(range.end);
    SyntaxError { range: range.into(), message: format!("invalid Jinja: {message}") }
}

fn blocks(source: &str, tags: &[Tag], errors: &mut Vec<SyntaxError>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Vec<(usize, &'static str)> = Vec::new();
    for tag in tags.iter().filter(|tag| tag.kind == TagKind::Statement) {
        let word = tag.word(source);
        let opened = match word {
            "macro" => Some((BlockKind::Macro, "endmacro")),
            "test" | "data_test" => Some((BlockKind::Test, "endtest")),
            "snapshot" => Some((BlockKind::Snapshot, "endsnapshot")),
            "materialization" => Some((BlockKind::Materialization, "endmaterialization")),
            "docs" => Some((BlockKind::Docs, "enddocs")),
            _ => None,
        };
        if let Some((kind, end)) = opened {
            let (mut name, mut name_range, params) = header(source, tag);
            // dbt finds these two by a pattern of its own, which ends before a letter that isn't ASCII (`_NAME_PATTERN`).
            if matches!(kind, BlockKind::Docs | BlockKind::Snapshot) {
                name.truncate(name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len()));
                name_range = TextRange::new(name_range.start as usize, name_range.start as usize + name.len());
            }
            let body = TextRange::new(tag.outer.end as usize, source.len());
            let range = TextRange::new(tag.outer.start as usize, source.len());
            open.push((blocks.len(), end));
            blocks.push(Block { kind, name, name_range, params, range, body, closed: false });
            continue;
        }
        let matching = open.iter().rposition(|&(_, end)| end == word || (end == "endtest" && word == "enddata_test"));
        if let Some(at) = matching {
            let (block, _) = open[at];
            open.truncate(at);
            let block = &mut blocks[block];
            block.body.end = tag.outer.start.max(block.body.start);
            block.range.end = tag.outer.end;
            block.closed = true;
        }
    }
    for (block, end) in open {
        errors.push(SyntaxError { range: blocks[block].name_range, message: format!("this block is never closed; add `{{% {end} %}}`") });
    }
    blocks
}

/// The name and parameters of a block's opening tag. `name(a, b=1)` reads as a call: names are parameters, keywords defaults.
fn header(source: &str, tag: &Tag) -> (String, TextRange, Vec<Param>) {
    let rest = tag.after_word(source);
    let text = rest.of(source);
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let name_range = TextRange::new(rest.start as usize, rest.start as usize + end);
    let name = text[..end].to_owned();
    let mut params = Vec::new();
    if is_too_deep(text) {
        return (name, name_range, params);
    }
    // `materialization x, adapter='y'` reads as a call where parentheses are put around its rest.
    let rest = text[end..].trim();
    if let Some(arguments) = rest.strip_prefix(',')
        && let Ok(ast::Expr::Call(call)) = machinery::parse_expr(&format!("x({arguments})"))
    {
        for arg in &call.args {
            if let ast::CallArg::Kwarg(name, value) = arg {
                let span = value.span();
                let written = arguments.get((span.start_offset as usize).saturating_sub(2)..(span.end_offset as usize).saturating_sub(2)).unwrap_or("");
                params.push(Param { name: (*name).to_owned(), default: Some(written.to_owned()) });
            }
        }
        return (name, name_range, params);
    }
    if let Ok(ast::Expr::Call(call)) = machinery::parse_expr(text.trim_end()) {
        for arg in &call.args {
            match arg {
                ast::CallArg::Pos(ast::Expr::Var(var)) => params.push(Param { name: var.id.to_owned(), default: None }),
                ast::CallArg::Kwarg(name, value) => {
                    let span = value.span();
                    let default = text.get(span.start_offset as usize..span.end_offset as usize).unwrap_or("").to_owned();
                    params.push(Param { name: (*name).to_owned(), default: Some(default) });
                }
                _ => {}
            }
        }
    }
    (name, name_range, params)
}

/// Collects the calls of a tree.
struct Walk<'a> {
    source: &'a str,
    shift: usize,
    calls: &'a mut Vec<Call>,
}

impl Walk<'_> {
    fn range(&self, span: machinery::Span) -> TextRange {
        TextRange::new(span.start_offset as usize + self.shift, span.end_offset as usize + self.shift)
    }

    fn stmts(&mut self, stmts: &[ast::Stmt<'_>]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) {
        use ast::Stmt;
        match stmt {
            Stmt::Template(it) => self.stmts(&it.children),
            Stmt::EmitExpr(it) => self.expr(&it.expr),
            Stmt::ForLoop(it) => {
                self.expr(&it.iter);
                it.filter_expr.iter().for_each(|expr| self.expr(expr));
                self.stmts(&it.body);
                self.stmts(&it.else_body);
            }
            Stmt::IfCond(it) => {
                self.expr(&it.expr);
                self.stmts(&it.true_body);
                self.stmts(&it.false_body);
            }
            Stmt::WithBlock(it) => {
                it.assignments.iter().for_each(|(_, value)| self.expr(value));
                self.stmts(&it.body);
            }
            Stmt::Set(it) => self.expr(&it.expr),
            Stmt::SetBlock(it) => {
                it.filter.iter().for_each(|expr| self.expr(expr));
                self.stmts(&it.body);
            }
            Stmt::AutoEscape(it) => self.stmts(&it.body),
            Stmt::FilterBlock(it) => {
                self.expr(&it.filter);
                self.stmts(&it.body);
            }
            Stmt::Block(it) => self.stmts(&it.body),
            Stmt::Macro(it) => {
                it.defaults.iter().for_each(|expr| self.expr(expr));
                self.stmts(&it.body);
            }
            Stmt::CallBlock(it) => {
                self.call(&it.call, it.call.span());
                self.stmts(&it.macro_decl.body);
            }
            Stmt::Do(it) => self.call(&it.call, it.call.span()),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) {
        use ast::Expr;
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(it) => {
                self.expr(&it.expr);
                [&it.start, &it.stop, &it.step].into_iter().flatten().for_each(|expr| self.expr(expr));
            }
            Expr::UnaryOp(it) => self.expr(&it.expr),
            Expr::BinOp(it) => {
                self.expr(&it.left);
                self.expr(&it.right);
            }
            Expr::Compare(it) => {
                self.expr(&it.expr);
                it.ops.iter().for_each(|op| self.expr(&op.expr));
            }
            Expr::IfExpr(it) => {
                self.expr(&it.test_expr);
                self.expr(&it.true_expr);
                it.false_expr.iter().for_each(|expr| self.expr(expr));
            }
            Expr::Filter(it) => {
                it.expr.iter().for_each(|expr| self.expr(expr));
                self.call_args(&it.args);
            }
            Expr::Test(it) => {
                self.expr(&it.expr);
                self.call_args(&it.args);
            }
            Expr::GetAttr(it) => self.expr(&it.expr),
            Expr::GetItem(it) => {
                self.expr(&it.expr);
                self.expr(&it.subscript_expr);
            }
            Expr::Call(it) => self.call(it, it.span()),
            Expr::List(it) => it.items.iter().for_each(|expr| self.expr(expr)),
            Expr::Tuple(it) => it.items.iter().for_each(|expr| self.expr(expr)),
            Expr::Map(it) => {
                it.keys.iter().for_each(|expr| self.expr(expr));
                it.values.iter().for_each(|expr| self.expr(expr));
            }
        }
    }

    fn call_args(&mut self, args: &[ast::CallArg<'_>]) {
        for arg in args {
            match arg {
                ast::CallArg::Pos(expr) | ast::CallArg::Kwarg(_, expr) | ast::CallArg::PosSplat(expr) | ast::CallArg::KwargSplat(expr) => self.expr(expr),
            }
        }
    }

    fn call(&mut self, call: &ast::Call<'_>, span: machinery::Span) {
        if let Some(path) = dotted(&call.expr) {
            let callee = self.range(call.expr.span());
            let whole = self.range(span);
            // The tree's spans may start late for postfix operators; a call starts where its callee does.
            let range = TextRange::new(callee.start.min(whole.start) as usize, whole.end as usize);
            let args = call.args.iter().map(|arg| self.arg(arg)).collect();
            self.calls.push(Call { path, args, range, callee });
        }
        self.expr(&call.expr);
        self.call_args(&call.args);
    }

    fn arg(&self, arg: &ast::CallArg<'_>) -> Arg {
        let (name, expr, splat) = match arg {
            ast::CallArg::Pos(expr) => (None, expr, false),
            ast::CallArg::Kwarg(name, expr) => (Some((*name).to_owned()), expr, false),
            ast::CallArg::PosSplat(expr) | ast::CallArg::KwargSplat(expr) => (None, expr, true),
        };
        let value = if splat { Literal::Dynamic } else { literal(expr) };
        let mut range = self.range(expr.span());
        // Some spans take in what follows; a string ends with its quote.
        if matches!(value, Literal::Str(_)) {
            let text = range.of(self.source);
            range = TextRange::new(range.start as usize, range.start as usize + text.trim_end().len());
        }
        Arg { name, value, range }
    }
}

fn dotted(expr: &ast::Expr<'_>) -> Option<Vec<String>> {
    match expr {
        ast::Expr::Var(var) => Some(vec![var.id.to_owned()]),
        ast::Expr::GetAttr(attr) => {
            let mut path = dotted(&attr.expr)?;
            path.push(attr.name.to_owned());
            Some(path)
        }
        _ => None,
    }
}

fn literal(expr: &ast::Expr<'_>) -> Literal {
    match expr {
        ast::Expr::Const(constant) => {
            let value = &constant.value;
            match value.kind() {
                ValueKind::String => Literal::Str(value.as_str().unwrap_or_default().to_owned()),
                ValueKind::Bool => Literal::Bool(value.is_true()),
                ValueKind::None | ValueKind::Undefined => Literal::None,
                ValueKind::Number => match i64::try_from(value.clone()) {
                    Ok(number) if value.is_integer() => Literal::Int(number),
                    _ => f64::try_from(value.clone()).map_or(Literal::Dynamic, Literal::Float),
                },
                _ => Literal::Dynamic,
            }
        }
        ast::Expr::List(list) => Literal::List(list.items.iter().map(literal).collect()),
        ast::Expr::Tuple(tuple) => Literal::List(tuple.items.iter().map(literal).collect()),
        ast::Expr::Map(map) => Literal::Map(map.keys.iter().map(literal).zip(map.values.iter().map(literal)).collect()),
        // `'a' ~ 'b'` and `'a' + 'b'` are as known as their parts.
        ast::Expr::BinOp(_) | ast::Expr::UnaryOp(_) => match expr.as_const() {
            Some(value) if value.kind() == ValueKind::String => Literal::Str(value.as_str().unwrap_or_default().to_owned()),
            Some(value) if value.is_integer() => i64::try_from(value).map_or(Literal::Dynamic, Literal::Int),
            _ => Literal::Dynamic,
        },
        _ => Literal::Dynamic,
    }
}

#[cfg(test)]
mod tests;
