//! Text to tokens.
//!
//! The lexer never fails: what belongs to no token becomes one of kind [`TokenKind::Unknown`], and the parser says what it
//! expected instead. Tokens borrow their text and are made one at a time.

use crate::error::Span;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// `%name`; the token's text is without the sign.
    Value,
    /// `@name`; the token's text is without the sign.
    Func,
    /// A letter or `_`, then letters, digits, `_` and `.`.
    Word,
    /// Anything that starts like a number, so that `1.5.2` is one bad number; also `-inf` and `nan:0x…`.
    Number,
    /// A string with its quotes and escapes.
    Text,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Comma,
    Colon,
    Equals,
    Arrow,
    /// A string without its closing quote, or a character without meaning.
    Unknown,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    pub(super) span: Span,
    pub(super) first_on_line: bool,
}

impl Token<'_> {
    /// The token in a message.
    pub(super) fn describe(&self) -> String {
        let shown: String = self.text.chars().take(40).collect();
        let dots = if shown.len() < self.text.len() { "…" } else { "" };
        match self.kind {
            TokenKind::End => "the end of the text".into(),
            TokenKind::Value => format!("`%{shown}{dots}`"),
            TokenKind::Func => format!("`@{shown}{dots}`"),
            TokenKind::Unknown if self.text.starts_with('"') => "a string without its closing quote".into(),
            TokenKind::Unknown => format!("the character {:?}", self.text.chars().next().unwrap_or(' ')),
            TokenKind::Word
            | TokenKind::Number
            | TokenKind::Text
            | TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::Equals
            | TokenKind::Arrow => format!("`{shown}{dots}`"),
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    line: u32,
    column: u32,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, position: 0, line: 1, column: 1 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or("")
    }

    /// The next token; of kind [`TokenKind::End`] for ever after the last.
    pub(super) fn next(&mut self) -> Token<'a> {
        let first_on_line = self.skip_blanks() || self.position == 0;
        let rest = self.rest();
        let (kind, length) = scan(rest);
        let text = &rest[..length];
        let start = self.position;
        let span = Span { start, end: start + length, line: self.line, column: self.column };
        // No token contains a line end.
        self.position += length;
        self.column = self.column.saturating_add(characters(text));
        let text = if matches!(kind, TokenKind::Value | TokenKind::Func) { &text[1..] } else { text };
        Token { kind, text, span, first_on_line }
    }

    /// Skips spaces, line ends and comments; whether there was a line end.
    fn skip_blanks(&mut self) -> bool {
        let before = self.line;
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else { break };
            match c {
                '\n' => {
                    self.position += 1;
                    self.line = self.line.saturating_add(1);
                    self.column = 1;
                }
                ' ' | '\t' | '\r' | '\u{feff}' => {
                    self.position += c.len_utf8();
                    self.column = self.column.saturating_add(1);
                }
                ';' => {
                    let length = rest.find('\n').unwrap_or(rest.len());
                    self.position += length;
                    self.column = self.column.saturating_add(characters(&rest[..length]));
                }
                _ => break,
            }
        }
        self.line != before
    }
}

