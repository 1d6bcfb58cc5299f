//! Constants that can never be right: `'5' * 2`, `body.at | at_offset('Europe/Berlin')`.
//!
//! An expression of constants is evaluated. Where one part of it is a value of the event, it is evaluated with values
//! of every kind in that place: it is a mistake only if none of them is right.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{CallArg, CallType, Expr, Filter, Spanned, Stmt, Test, UnaryOpKind, Var};
use minijinja::machinery::{self, Instructions};
use minijinja::{AutoEscape, Error, ErrorKind, Value};

use super::super::program::{NAME, RESULT};
use super::super::strict::{OPERAND, compiled_expression, copied};
use super::super::syntax::{argument, outermost, parts};
use super::super::{Expressions, in_words, methods};

/// How many expressions in one template are evaluated. Real templates have a few; others go unchecked from here on.
const EVALUATED_MAX: usize = 64;

/// A number that is large, and exact as a fraction, too.
const LARGE: i64 = 1_000_000_000_000_000;

/// Values of every kind: each filter, test, operator and method takes at least one of them.
fn values() -> Vec<Value> {
    // Most take a number.
    let mut values = vec![Value::from(7)];
    let texts = ["2024-01-31T22:30:00Z", "2024-01-31", "12", "Aa", "aGk=", "[1]", "1d", "+01:00", "%Y"];
    values.extend(texts.into_iter().map(Value::from));
    values.extend([2, 0, LARGE, -LARGE].map(Value::from));
    values.push(Value::from(1.5));
    values.extend([Value::from(vec![1, 2]), Value::from(vec!["a", "b"])]);
    let object = Value::from_pairs([("a", Value::from("b"))]);
    values.extend([Value::from(vec![object.clone()]), object, Value::from(vec![vec!["a", "b"]])]);
    values.extend([Value::from(true), Value::from(())]);
    values
}

impl Expressions {
    pub(super) fn find_constant_mistakes(&self, template: &Stmt<'_>) -> Result<(), String> {
        let mut open = outermost(template);
        let mut evaluated = 0;
        while let Some(expr) = open.pop() {
            let is_done = match wrong_part(expr) {
                Wrong::Nothing => false,
                _ if evaluated >= EVALUATED_MAX => return Ok(()),
                Wrong::Itself => {
                    evaluated += 1;
                    self.check_constant(expr)?;
                    true
                }
                Wrong::With(replaced) => {
                    evaluated += 1;
                    self.check_with_values(expr, &replaced)?;
                    false
                }
            };
            if !is_done {
                open.extend(parts(expr));
            }
            if let Expr::Filter(node) = expr {
                evaluated += 1;
                self.check_of_items(node)?;
            }
        }
        Ok(())
    }

    fn check_constant(&self, expr: &Expr<'_>) -> Result<(), String> {
        match self.evaluated(&compiled_expression(expr, &[], RESULT, NAME), Value::UNDEFINED) {
            Err(error) if error.kind() != ErrorKind::UndefinedError => Err(always_fails(&in_words(&error))),
            _ => Ok(()),
        }
    }

    fn check_with_values(&self, expr: &Expr<'_>, replaced: &[&Expr<'_>]) -> Result<(), String> {
        let code = compiled_expression(expr, replaced, RESULT, NAME);
        let mut reasons: Vec<String> = Vec::new();
        let mut values = values();
        values.extend(self.written_by(expr));
        for value in values {
            match self.evaluated(&code, value) {
                Err(error) if error.kind() != ErrorKind::UndefinedError => {
                    reasons.push(in_words(&error).into_owned());
                }
                _ => return Ok(()),
            }
        }
        // The reason that is not about the kind of the value which stood in.
        let reason = reasons.iter().find(|reason| !reason.contains(", not ")).or(reasons.first());
        let reason = reason.map_or("it", |reason| reason.split(", not ").next().unwrap_or_default());
        Err(always_fails(reason))
    }

    /// A moment as the pattern of `strptime` writes it.
    fn written_by(&self, expr: &Expr<'_>) -> Option<Value> {
        let Expr::Filter(node) = expr else {
            return None;
        };
        let [CallArg::Pos(Expr::Const(pattern)) | CallArg::Kwarg(_, Expr::Const(pattern))] =
            node.args.as_slice()
        else {
            return None;
        };
        if node.name != "strptime" {
            return None;
        }
        let moment = Value::from("2024-01-31T22:30:00Z");
        self.environment.empty_state().apply_filter("strftime", &[moment, pattern.value.clone()]).ok()
    }

    /// What `map`, `select` and `selectattr` do to each item, by the name of a filter or test.
    fn check_of_items(&self, node: &Filter<'_>) -> Result<(), String> {
        let from_name = match node.name {
            "map" | "select" | "reject" => node.args.as_slice(),
            "selectattr" | "rejectattr" => node.args.get(1..).unwrap_or_default(),
            _ => return Ok(()),
        };
        let [CallArg::Pos(Expr::Const(name)), arguments @ ..] = from_name else {
            return Ok(());
        };
        let Some(inner) = name.value.as_str().filter(|_| !arguments.is_empty()) else {
            return Ok(());
        };
        if !arguments.iter().all(|argument| is_positional(argument) && is_constant(self::argument(argument)))
        {
            return Ok(());
        }
        let span = name.span();
        let item = Expr::Var(Spanned::new(Var { id: OPERAND }, span));
        let args: Vec<CallArg> = arguments.iter().map(copied).collect();
        let each = if node.name == "map" {
            Expr::Filter(Spanned::new(Filter { name: inner, expr: Some(item), args }, span))
        } else {
            Expr::Test(Spanned::new(Test { name: inner, expr: item, args }, span))
        };
        self.check_with_values(&each, &[])
    }

    fn evaluated(&self, code: &Instructions<'_>, operand: Value) -> Result<(), Error> {
        let (mut text, blocks) = (String::new(), BTreeMap::new());
        let mut output = machinery::make_string_output(&mut text);
        let values = Value::from_pairs([(OPERAND, operand)]);
        machinery::eval(&self.environment, code, values, &blocks, &mut output, AutoEscape::None).map(|_| ())
    }
}

