//! Statements: `{% … %}`, and what stands between two of them.

use super::super::ast::{Application, Expr, ExprKind, ForLoop, Statement, Target};
use super::super::error::ExpressionError;
use super::super::lexer::Token;
use super::super::nearest;
use super::Parser;

/// All statements.
const STATEMENTS: &[&str] = &["autoescape", "do", "filter", "for", "if", "raw", "set", "with"];

/// Statements of Jinja that are not here, and what to write instead.
const ABSENT: &[(&str, &str)] = &[
    ("block", "a template stands alone: write what the block says where it is needed"),
    ("break", "loop over the items that you want: `{% for x in list if condition %}`, or `list[:10]`"),
    ("call", "there are no macros: write the text where it is needed"),
    ("continue", "loop over the items that you want: `{% for x in list if condition %}`"),
    ("extends", "a template stands alone: write its text here"),
    ("from", "a template stands alone: write its text here"),
    ("import", "a template stands alone: write its text here"),
    ("include", "a template stands alone: write its text here"),
    ("macro", "there are no macros: keep a text by `{% set name %}…{% endset %}`"),
    ("trans", "there are no translations: write the text itself"),
];

/// Names that no template can give to a value.
const RESERVED: &[&str] = &["true", "True", "false", "False", "none", "None", "loop", "self"];

impl<'s> Parser<'s> {
    /// Everything up to a tag with one of these names, and which it was; or up to the end, if there are none.
    pub(super) fn statements(
        &mut self,
        ends: &[&str],
    ) -> Result<(Vec<Statement>, Option<&'s str>), ExpressionError> {
        let mut statements = Vec::new();
        loop {
            let position = self.position;
            match self.advance()? {
                Token::Raw(text) => statements.push(Statement::Raw(text.into())),
                Token::EmitStart => {
                    statements.push(Statement::Emit(self.expression()?));
                    self.expect(&Token::EmitEnd)?;
                }
                Token::TagStart => match self.token {
                    Token::Name(name) if ends.contains(&name) => {
                        self.advance()?;
                        return Ok((statements, Some(name)));
                    }
                    _ => {
                        statements.push(self.nested(Self::statement)?);
                        self.expect(&Token::TagEnd)?;
                    }
                },
                _ if ends.is_empty() => return Ok((statements, None)),
                _ => {
                    return self.error(
                        position,
                        &format!("unexpected end, expected `{{% {} %}}`", ends.join(" %}` or `{% ")),
                    );
                }
            }
        }
    }

    fn expect(&mut self, token: &Token<'_>) -> Result<(), ExpressionError> {
        if self.token == *token { self.advance().map(|_| ()) } else { self.unexpected(&token.to_string()) }
    }

    /// What a statement holds: everything between the end of its tag and its last tag.
    fn body(&mut self, ends: &[&str]) -> Result<(Vec<Statement>, &'s str), ExpressionError> {
        self.expect(&Token::TagEnd)?;
        let (body, end) = self.statements(ends)?;
        Ok((body, end.unwrap_or_default()))
    }

    fn statement(&mut self) -> Result<Statement, ExpressionError> {
        let position = self.position;
        let name = self.expect_name()?;
        match name {
            "for" => self.for_loop(),
            "if" => self.branches(),
            "with" => self.with(),
            "set" => self.set(),
            "filter" => {
                let filters = self.filters()?;
                Ok(Statement::FilterBlock(filters, self.body(&["endfilter"])?.0))
            }
            "autoescape" => self.autoescape(),
            "do" => {
                let call = self.expression()?;
                match call.kind {
                    ExprKind::Call(_) | ExprKind::Method(..) => Ok(Statement::Do(call)),
                    _ => self.error(call.position, "`do` takes the call of a function or method"),
                }
            }
            _ => {
                let instead = ABSENT.iter().find(|(absent, _)| *absent == name).map(|(_, instead)| *instead);
                let near = || nearest(name, STATEMENTS).map(|near| format!("did you mean `{near}`?"));
                let known = || format!("there are {}", STATEMENTS.join(", "));
                let hint = instead.map(ToOwned::to_owned).or_else(near).unwrap_or_else(known);
                self.error(position, &format!("unknown statement `{name}`; {hint}"))
            }
        }
    }

