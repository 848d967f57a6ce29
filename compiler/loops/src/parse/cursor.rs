//! A place in a text, and reading words, names and numbers there. Blanks and line ends before them are skipped.

use pullback_ir::ParseError;
use pullback_ir::error::Span;

pub(super) struct Cursor<'a> {
    text: &'a str,
    position: usize,
}

/// The bytes of words and names.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or("")
    }

    /// Where the next word begins.
    pub(super) fn start(&mut self) -> usize {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.position += self.rest().bytes().take_while(blank).count();
        self.position
    }

    /// A mistake at the next word.
    pub(super) fn fail(&mut self, message: impl Into<String>) -> ParseError {
        let start = self.start();
        self.fail_at(start, message)
    }

    /// A mistake at a place.
    pub(super) fn fail_at(&self, start: usize, message: impl Into<String>) -> ParseError {
        let before = self.text.get(..start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        let span = Span {
            start,
            end: start,
            line: count(before.matches('\n').count()),
            column: count(before[line_start..].chars().count()),
        };
        ParseError { span, message: message.into() }
    }

    /// The next letters, digits, `_` and `.`, perhaps none.
    pub(super) fn word(&mut self) -> &'a str {
        let word = self.peek_word();
        self.position += word.len();
        word
    }

    pub(super) fn peek_word(&mut self) -> &'a str {
        self.start();
        let rest = self.rest();
        &rest[..rest.bytes().take_while(|&byte| is_word(byte)).count()]
    }

    /// Reads a word if it comes next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.position += word.len();
        }
        found
    }

    pub(super) fn keyword(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(&format!("`{word}`"))) }
    }

    /// Reads a sign if it comes next.
    pub(super) fn eat(&mut self, sign: &str) -> bool {
        self.start();
        let found = self.rest().starts_with(sign);
        if found {
            self.position += sign.len();
        }
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.eat(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn expected(&mut self, what: &str) -> ParseError {
        self.start();
        let shown: String = self.rest().chars().take_while(|&c| c != '\n').take(20).collect();
        let found = if self.rest().is_empty() { "the end of the text".into() } else { format!("`{shown}`") };
        self.fail(format!("found {found}, expected {what}"))
    }

    /// A name with its sign, which is left out.
    pub(super) fn name(&mut self, sign: char) -> Result<&'a str, ParseError> {
        self.start();
        let rest = self.rest();
        let length = rest.bytes().skip(1).take_while(|&byte| is_word(byte)).count();
        if !rest.starts_with(sign) || length == 0 {
            return Err(self.expected(&format!("a name such as {sign}x")));
        }
        self.position += 1 + length;
        Ok(&rest[1..=length])
    }

    /// A number without sign.
    pub(super) fn size(&mut self) -> Result<usize, ParseError> {
        let start = self.start();
        let word = self.word();
        self.digits(start, word, "a number")
    }

    /// A number with or without sign.
    pub(super) fn integer(&mut self) -> Result<i64, ParseError> {
        let start = self.start();
        let is_negative = self.eat("-");
        let magnitude: u64 = {
            let word = self.word();
            self.digits(start, word, "an integer")?
        };
        self.signed(start, is_negative, magnitude)
    }

    /// A magnitude with a sign, if it fits.
    pub(super) fn signed(&self, place: usize, is_negative: bool, magnitude: u64) -> Result<i64, ParseError> {
        let value = if is_negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        i64::try_from(value).map_err(|_| self.fail_at(place, format!("{value} does not fit 64 bits")))
    }

    /// What a word of digits says.
    pub(super) fn digits<T: std::str::FromStr>(&self, place: usize, word: &str, what: &str) -> Result<T, ParseError> {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit()).then_some(word);
        let parsed = digits.and_then(|digits| digits.parse().ok());
        parsed.ok_or_else(|| self.fail_at(place, format!("found `{word}`, expected {what} of at most 64 bits")))
    }

    /// A string on one line, without its quotes; there are no escapes.
    pub(super) fn string(&mut self) -> Result<&'a str, ParseError> {
        let start = self.start();
        if !self.eat("\"") {
            return Err(self.expected("a string"));
        }
        let rest = self.rest();
        match rest.find(['"', '\n']) {
            Some(length) if rest.as_bytes()[length] == b'"' => {
                self.position += length + 1;
                Ok(&rest[..length])
            }
            Some(_) | None => Err(self.fail_at(start, "a string without its closing quote")),
        }
    }

    /// What stands before the next blank, and where.
    pub(super) fn token(&mut self) -> (usize, &'a str) {
        let start = self.start();
        let rest = self.rest();
        let token = &rest[..rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len())];
        self.position += token.len();
        (start, token)
    }

    /// `[…]` with its brackets, which do not nest, and where it stands.
    pub(super) fn list(&mut self) -> Result<(usize, &'a str), ParseError> {
        let start = self.start();
        let rest = self.rest();
        match rest.find(']') {
            Some(last) if rest.starts_with('[') => {
                self.position += last + 1;
                Ok((start, &rest[..=last]))
            }
            Some(_) | None => Err(self.expected("a list `[…]`")),
        }
    }

    pub(super) fn end(&mut self) -> Result<(), ParseError> {
        self.start();
        if self.rest().is_empty() { Ok(()) } else { Err(self.expected("the end of the text")) }
    }
}
