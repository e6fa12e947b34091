//! Statements, mostly as they stand.

use super::Writer;
use crate::syntax::ast::{Args, Expr, ExprKind, ForLoop, Signature, Stmt, StmtKind, Target};
use crate::syntax::walk::{Node, walk, walk_expr};

impl Writer {
    pub(super) fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        let at = statement.at;
        match &statement.kind {
            StmtKind::Text(text) => self.raw(at, text),
            StmtKind::Print(printed) => {
                for expr in printed {
                    self.open("{{ ", expr.at);
                    self.printed(expr);
                    self.out.push_str(" }}");
                }
            }
            StmtKind::For(each) => self.for_loop(at, each),
            StmtKind::If { branches, otherwise } => self.condition(at, branches, otherwise),
            StmtKind::Set(target, value) => self.set(at, target, value),
            StmtKind::SetBlock { target, filter, body } => self.set_block(at, target, (filter.as_ref(), body)),
            StmtKind::With { bindings, body } => self.with(at, bindings, body),
            StmtKind::Macro { name, signature, body } => self.macro_(at, name, (signature, body)),
            StmtKind::CallBlock { call, signature, body } => self.call_block(at, call, (signature, body)),
            StmtKind::FilterBlock(filter, body) => {
                self.open("{% filter ", at);
                self.expr(filter);
                self.out.push_str("|__text_only");
                self.close();
                self.scoped(body);
                self.out.push_str("{% endfilter %}");
            }
            StmtKind::Block { name, body, .. } => {
                self.tag(at, &format!("block {name}"));
                self.statements(body);
                self.out.push_str("{% endblock %}");
            }
            StmtKind::AutoEscape(enabled, body) => {
                self.open("{% autoescape ", at);
                self.operand(enabled);
                self.out.push_str("|__bool");
                self.close();
                self.statements(body);
                self.out.push_str("{% endautoescape %}");
            }
        }
    }

    fn open(&mut self, tag: &str, at: u32) {
        self.begin(at);
        self.out.push_str(tag);
    }

    fn close(&mut self) {
        self.out.push_str(" %}");
    }

    fn tag(&mut self, at: u32, content: &str) {
        self.open("{% ", at);
        self.out.push_str(content);
        self.close();
    }

    /// Statements whose names end with them, as those of captured bodies do.
    fn scoped(&mut self, body: &[Stmt]) {
        let binds = |statement: &Stmt| {
            use StmtKind::{If, Macro, Set, SetBlock};
            matches!(statement.kind, Set(..) | SetBlock { .. } | Macro { .. } | If { .. })
        };
        if !body.iter().any(binds) {
            return self.statements(body);
        }
        self.out.push_str("{% with %}");
        self.statements(body);
        self.out.push_str("{% endwith %}");
    }

    /// Text, unless it would be read as a tag.
    fn raw(&mut self, at: u32, text: &str) {
        let brace = ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag));
        if brace || text.ends_with('{') {
            self.open("{{ ", at);
            self.text(text);
            self.out.push_str("|__text }}");
            return;
        }
        self.out.push_str(text);
    }

    fn for_loop(&mut self, at: u32, each: &ForLoop) {
        self.open("{% for ", at);
        self.target(&each.target);
        self.out.push_str(" in ");
        match &each.target {
            Target::Tuple(targets) => {
                self.operand(&each.iter);
                let rows = format!("|__rows({})", targets.len());
                self.out.push_str(&rows);
                self.done(each.iter.at, [Some(&each.iter)], None);
            }
            _ => self.walked(&each.iter),
        }
        if let Some(filter) = &each.filter {
            self.out.push_str(" if ");
            self.tested(filter);
        }
        if each.recursive {
            self.out.push_str(" recursive");
        }
        self.close();
        self.statements(&each.body);
        if !each.otherwise.is_empty() {
            self.out.push_str("{% else %}");
            self.statements(&each.otherwise);
        }
        self.out.push_str("{% endfor %}");
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.out.push_str(name),
            Target::Member(namespace, name) => {
                self.out.push_str(namespace);
                self.out.push('.');
                self.out.push_str(name);
            }
            Target::Tuple(targets) => {
                for (i, target) in targets.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(", ");
                    }
                    let nested = matches!(target, Target::Tuple(_));
                    if nested {
                        self.out.push('(');
                    }
                    self.target(target);
                    if nested {
                        self.out.push(')');
                    }
                }
                if targets.len() == 1 {
                    self.out.push(',');
                }
            }
        }
    }

    fn condition(&mut self, at: u32, branches: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) {
        for (i, (test, body)) in branches.iter().enumerate() {
            self.open(if i == 0 { "{% if " } else { "{% elif " }, test.at.max(at));
            self.tested(test);
            self.close();
            self.statements(body);
        }
        if !otherwise.is_empty() {
            self.out.push_str("{% else %}");
            self.statements(otherwise);
        }
        self.out.push_str("{% endif %}");
    }

    fn set(&mut self, at: u32, target: &Target, value: &Expr) {
        match target {
            Target::Name(name) => {
                self.open("{% set ", at);
                self.out.push_str(name);
                self.out.push_str(" = ");
                self.expr(value);
                self.close();
            }
            Target::Member(namespace, member) => {
                self.assign(at, (namespace, member), |lowering| lowering.expr(value));
            }
            Target::Tuple(_) => {
                let row = self.temporary();
                self.open("{% set ", at);
                self.out.push_str(&row);
                self.out.push_str(" = ");
                self.expr(value);
                self.close();
                self.spread(at, target, (&row, Some(value)));
            }
        }
    }

    /// Assigns to a member of a namespace what `value` writes.
    fn assign(&mut self, at: u32, (namespace, member): (&str, &str), value: impl FnOnce(&mut Self)) {
        let nothing = self.temporary();
        self.open("{% set ", at);
        self.out.push_str(&nothing);
        self.out.push_str(" = ");
        self.out.push_str(namespace);
        self.out.push_str("|__assign(");
        self.text(member);
        self.out.push_str(", ");
        value(self);
        self.out.push(')');
        let namespace = Expr { at, height: 1, kind: ExprKind::Name(namespace.to_owned()) };
        self.done(at, [Some(&namespace)], None);
        self.close();
    }

    /// Assigns the items of the variable `row`, which holds the value of an expression if that is
    /// known, to the parts of `target`.
    fn spread(&mut self, at: u32, target: &Target, (row, value): (&str, Option<&Expr>)) {
        let Target::Tuple(targets) = target else {
            return;
        };
        let names: Vec<String> = targets.iter().map(|_| self.temporary()).collect();
        self.open("{% set ", at);
        self.out.push_str(&names.join(", "));
        if names.len() == 1 {
            self.out.push(',');
        }
        let unpack = format!(" = {row}|__unpack({})", names.len());
        self.out.push_str(&unpack);
        self.done(at, [value], None);
        self.close();
        for (target, name) in targets.iter().zip(names) {
            match target {
                Target::Name(bound) => self.tag(at, &format!("set {bound} = {name}")),
                Target::Member(namespace, member) => {
                    self.assign(at, (namespace, member), |lowering| lowering.out.push_str(&name));
                }
                Target::Tuple(_) => self.spread(at, target, (&name, None)),
            }
        }
    }

    fn set_block(&mut self, at: u32, target: &Target, (filter, body): (Option<&Expr>, &[Stmt])) {
        let (name, member) = match target {
            Target::Name(name) => (name.clone(), None),
            _ => (self.temporary(), Some(target)),
        };
        self.open("{% set ", at);
        self.out.push_str(&name);
        if let Some(filter) = filter {
            self.out.push_str(" | ");
            self.expr(filter);
        }
        self.close();
        self.scoped(body);
        self.out.push_str("{% endset %}");
        match member {
            Some(Target::Member(namespace, member)) => {
                self.assign(at, (namespace, member), |lowering| lowering.out.push_str(&name));
            }
            Some(target) => self.spread(at, target, (&name, None)),
            None => {}
        }
    }

    /// Values of `with` are worked out before any of its names is bound.
    fn with(&mut self, at: u32, bindings: &[(Target, Expr)], body: &[Stmt]) {
        let names: Vec<String> = bindings.iter().map(|_| self.temporary()).collect();
        self.open("{% with ", at);
        for (i, ((_, value), name)) in bindings.iter().zip(&names).enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.out.push_str(name);
            self.out.push_str(" = ");
            self.expr(value);
        }
        self.close();
        for ((target, value), name) in bindings.iter().zip(&names) {
            match target {
                Target::Name(bound) => self.tag(at, &format!("set {bound} = {name}")),
                _ => self.spread(at, target, (name, Some(value))),
            }
        }
        self.statements(body);
        self.out.push_str("{% endwith %}");
    }

    fn macro_(&mut self, at: u32, name: &str, (signature, body): (&Signature, &[Stmt])) {
        let uses = Uses::of(signature, body);
        let mut parameters = signature.names.clone();
        let special = uses.varargs || uses.kwargs;
        let wrapped = special || self.full_macros || !signature.defaults.is_empty();
        if special {
            parameters.extend(["varargs".into(), "kwargs".into()]);
        }
        let head = format!("macro {name}({})", parameters.join(", "));
        self.tag(at, &head);
        self.defaults(at, signature, "__missing");
        self.statements(body);
        self.out.push_str("{% endmacro %}");
        if wrapped {
            let (parameters, defaults) = (signature.names.len(), signature.defaults.len());
            let Uses { varargs, kwargs } = uses;
            self.tag(at, &format!("set {name} = {name}|__macro({parameters}, {defaults}, {varargs}, {kwargs})"));
        }
    }

    /// Defaults are worked out when the macro runs, so that they may use the
    /// parameters before them.
    fn defaults(&mut self, at: u32, signature: &Signature, test: &str) {
        let first = signature.names.len() - signature.defaults.len();
        for (name, default) in signature.names[first..].iter().zip(&signature.defaults) {
            self.tag(at, &format!("if {name} is {test}"));
            self.open("{% set ", default.at);
            self.out.push_str(name);
            self.out.push_str(" = ");
            self.expr(default);
            self.close();
            self.out.push_str("{% endif %}");
        }
    }

    fn call_block(&mut self, at: u32, call: &Expr, (signature, body): (&Signature, &[Stmt])) {
        let ExprKind::Call(callee, args) = &call.kind else {
            return;
        };
        let name = match &callee.kind {
            ExprKind::Name(name) => name.clone(),
            _ => {
                let name = self.temporary();
                self.open("{% set ", at);
                self.out.push_str(&name);
                self.out.push_str(" = ");
                self.expr(callee);
                self.close();
                name
            }
        };
        self.open("{% call(", at);
        self.out.push_str(&signature.names.join(", "));
        self.out.push_str(") ");
        self.out.push_str(&name);
        self.caller_args(args);
        self.close();
        self.defaults(at, signature, "__undefined");
        self.statements(body);
        self.out.push_str("{% endcall %}");
    }

    fn caller_args(&mut self, args: &Args) {
        self.call_args(args);
    }
}

/// What a macro takes beyond its parameters.
#[derive(Debug, Default, Clone, Copy)]
struct Uses {
    varargs: bool,
    kwargs: bool,
}

impl Uses {
    fn of(signature: &Signature, body: &[Stmt]) -> Self {
        let mut uses = Self::default();
        let mut meet = |node: Node<'_>| {
            if let Node::Expr(Expr { kind: ExprKind::Name(name), .. }) = node {
                uses.varargs |= name == "varargs";
                uses.kwargs |= name == "kwargs";
            }
        };
        walk(body, &mut meet);
        signature.defaults.iter().for_each(|default| walk_expr(default, &mut meet));
        uses
    }
}
