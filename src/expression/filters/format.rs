//! `pattern | format(…)`: numbers and texts in a pattern of printf, as Python writes them.
//!
//! Widths are bounded and paid for before anything is written.

use super::super::arguments::Arguments;
use crate::value::error::{Error, refuse};
use crate::value::whole::Whole;
use crate::value::{TEXT_BYTES_MAX, Value, too_long, unfit};

/// What one conversion costs, in fuel.
const CONVERSION_FUEL: u64 = 8;

/// What writing all digits of a very large or very small fraction costs, in fuel: there are up to 1,074 of them.
const LONG_FRACTION_FUEL: u64 = 150;

/// The most digits after the point: no fraction has more.
const PRECISION_MAX: usize = 1_074;

/// Digits after the point where the pattern does not say how many.
const PRECISION_DEFAULT: usize = 6;

/// Fractions between these are written with few digits.
const SHORT_FRACTIONS: std::ops::Range<f64> = 1e-5..1e18;

/// `pattern | format(…)`
pub(super) fn format(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let Value::Text(pattern) = value else {
        return Err(unfit("format", "a text", value));
    };
    if !arguments.named.is_empty() {
        return Err(refuse("`format` takes its arguments in order, not by name"));
    }
    let mut bytes = arguments.own_text(value)?.len();
    for argument in &arguments.values {
        bytes += arguments.own_text(argument)?.len();
    }
    let mut writer = Writer { rest: pattern, next: 0, arguments, bytes, written: String::new() };
    while writer.conversion()? {}
    Ok(Value::text(&writer.written))
}

struct Writer<'a> {
    rest: &'a str,
    /// The argument that comes next.
    next: usize,
    arguments: &'a Arguments<'a>,
    /// The most that will be written.
    bytes: usize,
    written: String,
}

/// What stands between `%` and its letter.
#[derive(Default)]
struct Spec<'a> {
    /// Any of `#`, `0`, `-`, ` ` and `+`.
    flags: &'a str,
    width: usize,
    precision: Option<usize>,
}

impl<'a> Writer<'a> {
    /// Writes up to the next conversion, and that; whether there was one.
    fn conversion(&mut self) -> Result<bool, Error> {
        let Some((before, after)) = self.rest.split_once('%') else {
            self.written.push_str(self.rest);
            return Ok(false);
        };
        self.written.push_str(before);
        self.rest = after;
        if let Some(after) = self.rest.strip_prefix('%') {
            self.written.push('%');
            self.rest = after;
            return Ok(true);
        }
        let spec = self.spec()?;
        let letter = self.rest.chars().next().unwrap_or_default();
        self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        let is_fraction = matches!(letter, 'e' | 'E' | 'f' | 'F' | 'g' | 'G');
        self.pay(&spec, is_fraction)?;
        let value = self.argument()?;
        let text = match (letter, value) {
            ('d' | 'i' | 'o' | 'x' | 'X' | 's', Value::Int(_) | Value::Wide(_)) => {
                let number = Whole::of(value).ok_or_else(|| refused(letter))?;
                spec.number(number.is_negative(), &spec.digits(letter, number), letter)
            }
            ('c', Value::Int(code)) => {
                let character = u32::try_from(*code).ok().and_then(char::from_u32);
                spec.padded(&character.ok_or_else(|| refused(letter))?.to_string(), 1)
            }
            ('c', Value::Text(text)) if text.chars().count() == 1 => spec.padded(text, 1),
            ('s', Value::Real(number)) => spec.text(&shortest(*number)),
            ('s', Value::Text(_) | Value::Oversized(_)) => spec.text(&value.written()?),
            _ if is_fraction && value.is_number() => {
                let number = self.real(value)?;
                spec.number(number.is_sign_negative(), &spec.fraction(letter, number.abs()), letter)
            }
            _ => return Err(refused(letter)),
        };
        self.written.push_str(&text);
        Ok(true)
    }

    fn spec(&mut self) -> Result<Spec<'a>, Error> {
        let after = self.rest.trim_start_matches(['#', '0', '-', ' ', '+']);
        let flags = self.rest.get(..self.rest.len() - after.len()).unwrap_or_default();
        self.rest = after;
        let mut spec = Spec { flags, ..Spec::default() };
        spec.width = self.number()?.unwrap_or(0);
        if let Some(after) = self.rest.strip_prefix('.') {
            self.rest = after;
            spec.precision = self.number()?;
        }
        self.rest = self.rest.strip_prefix(['h', 'l', 'L']).unwrap_or(self.rest);
        Ok(spec)
    }

    /// A width or precision: digits, or `*` for that of the next argument.
    fn number(&mut self) -> Result<Option<usize>, Error> {
        if let Some(after) = self.rest.strip_prefix('*') {
            self.rest = after;
            let number = self.argument()?.index().and_then(|number| usize::try_from(number).ok());
            return number.map(Some).ok_or_else(|| refused('*'));
        }
        let after = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        let digits = self.rest.get(..self.rest.len() - after.len()).unwrap_or_default();
        self.rest = after;
        if digits.is_empty() { Ok(None) } else { Ok(Some(digits.parse().unwrap_or(usize::MAX))) }
    }

    fn argument(&mut self) -> Result<&'a Value, Error> {
        let argument = self.arguments.values.get(self.next);
        self.next += 1;
        argument.ok_or_else(|| refuse("`format` has fewer arguments than its pattern takes"))
    }

    fn pay(&mut self, spec: &Spec<'_>, is_fraction: bool) -> Result<(), Error> {
        self.arguments.fuel.spend(CONVERSION_FUEL)?;
        let precision = spec.precision.unwrap_or(0);
        if precision > PRECISION_MAX && is_fraction {
            return Err(refuse(format!("`format` writes at most {PRECISION_MAX} digits after the point")));
        }
        let width = spec.width.saturating_add(precision);
        self.bytes = self.bytes.saturating_add(width);
        if self.bytes > TEXT_BYTES_MAX {
            return Err(too_long());
        }
        self.arguments.fuel.spend_on_text(width)
    }

    /// A number as a fraction: with all its digits, or not at all.
    fn real(&self, value: &Value) -> Result<f64, Error> {
        let number = match value {
            Value::Real(number) => Some(*number),
            _ => Whole::of(value).and_then(Whole::real),
        };
        let number = number.ok_or_else(|| {
            refuse("`format`: a whole number of more than 53 bits has no exact fraction; use %d or %s")
        })?;
        if number != 0.0 && !SHORT_FRACTIONS.contains(&number.abs()) {
            self.arguments.fuel.spend(LONG_FRACTION_FUEL)?;
        }
        Ok(number)
    }
}