fn always_fails(reason: &str) -> String {
    format!("{reason}; this fails for every event")
}

/// The part of an expression, if any, that may make it fail for every event.
enum Wrong<'a, 's> {
    Nothing,
    /// It is made of constants alone.
    Itself,
    /// All parts but these are constants.
    With(Vec<&'a Expr<'s>>),
}

fn wrong_part<'a, 's>(expr: &'a Expr<'s>) -> Wrong<'a, 's> {
    let Some(operands) = operands(expr) else {
        return Wrong::Nothing;
    };
    let (constant, open): (Vec<_>, Vec<_>) = operands.into_iter().partition(|operand| is_constant(operand));
    // All of a pattern's arguments may be of one kind; of other arguments that is not known.
    let is_pattern = matches!(expr, Expr::Filter(node) if node.name == "format");
    match (constant.len(), open.len()) {
        (0, _) => Wrong::Nothing,
        (_, 0) => Wrong::Itself,
        (_, 1) => Wrong::With(open),
        _ if is_pattern => Wrong::With(open),
        _ => Wrong::Nothing,
    }
}

/// The values that an operation takes; `None` for what is no operation, or takes a number of values that is unknown.
fn operands<'a, 's>(expr: &'a Expr<'s>) -> Option<Vec<&'a Expr<'s>>> {
    let with_arguments = |values: Vec<&'a Expr<'s>>, arguments: &'a [CallArg<'s>]| {
        let is_splat = |argument: &CallArg| matches!(argument, CallArg::PosSplat(_) | CallArg::KwargSplat(_));
        let arguments_known = !arguments.iter().any(is_splat);
        arguments_known.then(|| values.into_iter().chain(arguments.iter().map(argument)).collect())
    };
    match expr {
        // Which filter or test they apply is checked by itself.
        Expr::Filter(node)
            if matches!(node.name, "map" | "select" | "reject" | "selectattr" | "rejectattr" | "default") =>
        {
            None
        }
        // How many arguments a pattern takes is known where the pattern is.
        Expr::Filter(node) if node.name == "format" && !node.expr.as_ref().is_some_and(is_constant) => None,
        // Whether a pattern fits a text depends on both.
        Expr::Filter(node) if node.name == "strptime" && !node.args.iter().map(argument).all(is_constant) => {
            None
        }
        Expr::Filter(node) => with_arguments(vec![node.expr.as_ref()?], &node.args),
        Expr::Test(node) => with_arguments(vec![&node.expr], &node.args),
        Expr::Call(node) => match node.identify_call() {
            CallType::Method(value, name) => {
                // Whether `index` finds something depends on the text.
                methods::function(name).filter(|_| name != "index")?;
                with_arguments(vec![value], &node.args)
            }
            CallType::Function("range") => with_arguments(Vec::new(), &node.args),
            _ => None,
        },
        Expr::BinOp(node) => {
            use machinery::ast::BinOpKind::{ScAnd, ScOr};
            (!matches!(node.op, ScAnd | ScOr)).then(|| vec![&node.left, &node.right])
        }
        Expr::Compare(_) | Expr::Slice(_) => Some(parts(expr)),
        Expr::UnaryOp(node) => matches!(node.op, UnaryOpKind::Neg).then(|| vec![&node.expr]),
        _ => None,
    }
}

/// Whether an expression has the same value for every event.
fn is_constant(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(_) => true,
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) | Expr::IfExpr(_) => {
            parts(expr).into_iter().all(is_constant)
        }
        Expr::UnaryOp(_) | Expr::BinOp(_) => parts(expr).into_iter().all(is_constant),
        _ => operands(expr).is_some_and(|operands| operands.into_iter().all(is_constant)),
    }
}

/// Whether an argument is given by its place.
fn is_positional(argument: &CallArg<'_>) -> bool {
    matches!(argument, CallArg::Pos(_))
}