fn characters(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// The kind and length in bytes of the token at the start of a text.
fn scan(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let Some(&first) = bytes.first() else { return (TokenKind::End, 0) };
    match first {
        b'(' => (TokenKind::LeftParen, 1),
        b')' => (TokenKind::RightParen, 1),
        b'[' => (TokenKind::LeftBracket, 1),
        b']' => (TokenKind::RightBracket, 1),
        b'{' => (TokenKind::LeftBrace, 1),
        b'}' => (TokenKind::RightBrace, 1),
        b',' => (TokenKind::Comma, 1),
        b':' => (TokenKind::Colon, 1),
        b'=' => (TokenKind::Equals, 1),
        b'-' if bytes.get(1) == Some(&b'>') => (TokenKind::Arrow, 2),
        b'%' | b'@' => {
            let length = name_length(&bytes[1..]);
            let kind = if first == b'%' { TokenKind::Value } else { TokenKind::Func };
            if length == 0 { (TokenKind::Unknown, 1) } else { (kind, 1 + length) }
        }
        b'"' => scan_string(bytes),
        b'0'..=b'9' => (TokenKind::Number, number_length(bytes)),
        b'-' if bytes.get(1).is_some_and(u8::is_ascii_alphanumeric) => {
            (TokenKind::Number, 1 + number_length(&bytes[1..]))
        }
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
            let length = name_length(bytes);
            if &rest[..length] == "nan" && rest[length..].starts_with(":0x") {
                return (TokenKind::Number, length + 1 + number_length(&bytes[length + 1..]));
            }
            (TokenKind::Word, length)
        }
        _ => (TokenKind::Unknown, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

fn name_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_name_byte(byte)).count()
}

/// Letters, digits, `_`, `.`, and a sign behind an `e` unless the number is hexadecimal.
fn number_length(bytes: &[u8]) -> usize {
    let hexadecimal = bytes.starts_with(b"0x");
    let mut length = 0;
    while let Some(&byte) = bytes.get(length) {
        let exponent = !hexadecimal && length > 0 && matches!(bytes[length - 1], b'e' | b'E');
        let part = is_name_byte(byte) || (exponent && matches!(byte, b'+' | b'-'));
        if !part {
            break;
        }
        length += 1;
    }
    length
}

/// A string ends at its quote, a bad one at the line's end.
fn scan_string(bytes: &[u8]) -> (TokenKind, usize) {
    let mut length = 1;
    while let Some(&byte) = bytes.get(length) {
        match byte {
            b'\n' => break,
            b'"' => return (TokenKind::Text, length + 1),
            b'\\' if bytes.get(length + 1).is_some_and(|&next| next == b'"' || next == b'\\') => length += 2,
            _ => length += 1,
        }
    }
    (TokenKind::Unknown, length)
}

/// The meaning of a string token; `None` if it has an escape that does not exist.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(code) = rest.strip_prefix("u{") {
            let end = code.find('}')?;
            out.push(char::from_u32(u32::from_str_radix(&code[..end], 16).ok()?)?);
            rest = &code[end + 1..];
        } else {
            let escaped = rest.chars().next().filter(|c| matches!(c, '"' | '\\'))?;
            out.push(escaped);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            let token = lexer.next();
            if token.kind == TokenKind::End {
                return found;
            }
            found.push((token.kind, token.text));
        }
    }

    #[test]
    fn paired_axes_and_numbers_are_cut_apart() {
        use TokenKind::{LeftBracket, Number, RightBracket, Word};
        let pair = [
            (LeftBracket, "["),
            (Number, "1"),
            (RightBracket, "]"),
            (Word, "x"),
            (LeftBracket, "["),
            (Number, "-0"),
            (RightBracket, "]"),
        ];
        assert_eq!(kinds("[1]x[-0]"), pair);
        assert_eq!(kinds("1e-5 -inf nan:0x7fc00001 nan")[..3].iter().map(|t| t.0).collect::<Vec<_>>(), [Number; 3]);
        assert_eq!(kinds("0x1e-5"), [(Number, "0x1e"), (Number, "-5")]);
        assert_eq!(kinds("nan:0x7fc00001"), [(Number, "nan:0x7fc00001")]);
    }

    #[test]
    fn places_count_lines_and_characters_and_skip_comments() {
        let mut lexer = Lexer::new("; héé\n  \"é\" %x ; end\r\n@f");
        let places: Vec<_> = (0..4).map(|_| lexer.next()).map(|t| (t.span.line, t.span.column)).collect();
        assert_eq!(places, [(2, 3), (2, 7), (3, 1), (3, 3)]);
    }

    #[test]
    fn a_string_without_end_stops_at_the_line() {
        assert_eq!(kinds("\"ab\n%x")[0].0, TokenKind::Unknown);
        assert_eq!(kinds("\"ab\n%x")[1], (TokenKind::Value, "x"));
        assert_eq!(unquote(r#""a\"b\\c\u{a}""#).unwrap(), "a\"b\\c\n");
        assert_eq!(unquote(r#""\q""#), None);
        assert_eq!(unquote(r#""\u{d800}""#), None);
    }
}
