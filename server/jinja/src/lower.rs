//! From source text to the tree of [`crate::ast`], by minijinja's parser.

use crate::ast::{Arg, Call, Comparison, Const, Expr, ExprKind, For, Macro, Name, Operator, Param, Stmt, Template};
use minijinja::machinery::{self, ast as mini};
use minijinja::value::ValueKind;
use std::sync::Arc;
use syntax::SyntaxError;
use text::TextRange;

/// Parses a template. Ranges are byte offsets into `source`, moved by `shift`.
///
/// dbt's `snapshot` blocks are taken as plain groups; `test` and `materialization` blocks define something and give nothing where they
/// stand.
pub fn parse(source: &str, shift: usize) -> Result<Template, SyntaxError> {
    let prepared = syntax::jinja::prepare(source)?;
    match machinery::parse(&prepared, "", Default::default()) {
        Ok(mini::Stmt::Template(template)) => {
            let mut lower = Lower { source: &prepared, shift, uses: Uses::default(), done: syntax::jinja::statements_do(source) };
            Ok(Template { body: lower.stmts(&template.children) })
        }
        Ok(_) => Ok(Template::default()),
        Err(error) => Err(move_by(syntax::jinja::explain(source, &error), shift)),
    }
}

/// Parses one expression without delimiters.
pub fn parse_expression(source: &str, shift: usize) -> Result<Expr, SyntaxError> {
    let whole = TextRange::new(shift, shift + source.len());
    if syntax::jinja::is_too_deep(source) {
        return Err(SyntaxError { range: whole, message: format!("this expression has {} KB and was not read", source.len() >> 10) });
    }
    match machinery::parse_expr(source) {
        Ok(expr) => Ok(Lower { source, shift, uses: Uses::default(), done: Vec::new() }.expr(&expr)),
        Err(error) => {
            let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Err(SyntaxError { range: whole, message: format!("invalid Jinja: {message}") })
        }
    }
}

fn move_by(error: SyntaxError, shift: usize) -> SyntaxError {
    SyntaxError { range: error.range.shift(shift), message: error.message }
}

/// The magic names that a body reads.
#[derive(Default, Clone, Copy)]
struct Uses {
    varargs: bool,
    kwargs: bool,
    caller: bool,
    looping: bool,
}

struct Lower<'a> {
    source: &'a str,
    shift: usize,
    uses: Uses,
    /// Where `{% do … %}` stands.
    done: Vec<TextRange>,
}

