//! What the grammar is read with: one token of lookahead, messages, the way on behind a mistake, and what stands in many
//! places (types, provenance).
//!
//! A method that meets a mistake reports it and returns a [`Failure`]; the loop over the instructions, in `function.rs`,
//! then goes on with the next line.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entities::FuncId;
use crate::error::{ParseError, ParseErrors, Span};
use crate::literal::Literal;
use crate::provenance::{Derivation, Origin, Provenance};
use crate::types::{DType, MAX_RANK, Type};

use super::MAX_ERRORS;
use super::lexer::{Lexer, Token, TokenKind, unquote};

/// A mistake that has been reported.
pub(super) struct Failure;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    /// The place of the token before.
    previous: Span,
    file: Option<Arc<str>>,
    /// Functions by name, in order of the text, known before any body is read.
    functions: HashMap<&'a str, FuncId>,
    errors: Vec<ParseError>,
}

/// What the regions of operations are called. A line never begins with one but that of a region, for instructions begin with their results.
const REGION_LABELS: [&str; 9] = ["body", "cond", "then", "else", "case", "primal", "jvp", "vjp", "transpose"];

pub(super) fn parse_literal(text: &str, ty: &Type) -> Result<Literal, ParseErrors> {
    let mut parser = Parser::new(text, None);
    let literal = parser.raw_literal().and_then(|raw| parser.typed_literal(&raw, ty));
    let end = literal.and_then(|literal| parser.expect(TokenKind::End, "the end of the literal").map(|()| literal));
    parser.outcome(end)
}

pub(super) fn parse_type(text: &str) -> Result<Type, ParseErrors> {
    let mut parser = Parser::new(text, None);
    let ty = parser.ty();
    let end = ty.and_then(|ty| parser.expect(TokenKind::End, "the end of the type").map(|()| ty));
    parser.outcome(end)
}

