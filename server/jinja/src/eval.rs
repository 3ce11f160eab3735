//! The walker: statements and expressions of the tree, with Python's meaning, bounded in steps, depth and size.

use crate::ast::{Arg, Comparison, Expr, ExprKind, For, Macro, Name, Stmt, Template};
use crate::env::{Env, Subject};
use crate::found::Mark;
use crate::library::MacroId;
use crate::scopes::Scopes;
use crate::value::{Args, Closure, Value};
use crate::{methods, operators};
use std::rc::Rc;
use std::sync::Arc;
use text::TextRange;

/// The longest text that a template may make, in bytes.
pub const MAX_TEXT: usize = 16 << 20;
/// How many statements and expressions one evaluation may take: about a second.
const MAX_STEPS: u64 = 4_000_000;
/// How deep macros may call macros.
const MAX_CALLS: usize = 90;
/// How deep expressions and statements may nest in all.
const MAX_NESTING: usize = 900;

/// What stops a template: Python's exceptions.
pub enum Flow {
    /// dbt's `return()`: unwinds to the nearest macro.
    Return(Value),
    Break,
    Continue,
    Fail(Box<Failure>),
}

pub type Outcome<T> = Result<T, Flow>;

/// Why a template could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub message: String,
    /// In the text that was evaluated, where its outermost call or tag stands.
    pub range: TextRange,
    /// The macros that were being called, the outermost first.
    pub trace: Vec<Name>,
}

/// One evaluation.
pub struct Eval<'e> {
    pub env: &'e Env,
    pub subject: &'e Subject<'e>,
    /// What the evaluation found out.
    pub found: crate::Found,
    pub(crate) out: String,
    pub(crate) marks: Vec<Mark>,
    pub(crate) scopes: Scopes,
    /// Whether missing names are lenient here.
    pub(crate) lenient: bool,
    pub(crate) stack: Vec<MacroId>,
    /// Names that only this evaluation has, such as a generic test's arguments.
    pub(crate) extra: Vec<(Name, Value)>,
    /// The part of the evaluated text that is being worked on.
    place: TextRange,
    steps: u64,
    nesting: usize,
    /// Whether the output is the node's own, not a block's that is being captured.
    capturing: usize,
    /// Whether a lone expression keeps its type, as in YAML values.
    pub(crate) native: bool,
    /// The value of the only expression that was printed so far; nothing in it where there was text, or more.
    pub(crate) lone: Option<Option<Value>>,
}

impl<'e> Eval<'e> {
    pub fn new(env: &'e Env, subject: &'e Subject<'e>, lenient: bool) -> Self {
        Self {
            env,
            subject,
            found: crate::Found::default(),
            out: String::new(),
            marks: Vec::new(),
            scopes: Scopes::fresh(),
            lenient,
            stack: Vec::new(),
            extra: Vec::new(),
            place: TextRange::new(0, 0),
            steps: 0,
            nesting: 0,
            capturing: 0,
            native: false,
            lone: None,
        }
    }

    /// Renders a whole template; what it wrote stays in the output.
    pub fn template(&mut self, template: &Template) -> Result<(), Box<Failure>> {
        self.stmts(&template.body).map_err(|flow| self.uncaught(flow))
    }

    /// What was written so far.
    pub fn text(&self) -> &str {
        &self.out
    }

    /// Evaluates one expression, as Jinja's native environment does for `{{ expression }}` alone.
    pub fn value(&mut self, expr: &Expr) -> Result<Value, Box<Failure>> {
        self.expr(expr).map_err(|flow| self.uncaught(flow))
    }

    /// Calls a macro from outside of any template.
    pub fn invoke(&mut self, id: MacroId, args: Args) -> Result<Value, Box<Failure>> {
        self.call_macro(id, args).map_err(|flow| self.uncaught(flow))
    }

    pub(crate) fn uncaught(&mut self, flow: Flow) -> Box<Failure> {
        match flow {
            Flow::Fail(failure) => failure,
            Flow::Return(_) => self.failure("`return` outside of a macro".to_owned()),
            Flow::Break | Flow::Continue => self.failure("`break` or `continue` outside of a loop".to_owned()),
        }
    }

