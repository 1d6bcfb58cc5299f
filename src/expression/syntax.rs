//! The syntax tree of a template as a list: every expression in it, and every name that it gives to a value.
//!
//! It decides nothing.

use minijinja::machinery::ast::{Call, CallArg, Expr, Stmt};

/// All expressions in a template, each before the parts of it, with how deep it nests in others.
pub(super) fn expressions<'a, 's>(template: &'a Stmt<'s>) -> Vec<(&'a Expr<'s>, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(&Expr, usize)> = outermost(template).into_iter().rev().map(|expr| (expr, 0)).collect();
    while let Some((expr, depth)) = open.pop() {
        found.push((expr, depth));
        open.extend(parts(expr).into_iter().rev().map(|part| (part, depth + 1)));
    }
    found
}

/// The names that a template gives to values of its own: in loops, `set` and `with`.
pub(super) fn assigned<'s>(template: &Stmt<'s>) -> Vec<&'s str> {
    let mut names = Vec::new();
    let mut targets: Vec<&Expr<'s>> = Vec::new();
    for statement in statements(template) {
        match statement {
            Stmt::ForLoop(node) => targets.push(&node.target),
            Stmt::Set(node) => targets.push(&node.target),
            Stmt::SetBlock(node) => targets.push(&node.target),
            Stmt::WithBlock(node) => targets.extend(node.assignments.iter().map(|(target, _)| target)),
            _ => {}
        }
    }
    while let Some(target) = targets.pop() {
        match target {
            Expr::Var(node) => names.push(node.id),
            Expr::List(node) => targets.extend(&node.items),
            Expr::Tuple(node) => targets.extend(&node.items),
            _ => {}
        }
    }
    names
}

/// The calls that are statements: `{% do … %}`.
pub(super) fn statement_calls<'a, 's>(template: &'a Stmt<'s>) -> Vec<&'a Call<'s>> {
    let call = |statement: &'a Stmt<'s>| match statement {
        Stmt::Do(node) => Some(&*node.call),
        _ => None,
    };
    statements(template).into_iter().filter_map(call).collect()
}

/// All statements in a template, itself among them.
fn statements<'a, 's>(template: &'a Stmt<'s>) -> Vec<&'a Stmt<'s>> {
    let mut found = Vec::new();
    let mut open = vec![template];
    while let Some(statement) = open.pop() {
        found.push(statement);
        match statement {
            Stmt::Template(node) => open.extend(node.children.iter().rev()),
            Stmt::ForLoop(node) => open.extend(node.body.iter().chain(&node.else_body).rev()),
            Stmt::IfCond(node) => open.extend(node.true_body.iter().chain(&node.false_body).rev()),
            Stmt::WithBlock(node) => open.extend(node.body.iter().rev()),
            Stmt::SetBlock(node) => open.extend(node.body.iter().rev()),
            Stmt::AutoEscape(node) => open.extend(node.body.iter().rev()),
            Stmt::FilterBlock(node) => open.extend(node.body.iter().rev()),
            Stmt::EmitExpr(_) | Stmt::EmitRaw(_) | Stmt::Set(_) | Stmt::Do(_) => {}
        }
    }
    found
}

/// The expressions that are part of no other; targets of assignments are not among them.
pub(super) fn outermost<'a, 's>(template: &'a Stmt<'s>) -> Vec<&'a Expr<'s>> {
    let mut found = Vec::new();
    for statement in statements(template) {
        match statement {
            Stmt::EmitExpr(node) => found.push(&node.expr),
            Stmt::ForLoop(node) => {
                found.push(&node.iter);
                found.extend(&node.filter_expr);
            }
            Stmt::IfCond(node) => found.push(&node.expr),
            Stmt::WithBlock(node) => found.extend(node.assignments.iter().map(|(_, value)| value)),
            Stmt::Set(node) => found.push(&node.expr),
            Stmt::SetBlock(node) => found.extend(&node.filter),
            Stmt::AutoEscape(node) => found.push(&node.enabled),
            Stmt::FilterBlock(node) => found.push(&node.filter),
            Stmt::Do(node) => found.extend(node.call.args.iter().map(argument)),
            Stmt::Template(_) | Stmt::EmitRaw(_) => {}
        }
    }
    found
}

/// The value of an argument, however it is given.
pub(super) fn argument<'a, 's>(argument: &'a CallArg<'s>) -> &'a Expr<'s> {
    match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    }
}

/// The expressions of which another is made, in their order.
pub(super) fn parts<'a, 's>(expr: &'a Expr<'s>) -> Vec<&'a Expr<'s>> {
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(node) => {
            let bounds = [&node.start, &node.stop, &node.step];
            std::iter::once(&node.expr).chain(bounds.into_iter().flatten()).collect()
        }
        Expr::UnaryOp(node) => vec![&node.expr],
        Expr::BinOp(node) => vec![&node.left, &node.right],
        Expr::Compare(node) => {
            std::iter::once(&node.expr).chain(node.ops.iter().map(|next| &next.expr)).collect()
        }
        Expr::IfExpr(node) => {
            [&node.true_expr, &node.test_expr].into_iter().chain(&node.false_expr).collect()
        }
        Expr::Filter(node) => node.expr.iter().chain(node.args.iter().map(argument)).collect(),
        Expr::Test(node) => std::iter::once(&node.expr).chain(node.args.iter().map(argument)).collect(),
        Expr::GetAttr(node) => vec![&node.expr],
        Expr::GetItem(node) => vec![&node.expr, &node.subscript_expr],
        Expr::Call(node) => std::iter::once(&node.expr).chain(node.args.iter().map(argument)).collect(),
        Expr::List(node) => node.items.iter().collect(),
        Expr::Tuple(node) => node.items.iter().collect(),
        Expr::Map(node) => node.keys.iter().chain(&node.values).collect(),
    }
}
