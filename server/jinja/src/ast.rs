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