/// Tokens, messages and recovery.
impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, file: Option<Arc<str>>) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next();
        Self { lexer, token, previous: token.span, file, functions: HashMap::new(), errors: Vec::new() }
    }

    pub(super) fn outcome<T>(self, result: Result<T, Failure>) -> Result<T, ParseErrors> {
        match result {
            Ok(value) if self.errors.is_empty() => Ok(value),
            Ok(_) | Err(Failure) => Err(ParseErrors(self.errors)),
        }
    }

    pub(super) fn bump(&mut self) {
        self.previous = self.token.span;
        self.token = self.lexer.next();
    }

    pub(super) fn expect(&mut self, kind: TokenKind, expected: &str) -> Result<(), Failure> {
        if self.token.kind != kind {
            return Err(self.expected(expected));
        }
        self.bump();
        Ok(())
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Word && self.token.text == word
    }

    /// From the start of a span to the end of the last token read.
    pub(super) const fn span_from(&self, start: Span) -> Span {
        Span { end: if self.previous.end > start.start { self.previous.end } else { start.end }, ..start }
    }

    /// Reports a mistake. After [`MAX_ERRORS`] the rest of the text is not read.
    pub(super) fn fail(&mut self, span: Span, message: impl Into<String>) -> Failure {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError { span, message: message.into() });
        }
        if self.errors.len() >= MAX_ERRORS {
            self.lexer = Lexer::new("");
            self.token = Token { kind: TokenKind::End, text: "", ..self.token };
        }
        Failure
    }

    pub(super) fn fail_here(&mut self, message: impl Into<String>) -> Failure {
        self.fail(self.token.span, message)
    }

    /// Reports that something else was expected here. What is missing at the end of a line is reported there.
    pub(super) fn expected(&mut self, expected: &str) -> Failure {
        if self.token.first_on_line && self.token.span.line != self.previous.line {
            let message = format!("found the end of the line, expected {expected}");
            return self.fail(self.previous, message);
        }
        self.expected_here(expected)
    }

    /// As [`Self::expected`], where a line may begin.
    pub(super) fn expected_here(&mut self, expected: &str) -> Failure {
        let found = self.token.describe();
        self.fail_here(format!("found {found}, expected {expected}"))
    }

    /// After a mistake in a line that begins at `start`: to the first token that may begin another.
    pub(super) fn skip_to_line(&mut self, start: Span) {
        if self.token.span.start == start.start && self.token.kind != TokenKind::RightBrace {
            self.bump();
        }
        loop {
            match self.token.kind {
                TokenKind::End | TokenKind::RightBrace => return,
                TokenKind::LeftBrace => self.skip_block(),
                TokenKind::Word if REGION_LABELS.contains(&self.token.text) => self.bump(),
                TokenKind::Value | TokenKind::Word if self.token.first_on_line => return,
                _ => self.bump(),
            }
        }
    }

    /// From `{` to behind the `}` that closes it.
    fn skip_block(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.token.kind {
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace => open -= 1,
                TokenKind::End => return,
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// After a mistake in the head of a function, or text outside functions: to the next function.
    pub(super) fn skip_to_function(&mut self) {
        self.bump();
        while !(self.token.kind == TokenKind::End || self.at_word("func")) {
            self.bump();
        }
    }

    /// Gives the functions their ids, in order of the text.
    pub(super) fn collect_functions(&mut self, text: &'a str) {
        let mut lexer = Lexer::new(text);
        let mut token = lexer.next();
        while token.kind != TokenKind::End {
            let next = lexer.next();
            if token.kind == TokenKind::Word && token.text == "func" && next.kind == TokenKind::Func {
                let id = FuncId::from_u32(u32::try_from(self.functions.len()).unwrap_or(u32::MAX - 1));
                if self.functions.contains_key(next.text) {
                    let message = format!("there are two functions @{}, expected different names", next.text);
                    self.fail(next.span, message);
                } else {
                    self.functions.insert(next.text, id);
                }
            }
            token = next;
        }
    }

    pub(super) fn function_named(&self, name: &str) -> Option<FuncId> {
        self.functions.get(name).copied()
    }
}

/// What stands in many places.
impl Parser<'_> {
    /// A type: an element type, then extents in brackets unless it is a scalar.
    pub(super) fn ty(&mut self) -> Result<Type, Failure> {
        let start = self.token.span;
        let dtype = if self.token.kind == TokenKind::Word { DType::from_name(self.token.text) } else { None };
        let Some(dtype) = dtype else {
            let names: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
            return Err(self.expected(&format!("a type that begins with one of {}", names.join(", "))));
        };
        self.bump();
        let mut extents = Vec::new();
        if self.token.kind == TokenKind::LeftBracket {
            self.bump();
            while self.token.kind != TokenKind::RightBracket {
                extents.push(self.extent()?);
                if extents.len() > MAX_RANK {
                    let span = self.span_from(start);
                    return Err(self.fail(span, format!("a type of more than {MAX_RANK} dimensions")));
                }
                if self.token.kind != TokenKind::Comma {
                    break;
                }
                self.bump();
            }
            self.expect(TokenKind::RightBracket, "`,` or `]`")?;
        }
        Type::new(dtype, &extents).map_err(|error| self.fail(self.span_from(start), error.to_string()))
    }

    fn extent(&mut self) -> Result<usize, Failure> {
        let extent = self.token.text.parse();
        match extent {
            Ok(extent) if self.token.kind == TokenKind::Number => {
                self.bump();
                Ok(extent)
            }
            Ok(_) | Err(_) => Err(self.expected("the extent of a dimension, an integer from 0 to 2^48")),
        }
    }

    /// `at "file":line:column` or `at node "name"`, then `from "primal" by "rule"`.
    pub(super) fn provenance(&mut self, inst: Span) -> Result<Provenance, Failure> {
        let mut provenance = Provenance::default();
        if let Some(file) = &self.file {
            let origin = Origin::File { file: file.clone(), line: inst.line, column: inst.column };
            provenance.origin = Some(origin);
        }
        if self.at_word("at") {
            self.bump();
            provenance.origin = Some(self.origin()?);
        }
        if self.at_word("from") {
            self.bump();
            let primal = self.string("the name of the primal value in quotes")?;
            if !self.at_word("by") {
                return Err(self.expected("`by` and the rule in quotes"));
            }
            self.bump();
            let rule = self.string("the rule in quotes")?;
            provenance.derivation = Some(Derivation { rule, primal });
        }
        Ok(provenance)
    }

    fn origin(&mut self) -> Result<Origin, Failure> {
        if self.at_word("node") {
            self.bump();
            return self.string("the name of the node in quotes").map(Origin::Node);
        }
        let file = self.string("a file name in quotes, or `node` and a name in quotes")?;
        self.expect(TokenKind::Colon, "`:` and a line")?;
        let line = self.place_number()?;
        self.expect(TokenKind::Colon, "`:` and a column")?;
        let column = self.place_number()?;
        Ok(Origin::File { file, line, column })
    }

    fn place_number(&mut self) -> Result<u32, Failure> {
        let number = self.token.text.parse();
        match number {
            Ok(number) if self.token.kind == TokenKind::Number => {
                self.bump();
                Ok(number)
            }
            Ok(_) | Err(_) => Err(self.expected("an integer of at most 32 bits")),
        }
    }

    fn string(&mut self, expected: &str) -> Result<Arc<str>, Failure> {
        let token = self.token;
        self.expect(TokenKind::Text, expected)?;
        match unquote(token.text) {
            Some(text) => Ok(text.into()),
            None => Err(self.fail(token.span, r#"a bad escape, expected `\"`, `\\` or `\u{…}`"#)),
        }
    }
}