    fn failure(&self, message: String) -> Box<Failure> {
        let trace = self.stack.iter().map(|id| self.env.library.get(*id).unique_id.clone()).collect();
        Box::new(Failure { message, range: self.place, trace })
    }

    /// An error of the template.
    pub fn fail(&self, message: impl Into<String>) -> Flow {
        Flow::Fail(self.failure(message.into()))
    }

    pub(crate) fn step(&mut self) -> Outcome<()> {
        self.steps += 1;
        match self.steps > MAX_STEPS {
            true => Err(self.fail("this took too many steps and was stopped; is there a loop without an end?")),
            false => Ok(()),
        }
    }

    /// Counts work that is done in one go, such as a long `range`.
    pub(crate) fn work(&mut self, amount: usize) -> Outcome<()> {
        self.steps += amount as u64 / 8;
        self.step()
    }

    /// A package's macro, where it is in sight.
    pub(crate) fn package_macro(&self, package: &str, name: &str) -> Option<MacroId> {
        match self.subject.visible {
            Some(visible) => visible.packages.get(package)?.get(name).copied(),
            None => self.env.library.in_package(package, name),
        }
    }

    pub(crate) fn undefined(&self, name: &str) -> Value {
        Value::Undefined { name: name.into(), lenient: self.lenient }
    }

    pub(crate) fn write(&mut self, text: &str) -> Outcome<()> {
        if self.out.len() + text.len() > MAX_TEXT {
            return Err(self.fail(format!("the text grew beyond {} MB", MAX_TEXT >> 20)));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn marked(&mut self, start: usize, source: TextRange, verbatim: bool) {
        if self.capturing == 0 && self.stack.is_empty() && self.out.len() > start {
            self.marks.push(Mark { start: start as u32, end: self.out.len() as u32, source, verbatim });
        }
    }

    /// Runs something and takes what it wrote.
    pub(crate) fn capture(&mut self, run: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<String> {
        let outer = std::mem::take(&mut self.out);
        self.capturing += 1;
        let outcome = run(self);
        self.capturing -= 1;
        let written = std::mem::replace(&mut self.out, outer);
        outcome.map(|()| written)
    }

    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.scopes.push();
        let outcome = run(self);
        self.scopes.pop();
        outcome
    }

    pub(crate) fn stmts(&mut self, stmts: &[Stmt]) -> Outcome<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            self.nesting -= 1;
            return Err(self.fail("this nests too deeply"));
        }
        let outcome = stmts.iter().try_for_each(|stmt| self.stmt(stmt));
        self.nesting -= 1;
        outcome
    }

    fn stmt(&mut self, stmt: &Stmt) -> Outcome<()> {
        self.step()?;
        match stmt {
            Stmt::Text(text, range) => {
                let start = self.out.len();
                self.write(text)?;
                if self.native && self.capturing == 0 && !text.is_empty() {
                    self.lone = Some(None);
                }
                self.marked(start, *range, true);
            }
            Stmt::Emit(expr) => {
                let start = self.out.len();
                let value = self.expr(expr)?;
                self.emit(&value)?;
                if self.native && self.capturing == 0 {
                    // What Jinja knows beforehand it writes as text.
                    self.lone = Some((self.lone.is_none() && !expr.is_constant()).then_some(value));
                }
                self.marked(start, expr.range, false);
            }
            Stmt::Do(expr) => {
                self.expr(expr)?;
            }
            Stmt::If { test, then, otherwise } => {
                let taken = if self.expr(test)?.is_true() { then } else { otherwise };
                self.stmts(taken)?;
            }
            Stmt::For(it) => {
                let iter = self.expr(&it.iter)?;
                self.for_loop(it, iter, 0)?;
            }
            Stmt::Set { target, value } => {
                let value = self.expr(value)?;
                self.assign(target, value)?;
            }
            Stmt::SetBlock { target, filter, body } => {
                let text = self.capture(|eval| eval.scoped(|eval| eval.stmts(body)))?;
                let mut value = Value::from(text);
                if let Some(filter) = filter {
                    value = self.filtered(filter, value)?;
                }
                self.assign(target, value)?;
            }
            Stmt::FilterBlock { filter, body } => {
                let text = self.capture(|eval| eval.scoped(|eval| eval.stmts(body)))?;
                let value = self.filtered(filter, text.into())?;
                self.emit(&value)?;
            }
            Stmt::With { assignments, body } => {
                let mut values = Vec::with_capacity(assignments.len());
                for (target, value) in assignments {
                    values.push((target, self.expr(value)?));
                }
                self.scoped(|eval| {
                    for (target, value) in values {
                        eval.assign(target, value)?;
                    }
                    eval.stmts(body)
                })?;
            }
            // dbt renames the macros of every template, so one that a model defines can't be called by its name.
            Stmt::Macro(_) => {}
            Stmt::CallBlock { call, caller } => {
                let closure = Value::Closure(Rc::new(Closure { decl: caller.clone(), scope: self.scopes.clone(), lenient: self.lenient }));
                let ExprKind::Call(call_expr) = &call.kind else { return Ok(()) };
                let value = self.call_expr(call_expr, call.range, Some(closure))?;
                self.emit(&value)?;
            }
            Stmt::Group(body) => self.stmts(body)?,
            Stmt::Break => return Err(Flow::Break),
            Stmt::Continue => return Err(Flow::Continue),
            Stmt::Unsupported(word, range) => {
                if self.stack.is_empty() {
                    self.place = *range;
                }
                return Err(self.fail(format!("dbt can't load the template that `{word}` names")));
            }
        }
        Ok(())
    }

