//! Operations: names, and attributes to [`Op`].
//!
//! The elementwise families are found by name in the op table; the structured operations have a row each in [`Head::named`], and a
//! test compares the two lists.

use std::sync::Arc;

use crate::error::Span;
use crate::op::{
    Axes, Binary, BroadcastSpec, Comparison, Cumulation, DotDims, Extremum, Op, PadSpec, Pooling, Reduction,
    ScatterKind, SliceSpec, Unary, table,
};
use crate::types::Type;

use super::lexer::TokenKind;
use super::literal::RawLiteral;
use super::parser::{Failure, Parser};

/// An operation as its name alone says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Head {
    Constant,
    Iota,
    Unary(Unary),
    Binary(Binary),
    Compare,
    IsFinite,
    Select,
    Clamp,
    Convert,
    Broadcast,
    Reshape,
    Transpose,
    Reverse,
    Slice,
    Pad,
    Concatenate,
    Reduce,
    Dot,
    Bitcast,
    Barrier,
    ArgReduce(Extremum),
    Cumulative,
    DynamicSlice,
    DynamicUpdateSlice,
    Gather,
    Scatter,
    Windows,
    OverlapAdd,
    ReduceWindow,
    SelectAndScatter,
    Conv,
    Sort,
    TopK,
    RandomBits,
    Cholesky,
    TriangularSolve,
    Call,
    Scan,
    While,
    Cond,
    Switch,
    CustomDerivative,
    TransposeRule,
    Checkpoint,
}

impl Head {
    /// The operation whose name begins with this word; `reduce` has a second.
    pub(super) fn named(word: &str) -> Option<Self> {
        if let Some(&unary) = Unary::ALL.iter().find(|op| op.info().name == word) {
            return Some(Self::Unary(unary));
        }
        if let Some(&binary) = Binary::ALL.iter().find(|op| op.info().name == word) {
            return Some(Self::Binary(binary));
        }
        Some(match word {
            "constant" => Self::Constant,
            "iota" => Self::Iota,
            "compare" => Self::Compare,
            "is_finite" => Self::IsFinite,
            "select" => Self::Select,
            "clamp" => Self::Clamp,
            "convert" => Self::Convert,
            "broadcast" => Self::Broadcast,
            "reshape" => Self::Reshape,
            "transpose" => Self::Transpose,
            "reverse" => Self::Reverse,
            "slice" => Self::Slice,
            "pad" => Self::Pad,
            "concatenate" => Self::Concatenate,
            "reduce" => Self::Reduce,
            "dot" => Self::Dot,
            "bitcast" => Self::Bitcast,
            "optimization_barrier" => Self::Barrier,
            "argmax" => Self::ArgReduce(Extremum::Max),
            "argmin" => Self::ArgReduce(Extremum::Min),
            "cumulative" => Self::Cumulative,
            "dynamic_slice" => Self::DynamicSlice,
            "dynamic_update_slice" => Self::DynamicUpdateSlice,
            "gather" => Self::Gather,
            "scatter" => Self::Scatter,
            "windows" => Self::Windows,
            "overlap_add" => Self::OverlapAdd,
            "reduce_window" => Self::ReduceWindow,
            "select_and_scatter" => Self::SelectAndScatter,
            "conv" => Self::Conv,
            "sort" => Self::Sort,
            "top_k" => Self::TopK,
            "random_bits" => Self::RandomBits,
            "cholesky" => Self::Cholesky,
            "triangular_solve" => Self::TriangularSolve,
            "call" => Self::Call,
            "scan" => Self::Scan,
            "while" => Self::While,
            "cond" => Self::Cond,
            "switch" => Self::Switch,
            "custom_derivative" => Self::CustomDerivative,
            "transpose_rule" => Self::TransposeRule,
            "checkpoint" => Self::Checkpoint,
            _ => return None,
        })
    }
}

impl Head {
    /// The second words that the operation's name may have; none if it is one word.
    fn kinds(self) -> Vec<&'static str> {
        match self {
            Self::Reduce => Reduction::ALL.iter().map(|kind| kind.kind_name()).collect(),
            Self::Cumulative => Cumulation::ALL.iter().map(|kind| kind.kind_name()).collect(),
            Self::ReduceWindow => Pooling::ALL.iter().map(|kind| kind.kind_name()).collect(),
            Self::Scatter => ScatterKind::ALL.iter().map(|kind| kind.kind_name()).collect(),
            Self::SelectAndScatter => vec!["max", "min"],
            _ => Vec::new(),
        }
    }
}

