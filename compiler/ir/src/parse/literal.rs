//! Literals: one number for all elements, or nested lists.
//!
//! The type stands behind the literal, so the numbers are kept as text until it is known. Lists are read by a loop with
//! one counter per open list, so that their depth costs nothing.

use crate::error::Span;
use crate::literal::{Elements, Literal, Scalar};
use crate::types::{DType, MAX_RANK, Type};

use super::lexer::TokenKind;
use super::parser::{Failure, Parser};

/// A literal whose type is not known yet.
pub(super) struct RawLiteral<'a> {
    span: Span,
    /// The extents of the nested lists, outermost first; `None` for a single number.
    extents: Option<Vec<usize>>,
    numbers: Vec<(&'a str, Span)>,
}

impl<'a> Parser<'a> {
    /// A number, a word that stands for one, or lists of such.
    pub(super) fn raw_literal(&mut self) -> Result<RawLiteral<'a>, Failure> {
        let start = self.token.span;
        if self.token.kind != TokenKind::LeftBracket {
            let number = self.element("a number, `true`, `false` or `[`")?;
            return Ok(RawLiteral { span: self.span_from(start), extents: None, numbers: vec![number] });
        }
        let mut numbers = Vec::new();
        // The number of entries of each open list so far, and for each depth the length of the lists closed there.
        let mut open: Vec<usize> = Vec::new();
        let mut lengths: Vec<Option<usize>> = Vec::new();
        // The depth at which numbers stand; lists are closed there first.
        let mut leaf: Option<usize> = None;
        loop {
            if self.token.kind == TokenKind::LeftBracket && leaf.is_none_or(|leaf| open.len() < leaf) {
                if open.len() == MAX_RANK {
                    return Err(self.fail_here(format!("lists nested more than {MAX_RANK} deep")));
                }
                self.bump();
                open.push(0);
                if lengths.len() < open.len() {
                    lengths.push(None);
                }
                if self.token.kind != TokenKind::RightBracket {
                    continue;
                }
                leaf.get_or_insert(open.len());
            } else {
                if leaf.is_some_and(|leaf| leaf != open.len()) {
                    return Err(self.expected("`[`, since the entries of this list are lists"));
                }
                let what = if leaf.is_some() { "a number" } else { "a number, `[` or `]`" };
                numbers.push(self.element(what)?);
                leaf = Some(open.len());
                count_entry(&mut open);
            }
            // Close lists, then go on with the next entry of the innermost that stays open.
            while self.token.kind == TokenKind::RightBracket {
                let Some(length) = open.pop() else { break };
                let slot = &mut lengths[open.len()];
                match *slot {
                    Some(expected) if expected != length => {
                        let message = format!("a list of {length} entries, expected {expected} as in the lists before");
                        return Err(self.fail_here(message));
                    }
                    Some(_) | None => *slot = Some(length),
                }
                self.bump();
                count_entry(&mut open);
                if open.is_empty() {
                    let extents = lengths.into_iter().map(Option::unwrap_or_default).collect();
                    return Ok(RawLiteral { span: self.span_from(start), extents: Some(extents), numbers });
                }
            }
            self.expect(TokenKind::Comma, "`,` or `]`")?;
        }
    }

    fn element(&mut self, expected: &str) -> Result<(&'a str, Span), Failure> {
        let token = self.token;
        let is_number = match token.kind {
            TokenKind::Number => true,
            TokenKind::Word => matches!(token.text, "true" | "false" | "inf" | "nan"),
            _ => false,
        };
        if !is_number {
            return Err(self.expected(expected));
        }
        self.bump();
        Ok((token.text, token.span))
    }

    /// The literal as a tensor of this type.
    pub(super) fn typed_literal(&mut self, raw: &RawLiteral<'a>, ty: &Type) -> Result<Literal, Failure> {
        let mut elements = Elements::empty(ty.dtype, raw.numbers.len());
        for &(text, span) in &raw.numbers {
            let scalar = scalar(text, ty.dtype).map_err(|message| self.fail(span, message))?;
            // A scalar of the type asked for always fits.
            let _ = elements.push(scalar);
        }
        let Some(extents) = &raw.extents else {
            return match elements.get(0) {
                Some(value) => Ok(Literal::splat(value, ty.shape.clone())),
                None => Err(self.fail(raw.span, "no number, expected one")),
            };
        };
        // A tensor without elements is `[]` whatever its shape.
        let fits = *extents == ty.shape.extents() || (raw.numbers.is_empty() && ty.elements() == 0);
        match Literal::dense(ty.shape.clone(), elements) {
            Some(literal) if fits => Ok(literal),
            Some(_) | None => {
                let message = format!("the lists have the shape {extents:?}, expected that of {ty}");
                Err(self.fail(raw.span, message))
            }
        }
    }
}

fn count_entry(open: &mut [usize]) {
    if let Some(count) = open.last_mut() {
        *count += 1;
    }
}

/// A number as an element of a type, or what is wrong with it.
fn scalar(text: &str, dtype: DType) -> Result<Scalar, String> {
    let found = match dtype {
        DType::F32 => float32(text).map(Scalar::F32),
        DType::F64 => float64(text).map(Scalar::F64),
        DType::I32 => text.parse().ok().map(Scalar::I32),
        DType::I64 => text.parse().ok().map(Scalar::I64),
        DType::U8 => text.parse().ok().map(Scalar::U8),
        DType::Bool => text.parse().ok().map(Scalar::Bool),
    };
    let expected = match dtype {
        DType::F32 => {
            "an f32: a finite decimal number, `inf`, `-inf`, `nan` or `nan:0x` and the eight digits of its bits"
        }
        DType::F64 => {
            "an f64: a finite decimal number, `inf`, `-inf`, `nan` or `nan:0x` and the sixteen digits of its bits"
        }
        DType::I32 => "an i32: an integer from -2147483648 to 2147483647",
        DType::I64 => "an i64: an integer from -9223372036854775808 to 9223372036854775807",
        DType::U8 => "a u8: an integer from 0 to 255",
        DType::Bool => "a bool: `true` or `false`",
    };
    found.ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        format!("found `{shown}`, expected {expected}")
    })
}

/// A decimal number as the standard library reads it, but neither a word nor one that rounds to infinity.
fn is_decimal(text: &str) -> bool {
    text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
}

fn float32(text: &str) -> Option<f32> {
    match text {
        "inf" => return Some(f32::INFINITY),
        "-inf" => return Some(f32::NEG_INFINITY),
        "nan" => return Some(f32::NAN),
        _ => {}
    }
    if let Some(bits) = text.strip_prefix("nan:0x") {
        return u32::from_str_radix(bits, 16).ok().map(f32::from_bits).filter(|x| x.is_nan());
    }
    if is_decimal(text) { text.parse().ok().filter(|x: &f32| x.is_finite()) } else { None }
}

fn float64(text: &str) -> Option<f64> {
    match text {
        "inf" => return Some(f64::INFINITY),
        "-inf" => return Some(f64::NEG_INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    if let Some(bits) = text.strip_prefix("nan:0x") {
        return u64::from_str_radix(bits, 16).ok().map(f64::from_bits).filter(|x| x.is_nan());
    }
    if is_decimal(text) { text.parse().ok().filter(|x: &f64| x.is_finite()) } else { None }
}