    fn for_loop(&mut self) -> Result<Statement, ExpressionError> {
        let target = self.targets(false)?;
        if !self.skip_word("in")? {
            return self.unexpected("`in`");
        }
        let of = self.without_if()?;
        let only_if = if self.skip_word("if")? { Some(self.expression()?) } else { None };
        let is_recursive = self.skip_word("recursive")?;
        let (body, end) = self.body(&["endfor", "else"])?;
        let otherwise = if end == "else" { self.body(&["endfor"])?.0 } else { Vec::new() };
        Ok(Statement::For(Box::new(ForLoop { target, of, only_if, is_recursive, body, otherwise })))
    }

    fn branches(&mut self) -> Result<Statement, ExpressionError> {
        let mut branches = Vec::new();
        loop {
            let condition = self.without_if()?;
            let (body, end) = self.body(&["endif", "else", "elif"])?;
            branches.push((condition, body));
            match end {
                "elif" => {}
                "else" => return Ok(Statement::If(branches, self.body(&["endif"])?.0)),
                _ => return Ok(Statement::If(branches, Vec::new())),
            }
        }
    }

    fn with(&mut self) -> Result<Statement, ExpressionError> {
        let mut assignments = Vec::new();
        while self.token != Token::TagEnd {
            if !assignments.is_empty() {
                self.expect_sign(",")?;
            }
            let target = self.target(false)?;
            self.expect_sign("=")?;
            assignments.push((target, self.expression()?));
        }
        Ok(Statement::With(assignments, self.body(&["endwith"])?.0))
    }

    fn set(&mut self) -> Result<Statement, ExpressionError> {
        let target = self.targets(true)?;
        if self.token == Token::TagEnd || self.is_sign("|") {
            let filters = if self.skip_sign("|")? { self.filters()? } else { Vec::new() };
            return Ok(Statement::SetBlock(target, filters, self.body(&["endset"])?.0));
        }
        self.expect_sign("=")?;
        let position = self.position;
        let first = self.expression()?;
        if !self.is_sign(",") {
            return Ok(Statement::Set(target, first));
        }
        let mut items = vec![first];
        while self.skip_sign(",")? && self.token != Token::TagEnd {
            items.push(self.expression()?);
        }
        Ok(Statement::Set(target, Expr::new(ExprKind::List(items), position)?))
    }

    /// There is no markup here, and so nothing to escape: it is the same as `with`.
    fn autoescape(&mut self) -> Result<Statement, ExpressionError> {
        let position = self.position;
        let mode = self.expression()?;
        let is_known = match mode.as_constant().and_then(|mode| mode.as_text()) {
            Some(mode) => matches!(mode, "html" | "json" | "none"),
            None => mode.as_constant().is_some(),
        };
        if !is_known {
            return self.error(position, "`autoescape` takes `true` or `false`; there is no markup here");
        }
        let (body, _) = self.body(&["endautoescape"])?;
        Ok(Statement::If(vec![(Expr::constant(super::Value::Bool(true), position), body)], Vec::new()))
    }

    /// `name(…) | name(…)`
    fn filters(&mut self) -> Result<Vec<Application>, ExpressionError> {
        let mut filters = vec![self.application()?];
        while self.skip_sign("|")? {
            filters.push(self.application()?);
        }
        Ok(filters)
    }

    /// `a`, or `a, (b, c)`
    fn targets(&mut self, may_be_field: bool) -> Result<Target, ExpressionError> {
        let first = self.target(may_be_field)?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip_sign(",")? {
            let is_end =
                self.is_sign(")") || self.is_word("in") || self.is_sign("=") || self.token == Token::TagEnd;
            if is_end {
                break;
            }
            targets.push(self.target(may_be_field)?);
        }
        Ok(Target::Unpack(targets))
    }

    fn target(&mut self, may_be_field: bool) -> Result<Target, ExpressionError> {
        if self.is_sign("(") {
            return self.nested(|parser| {
                parser.expect_sign("(")?;
                let targets = parser.targets(may_be_field)?;
                parser.expect_sign(")").map(|()| targets)
            });
        }
        let position = self.position;
        let name = self.expect_name()?;
        if RESERVED.contains(&name) {
            return self.error(position, &format!("`{name}` cannot be given a value"));
        }
        if may_be_field && self.skip_sign(".")? {
            return Ok(Target::Field(name.into(), self.expect_name()?.into()));
        }
        Ok(Target::Name(name.into()))
    }
}
