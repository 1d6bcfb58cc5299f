//! Templates whose operators and methods are calls of our functions.
//!
//! The engine's own operators are lenient, and it evaluates constants while it compiles (`'5' * 2` became `'55'`). A
//! call is neither: so the syntax tree is copied, with a call for each operator and method, before it is compiled.

use minijinja::Value;
use minijinja::machinery::ast::{
    AutoEscape, BinOp, BinOpKind, Call, CallArg, CallType, Compare, CompareOp, CompareOpKind, Const, Do,
    EmitExpr, EmitRaw, Expr, Filter, FilterBlock, ForLoop, GetAttr, GetItem, IfCond, IfExpr, List, Map, Set,
    SetBlock, Spanned, Stmt, Template, Test, Tuple, UnaryOp, UnaryOpKind, Var, WithBlock,
};
use minijinja::machinery::{CodeGenerator, Instructions, Span};

use super::methods;
use super::whole::Whole;

/// The engine's instructions for a template, made strict.
pub(super) fn compiled<'source>(
    template: &Stmt<'source>,
    name: &'source str,
    source: &'source str,
) -> Instructions<'source> {
    let mut generator = CodeGenerator::new(name, source);
    generator.compile_stmt(&Copier { replaced: &[] }.statement(template));
    generator.finish().0
}

/// The instructions that leave the value of one expression in the variable `result`. The `replaced` parts of it are
/// the variable [`OPERAND`].
pub(super) fn compiled_expression<'source>(
    expression: &Expr<'source>,
    replaced: &[&Expr<'source>],
    result: &'source str,
    name: &'source str,
) -> Instructions<'source> {
    let span = expression.span();
    let expr = Copier { replaced }.expression(expression);
    let set = Stmt::Set(Spanned::new(Set { target: variable(result, span), expr }, span));
    let mut generator = CodeGenerator::new(name, "");
    generator.compile_stmt(&set);
    generator.finish().0
}

/// A copy of an argument.
pub(super) fn copied<'source>(argument: &CallArg<'source>) -> CallArg<'source> {
    Copier { replaced: &[] }.argument(argument)
}

/// The variable that stands for a part of an expression.
pub(super) const OPERAND: &str = "__operand";

/// Copies a syntax tree.
struct Copier<'a, 's> {
    /// What becomes the variable [`OPERAND`].
    replaced: &'a [&'a Expr<'s>],
}

/// The same node at its place.
macro_rules! same {
    ($kind:path, $node:expr, $copy:expr) => {
        $kind(Spanned::new($copy, $node.span()))
    };
}

