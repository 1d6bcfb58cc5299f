//! Whole numbers of up to 128 bits, their order and their exact arithmetic.
//!
//! It never rounds: a result that has no exact form is `None`, and the caller says what is wrong.

use std::cmp::Ordering;
use std::fmt;

use super::Value;

/// Bits of a whole number that a 64-bit floating-point number holds exactly.
const REAL_BITS: u32 = f64::MANTISSA_DIGITS;

/// 2^127, the magnitude of `i128::MIN`.
const NEGATIVE_MAX: u128 = 1 << 127;

/// 2^128, the first whole number that is too large.
const LIMIT: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

/// A whole number from -2^128 + 1 to 2^128 - 1; zero is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    negative: bool,
    magnitude: u128,
}

impl Whole {
    pub(crate) fn new(negative: bool, magnitude: u128) -> Self {
        Self { negative: negative && magnitude != 0, magnitude }
    }

    /// The number, if the value is a whole one and not a floating-point number.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::new(*number < 0, number.unsigned_abs().into())),
            Value::Wide(number) => Some(**number),
            _ => None,
        }
    }

    /// The number if it has no fraction and is below 2^128.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: whole and in range"
    )]
    pub(crate) fn of_real(real: f64) -> Option<Self> {
        let is_whole = real.is_finite() && real.fract() == 0.0 && real.abs() < LIMIT;
        is_whole.then(|| Self::new(real < 0.0, real.abs() as u128))
    }

    /// From decimal digits alone.
    pub(crate) fn parse(negative: bool, digits: &str) -> Option<Self> {
        digits.parse().ok().map(|magnitude| Self::new(negative, magnitude))
    }

    /// The same number as a floating-point number, if that holds every digit.
    #[expect(clippy::cast_precision_loss, reason = "checked: no digit is lost")]
    pub(crate) fn real(self) -> Option<f64> {
        let bits = u128::BITS - self.magnitude.leading_zeros();
        let significant = bits.saturating_sub(self.magnitude.trailing_zeros());
        let real = self.magnitude as f64;
        (significant <= REAL_BITS).then_some(if self.negative { -real } else { real })
    }

    /// The value, from -2^127 to 2^128 - 1.
    pub(crate) fn value(self) -> Option<Value> {
        if self.negative && self.magnitude > NEGATIVE_MAX {
            return None;
        }
        let magnitude = i64::try_from(self.magnitude).ok();
        let smallest = (self.negative && self.magnitude == 1 << 63).then_some(i64::MIN);
        let short =
            smallest.or(magnitude.map(|magnitude| if self.negative { -magnitude } else { magnitude }));
        Some(short.map_or_else(|| Value::Wide(Box::new(self)), Value::Int))
    }

    /// Compares the exact values.
    pub(crate) fn cmp_real(self, real: f64) -> Ordering {
        let by_sign = || if real < 0.0 { Ordering::Greater } else { Ordering::Less };
        let Some(whole) = Self::of_real(real.trunc()) else { return by_sign() };
        self.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal))
    }

    /// The number, if 64 bits without a sign hold it.
    pub(crate) fn unsigned(self) -> Option<u64> {
        u64::try_from(self.magnitude).ok().filter(|_| !self.negative)
    }

    pub(crate) fn magnitude(self) -> u128 {
        self.magnitude
    }

    pub(crate) fn is_zero(self) -> bool {
        self.magnitude == 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.negative
    }

    pub(crate) fn abs(self) -> Self {
        Self::new(false, self.magnitude)
    }

    pub(crate) fn negated(self) -> Self {
        Self::new(!self.negative, self.magnitude)
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        if self.negative == other.negative {
            return Some(Self::new(self.negative, self.magnitude.checked_add(other.magnitude)?));
        }
        let difference = self.magnitude.abs_diff(other.magnitude);
        let larger = if self.magnitude >= other.magnitude { self } else { other };
        Some(Self::new(larger.negative, difference))
    }

    pub(crate) fn subtract(self, other: Self) -> Option<Self> {
        self.add(other.negated())
    }

    pub(crate) fn multiply(self, other: Self) -> Option<Self> {
        let magnitude = self.magnitude.checked_mul(other.magnitude)?;
        Some(Self::new(self.negative != other.negative, magnitude))
    }

    /// The quotient, rounded down, and what remains, with the divisor's sign; `None` where the divisor is zero.
    pub(crate) fn divide(self, other: Self) -> Option<(Self, Self)> {
        let mut quotient = self.magnitude.checked_div(other.magnitude)?;
        let mut remainder = self.magnitude.checked_rem(other.magnitude)?;
        if remainder != 0 && self.negative != other.negative {
            quotient = quotient.checked_add(1)?;
            remainder = other.magnitude - remainder;
        }
        let negative = self.negative != other.negative;
        Some((Self::new(negative, quotient), Self::new(other.negative, remainder)))
    }

    /// The power; `None` where the exponent is negative.
    pub(crate) fn power(self, exponent: Self) -> Option<Self> {
        if exponent.negative {
            return None;
        }
        let negative = self.negative && exponent.magnitude % 2 == 1;
        if self.magnitude <= 1 {
            let magnitude = if exponent.is_zero() { 1 } else { self.magnitude };
            return Some(Self::new(negative, magnitude));
        }
        let exponent = u32::try_from(exponent.magnitude).ok()?;
        Some(Self::new(negative, self.magnitude.checked_pow(exponent)?))
    }

    /// Rounded to a multiple of `10^zeros`: down, up, or by default to the nearest, halves to the even neighbour.
    pub(crate) fn rounded(self, zeros: u32, method: Rounding) -> Option<Self> {
        let Some(unit) = 10_u128.checked_pow(zeros) else {
            // 10^39 is more than twice any number here.
            let away = matches!((method, self.negative), (Rounding::Up, false) | (Rounding::Down, true));
            return if away && !self.is_zero() { None } else { Some(Self::new(false, 0)) };
        };
        let (quotient, remainder) = (self.magnitude / unit, self.magnitude % unit);
        let up = match (method, self.negative) {
            (Rounding::Nearest, _) => {
                let half = unit / 2;
                remainder > half || (remainder == half && unit > 1 && quotient % 2 == 1)
            }
            (Rounding::Up, negative) => remainder != 0 && !negative,
            (Rounding::Down, negative) => remainder != 0 && negative,
        };
        let magnitude = quotient.checked_add(u128::from(up))?.checked_mul(unit)?;
        Some(Self::new(self.negative, magnitude))
    }
}