/// The operation names closest to a word that is none, for a message.
pub(super) fn suggestion(word: &str) -> String {
    let word: Vec<char> = word.chars().take(20).collect();
    let prefix = |name: &str| name.chars().zip(&word).take_while(|(a, b)| a == *b).count();
    // Among equally distant names the one that begins alike.
    let rank = |name| (distance(&word, name), std::cmp::Reverse(prefix(name)), name);
    match table().into_iter().map(|row| rank(row.name)).min() {
        Some((distance, _, name)) if distance <= 2 => format!(", did you mean `{name}`?"),
        Some(_) | None => String::new(),
    }
}

/// The number of single-character edits between two words.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, d) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &c) in a.iter().enumerate() {
            let changed = diagonal + usize::from(c != d);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

/// What stands between an operation's name and its operands.
pub(super) enum Leading<'a> {
    None,
    Literal(RawLiteral<'a>),
    Predicate(Comparison),
    /// The second word of the operation's name, which is one of those it may have.
    Kind(&'a str),
    Callee(&'a str, Span),
}

enum AttributeValue<'a> {
    Number(i64),
    Word(&'a str),
    List(Vec<i64>),
    Pair(Vec<i64>, Vec<i64>),
}

struct Attribute<'a> {
    name: &'a str,
    /// From the name to the end of the value.
    span: Span,
    value: AttributeValue<'a>,
}

/// The attributes behind the operands of one instruction; each is taken once.
pub(super) struct Attributes<'a> {
    list: Vec<Attribute<'a>>,
    /// The operation's name, for messages.
    op: String,
    /// Where the operation's name is.
    place: Span,
    /// The names that the operation knows, noted as they are asked for.
    known: Vec<&'static str>,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(op: String, place: Span) -> Self {
        Self { list: Vec::new(), op, place, known: Vec::new() }
    }

    fn find(&mut self, name: &'static str) -> Option<Attribute<'a>> {
        self.known.push(name);
        let position = self.list.iter().position(|attribute| attribute.name == name)?;
        Some(self.list.remove(position))
    }
}