impl Lower<'_> {
    fn range(&self, span: machinery::Span) -> TextRange {
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        TextRange::new(start + self.shift, end.max(start) + self.shift)
    }

    fn stmts(&mut self, stmts: &[mini::Stmt<'_>]) -> Vec<Stmt> {
        stmts.iter().map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&mut self, stmt: &mini::Stmt<'_>) -> Stmt {
        use mini::Stmt as S;
        match stmt {
            S::Template(it) => Stmt::Group(self.stmts(&it.children)),
            S::EmitExpr(it) => {
                let at = it.expr.span().start_offset;
                let before = self.done.partition_point(|tag| tag.start <= at);
                let is_done = before.checked_sub(1).is_some_and(|tag| at < self.done[tag].end);
                if is_done { Stmt::Do(self.expr(&it.expr)) } else { Stmt::Emit(self.expr(&it.expr)) }
            }
            S::EmitRaw(it) => Stmt::Text(it.raw.into(), self.text_range(it.raw)),
            S::ForLoop(it) => self.for_loop(it),
            S::IfCond(it) => Stmt::If { test: self.expr(&it.expr), then: self.stmts(&it.true_body), otherwise: self.stmts(&it.false_body) },
            S::WithBlock(it) => Stmt::With {
                assignments: it.assignments.iter().map(|(target, value)| (self.expr(target), self.expr(value))).collect(),
                body: self.stmts(&it.body),
            },
            S::Set(it) => Stmt::Set { target: self.expr(&it.target), value: self.expr(&it.expr) },
            S::SetBlock(it) => {
                Stmt::SetBlock { target: self.expr(&it.target), filter: it.filter.as_ref().map(|filter| self.expr(filter)), body: self.stmts(&it.body) }
            }
            S::AutoEscape(it) => Stmt::Group(self.stmts(&it.body)),
            S::FilterBlock(it) => Stmt::FilterBlock { filter: self.expr(&it.filter), body: self.stmts(&it.body) },
            S::Block(it) => Stmt::Group(self.stmts(&it.body)),
            S::Import(it) => Stmt::Unsupported("import", self.range(it.span())),
            S::FromImport(it) => Stmt::Unsupported("from … import", self.range(it.span())),
            S::Extends(it) => Stmt::Unsupported("extends", self.range(it.span())),
            S::Include(it) => Stmt::Unsupported("include", self.range(it.span())),
            S::Macro(it) => Stmt::Macro(Arc::new(self.macro_of(it, self.range(it.span())))),
            S::CallBlock(it) => {
                let call = self.call(&it.call);
                let range = self.range(it.call.span());
                let caller = Arc::new(self.macro_of(&it.macro_decl, self.range(it.macro_decl.span())));
                Stmt::CallBlock { call: Expr { kind: ExprKind::Call(Box::new(call)), range }, caller }
            }
            S::Continue(_) => Stmt::Continue,
            S::Break(_) => Stmt::Break,
            S::Do(it) => Stmt::Do(Expr { kind: ExprKind::Call(Box::new(self.call(&it.call))), range: self.range(it.call.span()) }),
        }
    }

    /// Raw text is a slice of the source, so its place is known from where it lies.
    fn text_range(&self, raw: &str) -> TextRange {
        let start = (raw.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
        match start <= self.source.len() {
            true => TextRange::new(start + self.shift, start + raw.len() + self.shift),
            false => TextRange::new(self.shift, self.shift),
        }
    }

    fn for_loop(&mut self, it: &mini::ForLoop<'_>) -> Stmt {
        let target = self.expr(&it.target);
        let iter = self.expr(&it.iter);
        let outer = std::mem::replace(&mut self.uses.looping, it.recursive);
        let filter = it.filter_expr.as_ref().map(|filter| self.expr(filter));
        let body = self.stmts(&it.body);
        let uses_loop = std::mem::replace(&mut self.uses.looping, outer);
        let otherwise = self.stmts(&it.else_body);
        // An inner loop hides the outer one, but its iterable may name it.
        self.uses.looping |= uses_loop;
        Stmt::For(Box::new(For { target, iter, filter, recursive: it.recursive, body, otherwise, uses_loop }))
    }

    fn macro_of(&mut self, it: &mini::Macro<'_>, range: TextRange) -> Macro {
        let outer = std::mem::take(&mut self.uses);
        let missing = it.args.len() - it.defaults.len().min(it.args.len());
        let params = it
            .args
            .iter()
            .enumerate()
            .map(|(index, arg)| Param {
                name: match arg {
                    mini::Expr::Var(var) => var.id.into(),
                    _ => "".into(),
                },
                default: index.checked_sub(missing).and_then(|at| it.defaults.get(at)).map(|default| self.expr(default)),
            })
            .collect();
        let body = self.stmts(&it.body);
        let uses = std::mem::replace(&mut self.uses, outer);
        // A call block's body may use what the macro around it was given.
        self.uses.varargs |= uses.varargs;
        self.uses.kwargs |= uses.kwargs;
        self.uses.caller |= uses.caller;
        Macro { name: it.name.into(), params, body, varargs: uses.varargs, kwargs: uses.kwargs, caller: uses.caller, range }
    }

    fn name(&mut self, id: &str) -> Name {
        match id {
            "varargs" => self.uses.varargs = true,
            "kwargs" => self.uses.kwargs = true,
            "caller" => self.uses.caller = true,
            "loop" => self.uses.looping = true,
            _ => {}
        }
        id.into()
    }

    fn boxed(&mut self, expr: &mini::Expr<'_>) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn exprs(&mut self, exprs: &[mini::Expr<'_>]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, expr: &mini::Expr<'_>) -> Expr {
        use mini::Expr as E;
        let range = self.range(expr.span());
        let kind = match expr {
            E::Var(it) => ExprKind::Var(self.name(it.id)),
            E::Const(it) => ExprKind::Const(constant(&it.value)),
            E::Slice(it) => {
                let operand = self.boxed(&it.expr);
                let bounds = [&it.start, &it.stop, &it.step].map(|bound| bound.as_ref().map(|bound| self.boxed(bound)));
                ExprKind::Slice { operand, bounds }
            }
            E::UnaryOp(it) => match it.op {
                mini::UnaryOpKind::Not => ExprKind::Not(self.boxed(&it.expr)),
                mini::UnaryOpKind::Neg => ExprKind::Negate(self.boxed(&it.expr)),
            },
            E::BinOp(it) => self.binary(it),
            E::Compare(it) => {
                let first = self.boxed(&it.expr);
                ExprKind::Compare(first, it.ops.iter().map(|op| (comparison(op.op), self.expr(&op.expr))).collect())
            }
            E::IfExpr(it) => ExprKind::IfElse {
                test: self.boxed(&it.test_expr),
                then: self.boxed(&it.true_expr),
                otherwise: it.false_expr.as_ref().map(|otherwise| self.boxed(otherwise)),
            },
            E::Filter(it) => {
                let operand = it.expr.as_ref().map(|operand| self.boxed(operand));
                ExprKind::Filter { name: it.name.into(), operand, args: self.args(&it.args) }
            }
            E::Test(it) => ExprKind::Test { name: it.name.into(), operand: self.boxed(&it.expr), args: self.args(&it.args) },
            E::GetAttr(it) => ExprKind::Attribute(self.boxed(&it.expr), it.name.into()),
            E::GetItem(it) => ExprKind::Item(self.boxed(&it.expr), self.boxed(&it.subscript_expr)),
            E::Call(it) => ExprKind::Call(Box::new(self.call(it))),
            E::List(it) => ExprKind::List(self.exprs(&it.items)),
            E::Tuple(it) => ExprKind::Tuple(self.exprs(&it.items)),
            E::Map(it) => ExprKind::Dict(it.keys.iter().zip(&it.values).map(|(key, value)| (self.expr(key), self.expr(value))).collect()),
        };
        Expr { kind, range }
    }

    fn binary(&mut self, it: &mini::BinOp<'_>) -> ExprKind {
        use mini::BinOpKind as B;
        let (left, right) = (self.boxed(&it.left), self.boxed(&it.right));
        let compare = |comparison, left, right: Box<Expr>| ExprKind::Compare(left, vec![(comparison, *right)]);
        match it.op {
            B::ScAnd => ExprKind::And(left, right),
            B::ScOr => ExprKind::Or(left, right),
            B::Add => ExprKind::Binary(Operator::Add, left, right),
            B::Sub => ExprKind::Binary(Operator::Subtract, left, right),
            B::Mul => ExprKind::Binary(Operator::Multiply, left, right),
            B::Div => ExprKind::Binary(Operator::Divide, left, right),
            B::FloorDiv => ExprKind::Binary(Operator::FloorDivide, left, right),
            B::Rem => ExprKind::Binary(Operator::Remainder, left, right),
            B::Pow => ExprKind::Binary(Operator::Power, left, right),
            B::Concat => ExprKind::Binary(Operator::Concat, left, right),
            B::Eq => compare(Comparison::Equal, left, right),
            B::Ne => compare(Comparison::NotEqual, left, right),
            B::Lt => compare(Comparison::Less, left, right),
            B::Lte => compare(Comparison::LessOrEqual, left, right),
            B::Gt => compare(Comparison::Greater, left, right),
            B::Gte => compare(Comparison::GreaterOrEqual, left, right),
            B::In => compare(Comparison::In, left, right),
        }
    }

    fn call(&mut self, it: &mini::Call<'_>) -> Call {
        Call { callee: self.expr(&it.expr), args: self.args(&it.args) }
    }

    fn args(&mut self, args: &[mini::CallArg<'_>]) -> Vec<Arg> {
        args.iter()
            .map(|arg| match arg {
                mini::CallArg::Pos(value) => Arg::Positional(self.expr(value)),
                mini::CallArg::Kwarg(name, value) => Arg::Keyword((*name).into(), self.expr(value)),
                mini::CallArg::PosSplat(value) => Arg::Splat(self.expr(value)),
                mini::CallArg::KwargSplat(value) => Arg::KeywordSplat(self.expr(value)),
            })
            .collect()
    }
}

fn comparison(op: mini::CompareOpKind) -> Comparison {
    use mini::CompareOpKind as C;
    match op {
        C::Eq => Comparison::Equal,
        C::Ne => Comparison::NotEqual,
        C::Lt => Comparison::Less,
        C::Lte => Comparison::LessOrEqual,
        C::Gt => Comparison::Greater,
        C::Gte => Comparison::GreaterOrEqual,
        C::In => Comparison::In,
        C::NotIn => Comparison::NotIn,
    }
}

fn constant(value: &minijinja::Value) -> Const {
    match value.kind() {
        ValueKind::Bool => Const::Bool(value.is_true()),
        ValueKind::Number => match value.is_integer() {
            true => i64::try_from(value.clone()).map_or_else(|_| Const::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)), Const::Int),
            false => Const::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        },
        // A backslash at a line's end joins the lines, as in Python; minijinja leaves both.
        ValueKind::String => Const::Str(value.as_str().unwrap_or_default().replace("\\\r\n", "").replace("\\\n", "").into()),
        _ => Const::None,
    }
}
