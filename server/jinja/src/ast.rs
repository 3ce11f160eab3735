//! The syntax tree that is walked: minijinja's, owned and shared between threads, with places in the file.

use std::sync::Arc;
use text::TextRange;

/// A name or a piece of text.
pub type Name = Arc<str>;

/// A value written in the template.
#[derive(Debug, Clone, PartialEq)]
pub enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Name),
}

#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub range: TextRange,
}

#[derive(Debug)]
pub enum ExprKind {
    Const(Const),
    Var(Name),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a < b < c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    IfElse {
        test: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    /// Without an operand in a filter block.
    Filter {
        name: Name,
        operand: Option<Box<Expr>>,
        args: Vec<Arg>,
    },
    Test {
        name: Name,
        operand: Box<Expr>,
        args: Vec<Arg>,
    },
    Attribute(Box<Expr>, Name),
    Item(Box<Expr>, Box<Expr>),
    Slice {
        operand: Box<Expr>,
        bounds: [Option<Box<Expr>>; 3],
    },
    Call(Box<Call>),
}

/// Filters whose outcome Jinja doesn't know before it renders: those that see the context, and dbt's, whose outcome is marked.
const LATE_FILTERS: [&str; 10] = ["as_bool", "as_number", "as_native", "as_text", "map", "select", "reject", "selectattr", "rejectattr", "random"];

impl Expr {
    /// Whether Jinja knows its value when it compiles the template (`Expr.as_const`).
    pub fn is_constant(&self) -> bool {
        let all = |items: &[Self]| items.iter().all(Self::is_constant);
        let args = |args: &[Arg]| args.iter().all(|arg| matches!(arg, Arg::Positional(value) | Arg::Keyword(_, value) if value.is_constant()));
        match &self.kind {
            ExprKind::Const(_) => true,
            ExprKind::List(items) | ExprKind::Tuple(items) => all(items),
            ExprKind::Dict(pairs) => pairs.iter().all(|(key, value)| key.is_constant() && value.is_constant()),
            ExprKind::Not(operand) | ExprKind::Negate(operand) | ExprKind::Attribute(operand, _) => operand.is_constant(),
            ExprKind::And(left, right) | ExprKind::Or(left, right) | ExprKind::Binary(_, left, right) | ExprKind::Item(left, right) => {
                left.is_constant() && right.is_constant()
            }
            ExprKind::Compare(left, rest) => left.is_constant() && rest.iter().all(|(_, right)| right.is_constant()),
            ExprKind::IfElse { test, then, otherwise } => {
                test.is_constant() && then.is_constant() && otherwise.as_ref().is_some_and(|other| other.is_constant())
            }
            ExprKind::Filter { name, operand, args: given } => {
                !LATE_FILTERS.contains(&&**name) && operand.as_ref().is_some_and(|operand| operand.is_constant()) && args(given)
            }
            ExprKind::Test { operand, args: given, .. } => operand.is_constant() && args(given),
            ExprKind::Slice { operand, bounds } => operand.is_constant() && bounds.iter().flatten().all(|bound| bound.is_constant()),
            ExprKind::Var(_) | ExprKind::Call(_) => false,
        }
    }
}

#[derive(Debug)]
pub struct Call {
    pub callee: Expr,
    pub args: Vec<Arg>,
}

#[derive(Debug)]
pub enum Arg {
    Positional(Expr),
    Keyword(Name, Expr),
    /// `*list`
    Splat(Expr),
    /// `**dict`
    KeywordSplat(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug)]
pub enum Stmt {
    /// Text outside of tags, with its place.
    Text(Name, TextRange),
    Emit(Expr),
    For(Box<For>),
    If {
        test: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    With {
        assignments: Vec<(Expr, Expr)>,
        body: Vec<Stmt>,
    },
    Set {
        target: Expr,
        value: Expr,
    },
    SetBlock {
        target: Expr,
        filter: Option<Expr>,
        body: Vec<Stmt>,
    },
    FilterBlock {
        filter: Expr,
        body: Vec<Stmt>,
    },
    Macro(Arc<Macro>),
    CallBlock {
        call: Expr,
        caller: Arc<Macro>,
    },
    Do(Expr),
    Break,
    Continue,
    /// A block whose body is rendered in place (`block`, `autoescape`).
    Group(Vec<Stmt>),
    /// A statement that dbt has no files for: `import`, `include`, `extends`.
    Unsupported(&'static str, TextRange),
}

#[derive(Debug)]
pub struct For {
    pub target: Expr,
    pub iter: Expr,
    pub filter: Option<Expr>,
    pub recursive: bool,
    pub body: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
    /// Whether the body names `loop`.
    pub uses_loop: bool,
}

/// A macro, a generic test, or the body of a `call` block.
#[derive(Debug)]
pub struct Macro {
    pub name: Name,
    pub params: Vec<Param>,
    pub body: Vec<Stmt>,
    /// Whether the body names `varargs`, `kwargs`, `caller`, as Jinja passes only what is named.
    pub varargs: bool,
    pub kwargs: bool,
    pub caller: bool,
    pub range: TextRange,
}

#[derive(Debug)]
pub struct Param {
    pub name: Name,
    pub default: Option<Expr>,
}

/// A whole template.
#[derive(Debug, Default)]
pub struct Template {
    pub body: Vec<Stmt>,
}