impl<'s> Copier<'_, 's> {
    fn statements(&self, statements: &[Stmt<'s>]) -> Vec<Stmt<'s>> {
        statements.iter().map(|it| self.statement(it)).collect()
    }

    fn statement(&self, stmt: &Stmt<'s>) -> Stmt<'s> {
        match stmt {
            Stmt::Template(node) => {
                same!(Stmt::Template, node, Template { children: self.statements(&node.children) })
            }
            Stmt::EmitExpr(node) => {
                same!(Stmt::EmitExpr, node, EmitExpr { expr: self.expression(&node.expr) })
            }
            Stmt::EmitRaw(node) => same!(Stmt::EmitRaw, node, EmitRaw { raw: node.raw }),
            Stmt::ForLoop(node) => same!(
                Stmt::ForLoop,
                node,
                ForLoop {
                    target: self.expression(&node.target),
                    iter: self.expression(&node.iter),
                    filter_expr: node.filter_expr.as_ref().map(|it| self.expression(it)),
                    recursive: node.recursive,
                    body: self.statements(&node.body),
                    else_body: self.statements(&node.else_body),
                }
            ),
            Stmt::IfCond(node) => same!(
                Stmt::IfCond,
                node,
                IfCond {
                    expr: self.expression(&node.expr),
                    true_body: self.statements(&node.true_body),
                    false_body: self.statements(&node.false_body),
                }
            ),
            Stmt::WithBlock(node) => same!(
                Stmt::WithBlock,
                node,
                WithBlock {
                    assignments: node
                        .assignments
                        .iter()
                        .map(|(to, value)| (self.expression(to), self.expression(value)))
                        .collect(),
                    body: self.statements(&node.body),
                }
            ),
            Stmt::Set(node) => {
                same!(
                    Stmt::Set,
                    node,
                    Set { target: self.expression(&node.target), expr: self.expression(&node.expr) }
                )
            }
            Stmt::SetBlock(node) => same!(
                Stmt::SetBlock,
                node,
                SetBlock {
                    target: self.expression(&node.target),
                    filter: node.filter.as_ref().map(|it| self.expression(it)),
                    body: self.statements(&node.body),
                }
            ),
            Stmt::AutoEscape(node) => same!(
                Stmt::AutoEscape,
                node,
                AutoEscape { enabled: self.expression(&node.enabled), body: self.statements(&node.body) }
            ),
            Stmt::FilterBlock(node) => same!(
                Stmt::FilterBlock,
                node,
                FilterBlock {
                    filter: self.expression(&node.filter),
                    filter_span: node.filter_span,
                    body: self.statements(&node.body),
                }
            ),
            Stmt::Do(node) => {
                same!(Stmt::Do, node, Do { call: Spanned::new(self.called(&node.call), node.call.span()) })
            }
        }
    }

    /// The same expression with calls for operators and methods.
    fn expression(&self, expr: &Expr<'s>) -> Expr<'s> {
        if self.replaced.iter().any(|replaced| std::ptr::eq(*replaced, expr)) {
            return variable(OPERAND, expr.span());
        }
        match expr {
            Expr::Var(node) => same!(Expr::Var, node, Var { id: node.id }),
            Expr::Const(node) => same!(Expr::Const, node, Const { value: node.value.clone() }),
            Expr::Slice(node) => {
                let bound = |bound: &Option<Expr<'s>>| {
                    bound
                        .as_ref()
                        .map_or_else(|| constant(Value::from(()), node.span()), |it| self.expression(it))
                };
                let operands = vec![
                    self.expression(&node.expr),
                    bound(&node.start),
                    bound(&node.stop),
                    bound(&node.step),
                ];
                call("operator [:]", operands, node.span())
            }
            Expr::UnaryOp(node) => self.unary(node),
            Expr::BinOp(node) => {
                let (left, right) = (self.expression(&node.left), self.expression(&node.right));
                match binary(node.op) {
                    Some(name) => call(name, vec![left, right], node.span()),
                    None => same!(Expr::BinOp, node, BinOp { op: node.op, left, right }),
                }
            }
            Expr::Compare(node) => self.compare(node),
            Expr::IfExpr(node) => same!(
                Expr::IfExpr,
                node,
                IfExpr {
                    test_expr: self.expression(&node.test_expr),
                    true_expr: self.expression(&node.true_expr),
                    false_expr: node.false_expr.as_ref().map(|it| self.expression(it)),
                }
            ),
            Expr::Filter(node) => same!(
                Expr::Filter,
                node,
                Filter {
                    name: node.name,
                    expr: node.expr.as_ref().map(|it| self.expression(it)),
                    args: self.arguments(&node.args),
                }
            ),
            Expr::Test(node) => same!(
                Expr::Test,
                node,
                Test { name: node.name, expr: self.expression(&node.expr), args: self.arguments(&node.args) }
            ),
            Expr::GetAttr(node) => {
                same!(Expr::GetAttr, node, GetAttr { expr: self.expression(&node.expr), name: node.name })
            }
            Expr::GetItem(node) => same!(
                Expr::GetItem,
                node,
                GetItem {
                    expr: self.expression(&node.expr),
                    subscript_expr: self.expression(&node.subscript_expr),
                }
            ),
            Expr::Call(node) => same!(Expr::Call, node, self.called(node)),
            Expr::List(node) => same!(Expr::List, node, List { items: self.expressions(&node.items) }),
            Expr::Tuple(node) => same!(Expr::Tuple, node, Tuple { items: self.expressions(&node.items) }),
            Expr::Map(node) => {
                same!(
                    Expr::Map,
                    node,
                    Map { keys: self.expressions(&node.keys), values: self.expressions(&node.values) }
                )
            }
        }
    }

    fn expressions(&self, items: &[Expr<'s>]) -> Vec<Expr<'s>> {
        items.iter().map(|it| self.expression(it)).collect()
    }

    fn arguments(&self, arguments: &[CallArg<'s>]) -> Vec<CallArg<'s>> {
        arguments.iter().map(|argument| self.argument(argument)).collect()
    }

    fn argument(&self, argument: &CallArg<'s>) -> CallArg<'s> {
        match argument {
            CallArg::Pos(value) => CallArg::Pos(self.expression(value)),
            CallArg::Kwarg(name, value) => CallArg::Kwarg(name, self.expression(value)),
            CallArg::PosSplat(value) => CallArg::PosSplat(self.expression(value)),
            CallArg::KwargSplat(value) => CallArg::KwargSplat(self.expression(value)),
        }
    }

    /// `-5` is a number; any other minus is an operation.
    fn unary(&self, node: &Spanned<UnaryOp<'s>>) -> Expr<'s> {
        let operand = self.expression(&node.expr);
        if matches!(node.op, UnaryOpKind::Not) {
            return same!(Expr::UnaryOp, node, UnaryOp { op: UnaryOpKind::Not, expr: operand });
        }
        let constant_number = match &operand {
            Expr::Const(number) => negative(&number.value),
            _ => None,
        };
        match constant_number {
            Some(number) => constant(number, node.span()),
            None => call("operator -x", vec![operand], node.span()),
        }
    }

    /// A chain of comparisons stays one: [`find_mistakes`](super::Expressions) refuses it.
    fn compare(&self, node: &Spanned<Compare<'s>>) -> Expr<'s> {
        let left = self.expression(&node.expr);
        let [only] = node.ops.as_slice() else {
            let ops = node
                .ops
                .iter()
                .map(|next| CompareOp { op: next.op, expr: self.expression(&next.expr) })
                .collect();
            return same!(Expr::Compare, node, Compare { expr: left, ops });
        };
        let name = match only.op {
            CompareOpKind::Eq => "operator ==",
            CompareOpKind::Ne => "operator !=",
            CompareOpKind::Lt => "operator <",
            CompareOpKind::Lte => "operator <=",
            CompareOpKind::Gt => "operator >",
            CompareOpKind::Gte => "operator >=",
            CompareOpKind::In | CompareOpKind::NotIn => "operator in",
        };
        let comparison = call(name, vec![left, self.expression(&only.expr)], node.span());
        match only.op {
            CompareOpKind::NotIn => {
                same!(Expr::UnaryOp, node, UnaryOp { op: UnaryOpKind::Not, expr: comparison })
            }
            _ => comparison,
        }
    }

    /// A method that we have is a function of the value before the point. Others are those of the engine's objects, such
    /// as `loop.cycle`.
    fn called(&self, node: &Spanned<Call<'s>>) -> Call<'s> {
        let known = match node.identify_call() {
            CallType::Method(value, name) => methods::function(name).map(|function| (function, value)),
            _ => None,
        };
        let Some((function, value)) = known else {
            return Call { expr: self.expression(&node.expr), args: self.arguments(&node.args) };
        };
        let mut args = vec![CallArg::Pos(self.expression(value))];
        args.extend(self.arguments(&node.args));
        Call { expr: variable(function, node.span()), args }
    }
}

fn variable(name: &str, span: Span) -> Expr<'_> {
    Expr::Var(Spanned::new(Var { id: name }, span))
}

fn constant<'s>(value: Value, span: Span) -> Expr<'s> {
    Expr::Const(Spanned::new(Const { value }, span))
}

fn call<'s>(function: &'static str, operands: Vec<Expr<'s>>, span: Span) -> Expr<'s> {
    let expr = variable(function, span);
    Expr::Call(Spanned::new(Call { expr, args: operands.into_iter().map(CallArg::Pos).collect() }, span))
}

fn negative(number: &Value) -> Option<Value> {
    match Whole::of(number) {
        Some(whole) => whole.negated().value(),
        None if number.is_number() => f64::try_from(number.clone()).ok().map(|real| Value::from(-real)),
        None => None,
    }
}

/// Our function for an operator. `and` and `or` stay the engine's: they are strict, and skip what they need not see.
fn binary(operator: BinOpKind) -> Option<&'static str> {
    Some(match operator {
        BinOpKind::ScAnd | BinOpKind::ScOr => return None,
        BinOpKind::Eq => "operator ==",
        BinOpKind::Ne => "operator !=",
        BinOpKind::Lt => "operator <",
        BinOpKind::Lte => "operator <=",
        BinOpKind::Gt => "operator >",
        BinOpKind::Gte => "operator >=",
        BinOpKind::Add => "operator +",
        BinOpKind::Sub => "operator -",
        BinOpKind::Mul => "operator *",
        BinOpKind::Div => "operator /",
        BinOpKind::FloorDiv => "operator //",
        BinOpKind::Rem => "operator %",
        BinOpKind::Pow => "operator **",
        BinOpKind::Concat => "operator ~",
        BinOpKind::In => "operator in",
    })
}
