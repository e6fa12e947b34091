//! The syntax tree. Offsets are bytes into the normalised source.

/// An expression, where it begins and how deep the tree below it is.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    /// Byte offset.
    pub at: u32,
    /// Height of the tree, 1 for a leaf.
    pub height: u32,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expressions.
#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    Name(String),
    Const(Const),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attr(Box<Expr>, String),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    Call(Box<Expr>, Args),
    /// No operand in `{% filter name %}` and `{% set x | name %}`.
    Filter(Option<Box<Expr>>, String, Args),
    Test(Box<TestExpr>),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Cond(Box<CondExpr>),
}

/// `operand is [not] name(args)`.
#[derive(Debug, Clone)]
pub(crate) struct TestExpr {
    pub operand: Expr,
    pub name: String,
    pub args: Args,
    pub negated: bool,
}

/// `then if test else otherwise`.
#[derive(Debug, Clone)]
pub(crate) struct CondExpr {
    pub test: Expr,
    pub then: Expr,
    pub otherwise: Option<Expr>,
}

/// Constants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Const {
    None,
    Bool(bool),
    /// Decimal digits of any number.
    Int(String),
    Float(f64),
    Str(String),
}

/// Arguments of a call, a filter or a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Args {
    pub positional: Vec<Expr>,
    pub keyword: Vec<(String, Expr)>,
    pub star: Option<Box<Expr>>,
    pub double_star: Option<Box<Expr>>,
}

impl Args {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.keyword.is_empty() && self.star.is_none() && self.double_star.is_none()
    }

    /// All expressions in order of evaluation.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Expr> {
        self.positional
            .iter()
            .chain(self.keyword.iter().map(|(_, value)| value))
            .chain(self.star.as_deref())
            .chain(self.double_star.as_deref())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Neg,
    Pos,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// What a `for` or `set` assigns to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Name(String),
    /// `namespace.attribute`
    Member(String, String),
    Tuple(Vec<Target>),
}

impl Target {
    /// Calls `each` with every plain name that is bound.
    pub(crate) fn names(&self, each: &mut impl FnMut(&str)) {
        match self {
            Self::Name(name) => each(name),
            Self::Member(..) => {}
            Self::Tuple(targets) => targets.iter().for_each(|t| t.names(each)),
        }
    }
}

/// Parameters of a macro or call block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signature {
    pub names: Vec<String>,
    /// Defaults of the last parameters.
    pub defaults: Vec<Expr>,
}

/// A statement and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Stmt {
    /// Byte offset.
    pub at: u32,
    /// What it is.
    pub kind: StmtKind,
}

/// The kinds of statements.
#[derive(Debug, Clone)]
pub(crate) enum StmtKind {
    Text(String),
    Print(Vec<Expr>),
    For(Box<ForLoop>),
    If {
        /// `if` and each `elif`.
        branches: Vec<(Expr, Vec<Stmt>)>,
        otherwise: Vec<Stmt>,
    },
    Set(Target, Expr),
    SetBlock {
        target: Target,
        filter: Option<Expr>,
        body: Vec<Stmt>,
    },
    With {
        bindings: Vec<(Target, Expr)>,
        body: Vec<Stmt>,
    },
    Macro {
        name: String,
        signature: Signature,
        body: Vec<Stmt>,
    },
    CallBlock {
        call: Expr,
        signature: Signature,
        body: Vec<Stmt>,
    },
    FilterBlock(Expr, Vec<Stmt>),
    Block {
        name: String,
        body: Vec<Stmt>,
    },
    AutoEscape(Expr, Vec<Stmt>),
}

/// A `for` statement.
#[derive(Debug, Clone)]
pub(crate) struct ForLoop {
    pub target: Target,
    pub iter: Expr,
    pub filter: Option<Expr>,
    pub recursive: bool,
    pub body: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
}