impl<'a> Parser<'a> {
    /// What the operation wants before its operands.
    pub(super) fn leading(&mut self, head: Head) -> Result<Leading<'a>, Failure> {
        match head {
            Head::Constant => self.raw_literal().map(Leading::Literal),
            Head::Compare => {
                let found = Comparison::ALL.iter().find(|predicate| self.at_word(predicate.name()));
                let Some(&predicate) = found else {
                    return Err(self.expected("a predicate: `eq`, `ne`, `lt`, `le`, `gt` or `ge`"));
                };
                self.bump();
                Ok(Leading::Predicate(predicate))
            }
            Head::Call => {
                let token = self.token;
                self.expect(TokenKind::Func, "the `@name` of a function")?;
                Ok(Leading::Callee(token.text, token.span))
            }
            _ => self.kind(&head.kinds()),
        }
    }

    /// The second word of a name that has one.
    fn kind(&mut self, kinds: &[&str]) -> Result<Leading<'a>, Failure> {
        if kinds.is_empty() {
            return Ok(Leading::None);
        }
        if !kinds.iter().any(|kind| self.at_word(kind)) {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            return Err(self.expected(&format!("one of {}", kinds.join(", "))));
        }
        let word = self.token.text;
        self.bump();
        Ok(Leading::Kind(word))
    }

    /// `name=value`; the current token is the name.
    pub(super) fn attribute(&mut self, attributes: &mut Attributes<'a>) -> Result<(), Failure> {
        let name = self.token;
        self.expect(TokenKind::Word, "an operand `%name` or an attribute `name=…`")?;
        self.expect(TokenKind::Equals, "`=` and the value of the attribute")?;
        let value = match self.token.kind {
            TokenKind::Number => AttributeValue::Number(self.integer()?),
            TokenKind::LeftBracket => {
                let list = self.integers()?;
                if self.at_word("x") {
                    self.bump();
                    AttributeValue::Pair(list, self.integers()?)
                } else {
                    AttributeValue::List(list)
                }
            }
            TokenKind::Word => {
                let word = self.token.text;
                self.bump();
                AttributeValue::Word(word)
            }
            _ => return Err(self.expected("a number, a word or a list `[…]`")),
        };
        let span = self.span_from(name.span);
        if attributes.list.iter().any(|other| other.name == name.text) {
            return Err(self.fail(span, format!("the attribute `{}` is given twice", name.text)));
        }
        // This also keeps the search above short.
        if attributes.list.len() == 16 {
            return Err(self.fail(span, "more than 16 attributes, and no operation has so many"));
        }
        attributes.list.push(Attribute { name: name.text, span, value });
        Ok(())
    }

    fn integers(&mut self) -> Result<Vec<i64>, Failure> {
        self.expect(TokenKind::LeftBracket, "`[`")?;
        let mut list = Vec::new();
        while self.token.kind != TokenKind::RightBracket {
            list.push(self.integer()?);
            if self.token.kind != TokenKind::Comma {
                break;
            }
            self.bump();
        }
        self.expect(TokenKind::RightBracket, "`,` or `]`")?;
        Ok(list)
    }

    fn integer(&mut self) -> Result<i64, Failure> {
        let parsed = self.token.text.parse();
        match parsed {
            Ok(number) if self.token.kind == TokenKind::Number => {
                self.bump();
                Ok(number)
            }
            Ok(_) | Err(_) => Err(self.expected("an integer of at most 64 bits")),
        }
    }

    /// The operation with its attributes. `result` is the annotated type, where there is exactly one.
    pub(super) fn op(
        &mut self,
        head: Head,
        leading: Leading<'a>,
        attributes: &mut Attributes<'a>,
        result: Option<&Type>,
    ) -> Result<Op, Failure> {
        let op = self.op_of(head, leading, attributes, result)?;
        if let Some(attribute) = attributes.list.first() {
            let known: Vec<String> = attributes.known.iter().map(|name| format!("`{name}`")).collect();
            let expected = if known.is_empty() { "none".into() } else { known.join(", ") };
            let message = format!("`{}` has no attribute `{}`, expected {expected}", attributes.op, attribute.name);
            return Err(self.fail(attribute.span, message));
        }
        Ok(op)
    }

    fn op_of(
        &mut self,
        head: Head,
        leading: Leading<'a>,
        attributes: &mut Attributes<'a>,
        result: Option<&Type>,
    ) -> Result<Op, Failure> {
        match (head, leading) {
            (Head::Constant, Leading::Literal(raw)) => {
                let ty = self.result_type(attributes, result)?;
                Ok(Op::Constant(Arc::new(self.typed_literal(&raw, ty)?)))
            }
            (Head::Compare, Leading::Predicate(predicate)) => Ok(Op::Compare(predicate)),
            (Head::Reduce, Leading::Kind(word)) => match Reduction::ALL.iter().find(|kind| kind.kind_name() == word) {
                Some(&kind) => Ok(Op::Reduce { kind, axes: self.axes(attributes, "axes")? }),
                None => Err(self.without_kind(attributes)),
            },
            (Head::Call, Leading::Callee(name, span)) => match self.function_named(name) {
                Some(func) => Ok(Op::Call(func)),
                None => Err(self.fail(span, format!("there is no function @{name} in this text"))),
            },
            (Head::Iota, _) => {
                let ty = self.result_type(attributes, result)?.clone();
                Ok(Op::Iota { ty: Box::new(ty), axis: self.position(attributes, "axis")? })
            }
            (Head::Unary(unary), _) => Ok(Op::Unary(unary)),
            (Head::Binary(binary), _) => Ok(Op::Binary(binary)),
            (Head::IsFinite, _) => Ok(Op::IsFinite),
            (Head::Select, _) => Ok(Op::Select),
            (Head::Clamp, _) => Ok(Op::Clamp),
            (Head::Convert, _) => Ok(Op::Convert(self.result_type(attributes, result)?.dtype)),
            (Head::Broadcast, _) => {
                let shape = self.result_type(attributes, result)?.shape.clone();
                Ok(Op::Broadcast(Box::new(BroadcastSpec { shape, dims: self.axes(attributes, "dims")? })))
            }
            (Head::Reshape, _) => Ok(Op::Reshape(Box::new(self.result_type(attributes, result)?.shape.clone()))),
            (Head::Transpose, _) => Ok(Op::Transpose(self.axes(attributes, "perm")?)),
            (Head::Reverse, _) => Ok(Op::Reverse(self.axes(attributes, "axes")?)),
            (Head::Slice, _) => self.slice(attributes),
            (Head::Pad, _) => self.pad(attributes),
            (Head::Concatenate, _) => Ok(Op::Concatenate { axis: self.position(attributes, "axis")? }),
            (Head::Dot, _) => {
                let (lhs_batch, rhs_batch) = self.axis_pair(attributes, "batch")?;
                let (lhs_contract, rhs_contract) = self.axis_pair(attributes, "contract")?;
                Ok(Op::Dot(Box::new(DotDims { lhs_batch, rhs_batch, lhs_contract, rhs_contract })))
            }
            // `leading` pairs these four with their own form.
            (Head::Constant | Head::Compare | Head::Reduce | Head::Call, _) => Err(self.without_kind(attributes)),
            (head, Leading::Kind(word)) => self.structured_op(head, word, attributes, result),
            (head, _) => self.structured_op(head, "", attributes, result),
        }
    }

    pub(super) fn without_kind(&mut self, attributes: &Attributes<'a>) -> Failure {
        self.fail(attributes.place, format!("`{}` without what stands behind its name", attributes.op))
    }

    fn slice(&mut self, attributes: &mut Attributes<'a>) -> Result<Op, Failure> {
        let start = self.axes(attributes, "start")?.to_vec();
        let limit = self.axes(attributes, "limit")?.to_vec();
        let stride = match self.optional_list(attributes, "stride")? {
            Some((list, span)) => self.positions(&list, span)?,
            None => vec![1; start.len()],
        };
        Ok(Op::Slice(Box::new(SliceSpec { start: start.into(), limit: limit.into(), stride: stride.into() })))
    }

    fn pad(&mut self, attributes: &mut Attributes<'a>) -> Result<Op, Failure> {
        let (low, _) = self.list(attributes, "low")?;
        let (high, _) = self.list(attributes, "high")?;
        let interior = match self.optional_list(attributes, "interior")? {
            Some((list, span)) => self.positions(&list, span)?,
            None => vec![0; low.len()],
        };
        Ok(Op::Pad(Box::new(PadSpec { low: low.into(), high: high.into(), interior: interior.into() })))
    }

    pub(super) fn result_type<'t>(
        &mut self,
        attributes: &Attributes<'a>,
        result: Option<&'t Type>,
    ) -> Result<&'t Type, Failure> {
        result.ok_or_else(|| {
            self.fail(attributes.place, format!("`{}` has one result, whose type says what it makes", attributes.op))
        })
    }

    pub(super) fn refused(&mut self, attributes: &Attributes<'a>, message: &str) -> Failure {
        self.fail(attributes.place, message)
    }

    pub(super) fn missing(&mut self, attributes: &Attributes<'a>, name: &str, form: &str) -> Failure {
        self.fail(attributes.place, format!("`{}` lacks its attribute `{name}={form}`", attributes.op))
    }

    /// A number that is left out where it is the usual one.
    pub(super) fn optional_position(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
    ) -> Result<Option<usize>, Failure> {
        if attributes.list.iter().any(|attribute| attribute.name == name) {
            return self.position(attributes, name).map(Some);
        }
        attributes.known.push(name);
        Ok(None)
    }

    /// One of some words.
    pub(super) fn word(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, Failure> {
        let Some(attribute) = attributes.find(name) else { return Ok(None) };
        if let AttributeValue::Word(found) = attribute.value
            && let Some(&word) = words.iter().find(|&&word| word == found)
        {
            return Ok(Some(word));
        }
        let words: Vec<String> = words.iter().map(|word| format!("`{name}={word}`")).collect();
        Err(self.fail(attribute.span, format!("expected {}", words.join(" or "))))
    }

    /// `name=true`; false if it is left out.
    pub(super) fn flag(&mut self, attributes: &mut Attributes<'a>, name: &'static str) -> Result<bool, Failure> {
        self.word(attributes, name, &["true", "false"]).map(|word| word == Some("true"))
    }

    /// A list that is left out where all entries are the usual one.
    pub(super) fn positions_or(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
        usual: usize,
        count: usize,
    ) -> Result<Box<[usize]>, Failure> {
        match self.optional_list(attributes, name)? {
            Some((list, span)) => self.positions(&list, span).map(Into::into),
            None => Ok(vec![usual; count].into()),
        }
    }

    /// As [`Self::positions_or`] for padding: 0 where it is left out.
    pub(super) fn padding(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
        count: usize,
    ) -> Result<Box<[i64]>, Failure> {
        let list = self.optional_list(attributes, name)?;
        Ok(list.map_or_else(|| vec![0; count].into(), |(list, _)| list.into()))
    }

    pub(super) fn position(&mut self, attributes: &mut Attributes<'a>, name: &'static str) -> Result<usize, Failure> {
        match attributes.find(name) {
            None => Err(self.missing(attributes, name, "0")),
            Some(Attribute { value: AttributeValue::Number(number), span, .. }) => {
                Ok(self.positions(&[number], span)?.first().copied().unwrap_or_default())
            }
            Some(Attribute {
                value: AttributeValue::List(_) | AttributeValue::Pair(..) | AttributeValue::Word(_),
                span,
                ..
            }) => Err(self.fail(span, format!("expected one number as in `{name}=0`"))),
        }
    }

    pub(super) fn optional_list(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
    ) -> Result<Option<(Vec<i64>, Span)>, Failure> {
        match attributes.find(name) {
            None => Ok(None),
            Some(Attribute { value: AttributeValue::List(list), span, .. }) => Ok(Some((list, span))),
            Some(Attribute {
                value: AttributeValue::Number(_) | AttributeValue::Pair(..) | AttributeValue::Word(_),
                span,
                ..
            }) => Err(self.fail(span, format!("expected one list as in `{name}=[0,1]`"))),
        }
    }

    pub(super) fn list(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
    ) -> Result<(Vec<i64>, Span), Failure> {
        match self.optional_list(attributes, name)? {
            Some(found) => Ok(found),
            None => Err(self.missing(attributes, name, "[…]")),
        }
    }

    pub(super) fn axes(&mut self, attributes: &mut Attributes<'a>, name: &'static str) -> Result<Axes, Failure> {
        let (list, span) = self.list(attributes, name)?;
        self.positions(&list, span).map(Axes::from)
    }

    pub(super) fn axis_pair(
        &mut self,
        attributes: &mut Attributes<'a>,
        name: &'static str,
    ) -> Result<(Axes, Axes), Failure> {
        match attributes.find(name) {
            None => Ok((Axes::default(), Axes::default())),
            Some(Attribute { value: AttributeValue::Pair(lhs, rhs), span, .. }) => {
                Ok((self.positions(&lhs, span)?.into(), self.positions(&rhs, span)?.into()))
            }
            Some(Attribute {
                value: AttributeValue::Number(_) | AttributeValue::List(_) | AttributeValue::Word(_),
                span,
                ..
            }) => Err(self.fail(span, format!("expected two lists of axes as in `{name}=[1]x[0]`"))),
        }
    }

    pub(super) fn positions(&mut self, list: &[i64], span: Span) -> Result<Vec<usize>, Failure> {
        let mut positions = Vec::with_capacity(list.len());
        for &number in list {
            let position =
                usize::try_from(number).map_err(|_| self.fail(span, format!("found {number}, expected at least 0")))?;
            positions.push(position);
        }
        Ok(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_table_is_read() {
        for row in table() {
            let mut words = row.name.split(' ');
            let head = words.next().and_then(Head::named);
            assert!(head.is_some(), "`{}` is not read", row.name);
            let kind = words.next();
            let kinds = head.map(Head::kinds).unwrap_or_default();
            assert_eq!(kinds.is_empty(), kind.is_none(), "`{}`", row.name);
            assert!(kind.is_none_or(|kind| kinds.contains(&kind)));
        }
    }

    #[test]
    fn a_misspelt_operation_gets_a_suggestion() {
        assert_eq!(suggestion("ad"), ", did you mean `add`?");
        assert_eq!(suggestion("sinn"), ", did you mean `sin`?");
        assert_eq!(suggestion("sofmtax"), "");
    }
}