    fn emit(&mut self, value: &Value) -> Outcome<()> {
        match value {
            Value::Str(text) => self.write(text),
            value => {
                let text = value.render();
                self.write(&text)
            }
        }
    }

    pub(crate) fn assign(&mut self, target: &Expr, value: Value) -> Outcome<()> {
        match &target.kind {
            ExprKind::Var(name) => {
                self.scopes.set(name, value);
                Ok(())
            }
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                let Some(items) = value.items() else { return Err(self.fail(format!("cannot unpack a {}", value.type_name()))) };
                if items.len() != targets.len() {
                    return Err(self.fail(format!("expected {} values to unpack, got {}", targets.len(), items.len())));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
            ExprKind::Attribute(object, name) => {
                let object = self.expr(object)?;
                match object.downcast::<crate::functions::Namespace>() {
                    Some(namespace) => {
                        namespace.set(name, value);
                        Ok(())
                    }
                    None => Err(self.fail("cannot assign an attribute of anything but a namespace")),
                }
            }
            _ => Err(self.fail("cannot assign to this")),
        }
    }

    fn for_loop(&mut self, it: &For, iter: Value, depth: usize) -> Outcome<()> {
        let Some(mut items) = iter.items() else { return Err(self.fail(format!("a {} can't be looped over", operators::described(&iter)))) };
        self.work(items.len())?;
        if let Some(filter) = &it.filter {
            let mut kept = Vec::new();
            for item in items {
                let keep = self.scoped(|eval| {
                    eval.assign(&it.target, item.clone())?;
                    Ok(eval.expr(filter)?.is_true())
                })?;
                if keep {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.scoped(|eval| eval.stmts(&it.otherwise));
        }
        let state = it.uses_loop.then(|| Rc::new(crate::functions::Loop::new(items.clone(), depth)));
        for (index, item) in items.into_iter().enumerate() {
            self.step()?;
            let outcome = self.scoped(|eval| {
                if let Some(state) = &state {
                    state.at(index);
                    eval.scopes.set(&"loop".into(), Value::Object(state.clone()));
                }
                eval.assign(&it.target, item)?;
                match it.recursive {
                    true => eval.recursive_body(it, depth),
                    false => eval.stmts(&it.body),
                }
            });
            match outcome {
                Ok(()) | Err(Flow::Continue) => {}
                Err(Flow::Break) => break,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// `loop(children)` inside of a recursive loop runs the loop again; the calls are found while the body runs.
    fn recursive_body(&mut self, it: &For, depth: usize) -> Outcome<()> {
        if depth > MAX_CALLS {
            return Err(self.fail("this loop recurses too deeply"));
        }
        for stmt in &it.body {
            self.recursive_stmt(stmt, it, depth)?;
        }
        Ok(())
    }

    fn recursive_stmt(&mut self, stmt: &Stmt, it: &For, depth: usize) -> Outcome<()> {
        match stmt {
            Stmt::Emit(Expr { kind: ExprKind::Call(call), .. }) if matches!(&call.callee.kind, ExprKind::Var(name) if &**name == "loop") => {
                let args = self.args(&call.args)?;
                let children = args.positional.into_iter().next().unwrap_or(Value::None);
                self.for_loop(it, children, depth + 1)
            }
            Stmt::If { test, then, otherwise } => {
                let taken = if self.expr(test)?.is_true() { then } else { otherwise };
                taken.iter().try_for_each(|stmt| self.recursive_stmt(stmt, it, depth))
            }
            Stmt::Group(body) => body.iter().try_for_each(|stmt| self.recursive_stmt(stmt, it, depth)),
            other => self.stmt(other),
        }
    }

    pub(crate) fn expr(&mut self, expr: &Expr) -> Outcome<Value> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            self.nesting -= 1;
            return Err(self.fail("this nests too deeply"));
        }
        let outcome = self.step().and_then(|()| self.expr_kind(expr));
        self.nesting -= 1;
        outcome
    }

    fn expr_kind(&mut self, expr: &Expr) -> Outcome<Value> {
        Ok(match &expr.kind {
            ExprKind::Const(value) => value.into(),
            ExprKind::Var(name) => self.lookup(name),
            ExprKind::List(items) => self.exprs(items)?.into(),
            ExprKind::Tuple(items) => Value::tuple(self.exprs(items)?),
            ExprKind::Dict(entries) => {
                let mut map = crate::value::Map::default();
                for (key, value) in entries {
                    let key = self.expr(key)?.key();
                    map.insert(key, self.expr(value)?);
                }
                map.into()
            }
            ExprKind::Not(operand) => Value::Bool(!self.expr(operand)?.is_true()),
            ExprKind::Negate(operand) => {
                let value = self.expr(operand)?;
                operators::negate(self, &value)?
            }
            ExprKind::And(left, right) => {
                let left = self.expr(left)?;
                if left.is_true() { self.expr(right)? } else { left }
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(left)?;
                if left.is_true() { left } else { self.expr(right)? }
            }
            ExprKind::Binary(operator, left, right) => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.at(expr.range);
                operators::binary(self, *operator, &left, &right)?
            }
            ExprKind::Compare(first, rest) => {
                let mut left = self.expr(first)?;
                for (comparison, right) in rest {
                    let right = self.expr(right)?;
                    if !self.compare(*comparison, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Value::Bool(true)
            }
            ExprKind::IfElse { test, then, otherwise } => match (self.expr(test)?.is_true(), otherwise) {
                (true, _) => self.expr(then)?,
                (false, Some(otherwise)) => self.expr(otherwise)?,
                (false, None) => self.undefined("the inline if-expression without an else"),
            },
            ExprKind::Filter { name, operand, args } => {
                let value = match operand {
                    Some(operand) => self.expr(operand)?,
                    None => Value::None,
                };
                self.at(expr.range);
                let args = self.args(args)?;
                crate::filters::apply(self, name, value, &args)?
            }
            ExprKind::Test { name, operand, args } => {
                let value = self.expr(operand)?;
                self.at(expr.range);
                let args = self.args(args)?;
                Value::Bool(crate::tests::check(self, name, &value, &args)?)
            }
            ExprKind::Attribute(object, name) => {
                let object = self.expr(object)?;
                self.at(expr.range);
                self.attribute(&object, name)?
            }
            ExprKind::Item(object, key) => {
                let (object, key) = (self.expr(object)?, self.expr(key)?);
                self.at(expr.range);
                self.item(&object, &key)?
            }
            ExprKind::Slice { operand, bounds } => {
                let operand = self.expr(operand)?;
                let mut ends = [None; 3];
                for (end, bound) in ends.iter_mut().zip(bounds) {
                    *end = match bound {
                        Some(bound) => self.expr(bound)?.as_int(),
                        None => None,
                    };
                }
                operators::slice(self, &operand, ends)?
            }
            ExprKind::Call(call) => self.call_expr(call, expr.range, None)?,
        })
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Outcome<Vec<Value>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    /// Remembers where the evaluated text is being worked on; inside of macros the place stays that of the outermost call.
    fn at(&mut self, range: TextRange) {
        if self.stack.is_empty() {
            self.place = range;
        }
    }

    fn compare(&mut self, comparison: Comparison, left: &Value, right: &Value) -> Outcome<bool> {
        use std::cmp::Ordering;
        let ordered = |eval: &Self, holds: fn(Ordering) -> bool| match left.compare(right) {
            Some(ordering) => Ok(holds(ordering)),
            None if left.is_undefined() || right.is_undefined() => {
                let name = if left.is_undefined() { left } else { right };
                Err(eval.fail(operators::undefined_message(name)))
            }
            None => Err(eval.fail(format!("a {} and a {} can't be compared", left.type_name(), right.type_name()))),
        };
        match comparison {
            Comparison::Equal => Ok(left.equals(right)),
            Comparison::NotEqual => Ok(!left.equals(right)),
            Comparison::Less => ordered(self, Ordering::is_lt),
            Comparison::LessOrEqual => ordered(self, Ordering::is_le),
            Comparison::Greater => ordered(self, Ordering::is_gt),
            Comparison::GreaterOrEqual => ordered(self, Ordering::is_ge),
            Comparison::In => operators::contains(self, right, left),
            Comparison::NotIn => operators::contains(self, right, left).map(|found| !found),
        }
    }

    fn filtered(&mut self, filter: &Expr, value: Value) -> Outcome<Value> {
        let ExprKind::Filter { name, operand, args } = &filter.kind else { return Ok(value) };
        let value = match operand {
            Some(inner) => self.filtered(inner, value)?,
            None => value,
        };
        let args = self.args(args)?;
        crate::filters::apply(self, name, value, &args)
    }

    pub(crate) fn args(&mut self, args: &[Arg]) -> Outcome<Args> {
        let mut made = Args::default();
        for arg in args {
            match arg {
                Arg::Positional(value) => made.positional.push(self.expr(value)?),
                Arg::Keyword(name, value) => made.keywords.push((name.clone(), self.expr(value)?)),
                Arg::Splat(value) => {
                    let value = self.expr(value)?;
                    let Some(items) = value.items() else { return Err(self.fail(format!("`*` needs a list, not a {}", value.type_name()))) };
                    made.positional.extend(items);
                }
                Arg::KeywordSplat(value) => match self.expr(value)? {
                    Value::Dict(map) => made.keywords.extend(map.borrow().iter().map(|(key, value)| (key.value().render().into(), value.clone()))),
                    Value::Undefined { lenient: true, .. } => {}
                    other => return Err(self.fail(format!("`**` needs a dict, not a {}", other.type_name()))),
                },
            }
        }
        Ok(made)
    }

    fn call_expr(&mut self, call: &crate::ast::Call, range: TextRange, caller: Option<Value>) -> Outcome<Value> {
        self.at(range);
        if let ExprKind::Attribute(object, name) = &call.callee.kind {
            let object = self.expr(object)?;
            let mut args = self.args(&call.args)?;
            args.keywords.extend(caller.map(|caller| ("caller".into(), caller)));
            self.at(range);
            return self.call_method(&object, name, args);
        }
        let callee = self.expr(&call.callee)?;
        let mut args = self.args(&call.args)?;
        args.keywords.extend(caller.map(|caller| ("caller".into(), caller)));
        self.at(range);
        self.call_value(&callee, args)
    }

    pub(crate) fn call_method(&mut self, object: &Value, name: &Name, args: Args) -> Outcome<Value> {
        if let Some(outcome) = methods::call(self, object, name, &args) {
            return outcome;
        }
        if let Value::Object(inner) = object
            && let Some(outcome) = inner.clone().method(self, name, &args)
        {
            return outcome;
        }
        let callee = self.attribute(object, name)?;
        if callee.is_undefined() && !matches!(callee, Value::Undefined { lenient: true, .. }) {
            return Err(self.fail(format!("{} has no attribute `{name}`", operators::described(object))));
        }
        self.call_value(&callee, args)
    }

    pub(crate) fn call_value(&mut self, callee: &Value, args: Args) -> Outcome<Value> {
        self.step()?;
        match callee {
            Value::Function(function) => crate::functions::call(self, *function, args),
            Value::Macro(id) => self.call_macro(*id, args),
            Value::Closure(closure) => self.call_closure(closure, args),
            Value::Bound(bound) => self.call_method(&bound.0, &bound.1, args),
            Value::Object(object) => object.clone().call(self, &args),
            Value::Undefined { lenient: true, name } => {
                self.found.undefined.insert(name.clone());
                Ok(callee.clone())
            }
            Value::Undefined { .. } => Err(self.fail(operators::undefined_message(callee))),
            other => Err(self.fail(format!("a {} can't be called", other.type_name()))),
        }
    }

    pub(crate) fn call_macro(&mut self, id: MacroId, args: Args) -> Outcome<Value> {
        let source = self.env.library.get(id).clone();
        if self.stack.is_empty() {
            self.found.call_macro(&source.unique_id);
        }
        self.found.reached.insert(id);
        if self.stack.len() >= MAX_CALLS {
            return Err(self.fail(format!("macros call macros more than {MAX_CALLS} deep")));
        }
        let tree = match source.tree() {
            Ok(tree) => tree.clone(),
            Err(error) => return Err(self.fail(format!("the macro `{}` has a syntax error: {}", source.unique_id, error.message))),
        };
        self.stack.push(id);
        let outer_scopes = std::mem::replace(&mut self.scopes, Scopes::fresh());
        let outer_lenient = std::mem::replace(&mut self.lenient, false);
        let outcome = self.run_macro(&tree, args);
        self.scopes = outer_scopes;
        self.lenient = outer_lenient;
        self.stack.pop();
        match outcome {
            Err(Flow::Return(value)) => Ok(value),
            other => other,
        }
    }

    fn call_closure(&mut self, closure: &Closure, args: Args) -> Outcome<Value> {
        if self.nesting > MAX_NESTING - 50 {
            return Err(self.fail("this nests too deeply"));
        }
        let outer_scopes = std::mem::replace(&mut self.scopes, closure.scope.clone());
        let outer_lenient = std::mem::replace(&mut self.lenient, closure.lenient);
        self.scopes.push();
        let outcome = self.run_macro(&closure.decl, args);
        self.scopes = outer_scopes;
        self.lenient = outer_lenient;
        outcome
    }

    /// Binds the arguments as Jinja does and runs the body.
    fn run_macro(&mut self, decl: &Arc<Macro>, args: Args) -> Outcome<Value> {
        let Args { positional, keywords } = args;
        let mut rest = positional.into_iter();
        let mut keywords: Vec<Option<(Name, Value)>> = keywords.into_iter().map(Some).collect();
        let mut take = |name: &str| keywords.iter_mut().find(|entry| entry.as_ref().is_some_and(|(key, _)| &**key == name)).and_then(Option::take);
        let mut missing = Vec::new();
        for param in &decl.params {
            match rest.next().or_else(|| take(&param.name).map(|(_, value)| value)) {
                Some(value) => self.scopes.set(&param.name, value),
                None => missing.push(param),
            }
        }
        for param in missing {
            let value = match &param.default {
                Some(default) => self.expr(default)?,
                None => self.undefined(&param.name),
            };
            self.scopes.set(&param.name, value);
        }
        let caller = take("caller").map(|(_, value)| value);
        if decl.caller {
            let value = caller.unwrap_or_else(|| self.undefined("caller"));
            self.scopes.set(&"caller".into(), value);
        }
        let left: Vec<(Name, Value)> = keywords.into_iter().flatten().collect();
        if decl.kwargs {
            let map = left.into_iter().map(|(key, value)| (crate::value::Key::Str(key), value)).collect::<crate::value::Map>();
            self.scopes.set(&"kwargs".into(), map.into());
        } else if let Some((name, _)) = left.first() {
            return Err(self.fail(format!("macro '{}' takes no keyword argument '{name}'", decl.name)));
        }
        let extra: Vec<Value> = rest.collect();
        if decl.varargs {
            self.scopes.set(&"varargs".into(), Value::tuple(extra));
        } else if !extra.is_empty() {
            return Err(self.fail(format!("macro '{}' takes not more than {} argument(s)", decl.name, decl.params.len())));
        }
        self.capture(|eval| eval.stmts(&decl.body)).map(Value::from)
    }

    /// A variable, a macro, a name of the context or one of Jinja's own, in that order.
    pub(crate) fn lookup(&mut self, name: &Name) -> Value {
        self.scopes.get(name).or_else(|| crate::context::lookup(self, name)).unwrap_or_else(|| self.undefined(name))
    }
}