impl Ord for Whole {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude.cmp(&other.magnitude),
            (true, true) => other.magnitude.cmp(&self.magnitude),
            (is_negative, _) => {
                if is_negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Whole {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(!self.negative, "", &self.magnitude.to_string())
    }
}

/// Which neighbour a number is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Nearest,
    Up,
    Down,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(number: i128) -> Whole {
        Whole::new(number < 0, number.unsigned_abs())
    }

    #[test]
    fn arithmetic_is_that_of_128_bit_numbers() {
        let numbers = [0, 1, -1, 7, -7, 10, -10, 9_007_199_254_740_993, i128::from(u64::MAX), -(1 << 64)];
        for left in numbers {
            for right in numbers {
                let (a, b) = (whole(left), whole(right));
                assert_eq!(a.add(b), Some(whole(left + right)), "{left} + {right}");
                assert_eq!(a.subtract(b), Some(whole(left - right)), "{left} - {right}");
                if let Some(product) = left.checked_mul(right) {
                    assert_eq!(a.multiply(b), Some(whole(product)), "{left} * {right}");
                }
                let divided = (right != 0).then(|| {
                    let (quotient, remainder) = (left.div_euclid(right), left.rem_euclid(right));
                    if right < 0 && remainder != 0 {
                        (whole(quotient - 1), whole(remainder + right))
                    } else {
                        (whole(quotient), whole(remainder))
                    }
                });
                assert_eq!(a.divide(b), divided, "{left} // {right}");
            }
        }
        assert_eq!(whole(-2).power(whole(3)), Some(whole(-8)));
        assert_eq!(whole(2).power(whole(127)), Some(Whole::new(false, 1 << 127)));
        assert_eq!(whole(2).power(whole(128)), None);
        assert_eq!(whole(0).power(whole(0)), Some(whole(1)));
        assert_eq!(whole(-1).power(whole(i128::MAX)), Some(whole(-1)));
        assert_eq!(whole(2).power(whole(-1)), None);
    }

    #[test]
    fn a_number_becomes_a_real_one_only_with_all_its_digits() {
        assert_eq!(whole(1 << 53).real(), Some(9_007_199_254_740_992.0));
        assert_eq!(whole((1 << 53) + 1).real(), None);
        assert_eq!(whole(-(1 << 100)).real(), Some(-2_f64.powi(100)));
        assert_eq!(Whole::new(false, u128::MAX).real(), None);
        assert_eq!(Whole::of_real(2_f64.powi(128)), None);
        assert_eq!(Whole::of_real(-2_f64.powi(70)), Some(whole(-(1 << 70))));
        assert_eq!(Whole::of_real(1.5), None);
    }

    #[test]
    fn hundreds_are_rounded_to() {
        for (number, nearest, up, down) in [
            (149, 100, 200, 100),
            (150, 200, 200, 100),
            (250, 200, 300, 200),
            (-150, -200, -100, -200),
            (0, 0, 0, 0),
        ] {
            assert_eq!(whole(number).rounded(2, Rounding::Nearest), Some(whole(nearest)), "{number}");
            assert_eq!(whole(number).rounded(2, Rounding::Up), Some(whole(up)), "{number}");
            assert_eq!(whole(number).rounded(2, Rounding::Down), Some(whole(down)), "{number}");
        }
        assert_eq!(whole(7).rounded(0, Rounding::Nearest), Some(whole(7)));
        assert_eq!(whole(7).rounded(50, Rounding::Nearest), Some(whole(0)));
        assert_eq!(whole(7).rounded(50, Rounding::Up), None);
        assert_eq!(Whole::new(false, u128::MAX).rounded(1, Rounding::Up), None);
    }
}