impl Spec<'_> {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// The digits of a whole number without its sign.
    fn digits(&self, letter: char, number: Whole) -> String {
        let magnitude = number.magnitude();
        match (letter, self.has('#')) {
            ('o', false) => format!("{magnitude:o}"),
            ('o', true) => format!("{magnitude:#o}"),
            ('x', false) => format!("{magnitude:x}"),
            ('x', true) => format!("{magnitude:#x}"),
            ('X', false) => format!("{magnitude:X}"),
            ('X', true) => format!("0X{magnitude:X}"),
            _ => magnitude.to_string(),
        }
    }

    /// The digits of a fraction without its sign.
    fn fraction(&self, letter: char, number: f64) -> String {
        let precision = self.precision.unwrap_or(PRECISION_DEFAULT);
        let pointed = |digits: String| {
            if self.has('#') && self.precision == Some(0) { format!("{digits}.") } else { digits }
        };
        let written = match letter.to_ascii_lowercase() {
            _ if number.is_infinite() => "inf".to_owned(),
            'f' => pointed(format!("{number:.precision$}")),
            'e' => {
                let (digits, exponent) = scientific(number, precision);
                format!("{}e{exponent:+03}", pointed(digits))
            }
            _ if number == 0.0 => "0".to_owned(),
            _ => self.general(number, precision.max(1)),
        };
        if letter.is_ascii_uppercase() { written.to_uppercase() } else { written }
    }

    /// So many digits; with an exponent where the number is very large or small.
    fn general(&self, number: f64, digits_max: usize) -> String {
        let (digits, exponent) = scientific(number, digits_max - 1);
        let short = |digits: String| {
            if self.has('#') || !digits.contains('.') {
                return digits;
            }
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let places =
            i32::try_from(digits_max).ok().and_then(|digits| usize::try_from(digits - 1 - exponent).ok());
        match places.filter(|_| exponent >= -4) {
            Some(places) => short(format!("{number:.places$}")),
            None => format!("{}e{exponent:+03}", short(digits)),
        }
    }

    /// A number with its sign, at least as wide as is asked for.
    fn number(&self, is_negative: bool, digits: &str, letter: char) -> String {
        let sign = match (is_negative, letter) {
            (true, _) => "-",
            (false, 's') => "",
            (false, _) if self.has('+') => "+",
            (false, _) if self.has(' ') => " ",
            _ => "",
        };
        if !self.has('0') || self.has('-') {
            let number = format!("{sign}{digits}");
            return self.padded(&number, number.len());
        }
        // Zeros stand after the sign and after `0x`.
        let (base, digits) = match digits.as_bytes() {
            [b'0', b'o' | b'x' | b'X', ..] => digits.split_at(2),
            _ => ("", digits),
        };
        let lacks = self.width.saturating_sub(sign.len() + base.len() + digits.len());
        format!("{sign}{base}{}{digits}", "0".repeat(lacks))
    }

    /// At most as many characters as the precision says.
    fn text(&self, text: &str) -> String {
        let end = self.precision.and_then(|precision| text.char_indices().nth(precision));
        let cut = end.and_then(|(end, _)| text.get(..end)).unwrap_or(text);
        self.padded(cut, cut.len())
    }

    fn padded(&self, text: &str, length: usize) -> String {
        let spaces = " ".repeat(self.width.saturating_sub(length));
        if self.has('-') { format!("{text}{spaces}") } else { format!("{spaces}{text}") }
    }
}

fn scientific(number: f64, precision: usize) -> (String, i32) {
    let written = format!("{number:.precision$e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

/// The shortest digits that are this number and no other, as Python writes it.
fn shortest(number: f64) -> String {
    let written = format!("{number:?}");
    match written.split_once('e') {
        Some((digits, exponent)) => format!("{digits}e{:+03}", exponent.parse::<i32>().unwrap_or(0)),
        None => written,
    }
}

fn refused(letter: char) -> Error {
    match letter {
        'd' | 'i' | 'o' | 'x' | 'X' => refuse(format!("`format`: `%{letter}` takes a whole number")),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => refuse(format!("`format`: `%{letter}` takes a number")),
        'c' => refuse("`format`: `%c` takes one character or its number"),
        '*' => refuse("`format`: `*` takes a whole number from 0 on"),
        _ => refuse("`format` takes a pattern such as '%05d', '%.2f' or '%s'; a percent sign is `%%`"),
    }
}
