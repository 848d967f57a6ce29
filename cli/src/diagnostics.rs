//! Messages that point into a text: the line, the place underlined, and what was expected.

use std::ops::Range;

use codespan_reporting::diagnostic::{Diagnostic, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{Config, emit_to_write_style};
use pullback_ir::error::Span;
use pullback_ir::parse::SourceMap;
use pullback_ir::{Origin, ParseError, VerifyError};

/// A message about a text, with its place if it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What is wrong.
    pub text: String,
    /// The bytes it is about.
    pub place: Option<Range<usize>>,
    /// What else is known, such as the function.
    pub notes: Vec<String>,
}

impl Message {
    /// A message without a place.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), place: None, notes: Vec::new() }
    }

    /// The same message at a place.
    #[must_use]
    pub fn at(mut self, span: Option<Span>) -> Self {
        self.place = span.map(|span| span.start..span.end);
        self
    }

    /// A mistake that the parser found.
    #[must_use]
    pub fn from_parse(error: &ParseError) -> Self {
        Self::new(error.message.clone()).at(Some(error.span))
    }

    /// A mistake that the verifier found; `map` knows where its instruction is.
    #[must_use]
    pub fn from_verify(error: &VerifyError, map: &SourceMap) -> Self {
        let span = error.inst.and_then(|inst| map.inst(&error.function, inst)).or(map.function(&error.function));
        let mut message = Self::new(error.message.clone()).at(span);
        message.notes.push(format!("in @{}", error.function));
        message
    }

    /// A mistake of a later stage, with the origin it names if that is in this file.
    #[must_use]
    pub fn from_origin(text: String, origin: Option<&Origin>, file_name: &str, source: &str) -> Self {
        let mut message = Self::new(text);
        match origin {
            Some(Origin::File { file, line, column }) if &**file == file_name => {
                message.place = line_from(source, *line, *column);
            }
            Some(origin) => message.notes.push(format!("from {origin}")),
            None => {}
        }
        message
    }

    /// The line of the place in the text, from 1.
    #[must_use]
    pub fn line(&self, source: &str) -> Option<usize> {
        let place = self.place.as_ref()?;
        Some(source.get(..place.start)?.matches('\n').count() + 1)
    }
}

/// From a line and column to the end of the code on that line.
fn line_from(source: &str, line: u32, column: u32) -> Option<Range<usize>> {
    let mut start = 0;
    for _ in 1..line {
        start += source.get(start..)?.find('\n')? + 1;
    }
    let text = source.get(start..)?.lines().next()?;
    let skipped: usize = text.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    let code = text.split(';').next().unwrap_or(text).trim_end();
    Some(start + skipped..start + code.len().max(skipped))
}

/// The messages as they are shown to the user, each with a blank line behind it.
#[must_use]
pub fn render(messages: &[Message], file_name: &str, source: &str, color: bool) -> String {
    let file = SimpleFile::new(file_name, source);
    let config = Config::default();
    let mut buffer = if color { Buffer::ansi() } else { Buffer::no_color() };
    for message in messages {
        let mut diagnostic = Diagnostic::error().with_message(&message.text).with_notes(message.notes.clone());
        if let Some(place) = &message.place {
            diagnostic = diagnostic.with_label(Label::primary((), place.clone()));
        }
        if emit_to_write_style(&mut buffer, &config, &file, &diagnostic).is_err() {
            // A place outside the text cannot be drawn; the message still can.
            return messages.iter().map(|message| format!("error: {}\n", message.text)).collect();
        }
    }
    String::from_utf8_lossy(buffer.as_slice()).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_place_by_line_and_column_ends_before_the_comment() {
        let source = "a\n  é = neg %x : f32 ; why\nb";
        assert_eq!(&source[line_from(source, 2, 3).unwrap()], "é = neg %x : f32");
        assert_eq!(&source[line_from(source, 2, 5).unwrap()], "= neg %x : f32");
        assert_eq!(&source[line_from(source, 2, 900).unwrap()], "");
        assert_eq!(line_from(source, 4, 1), None);
    }

    #[test]
    fn a_message_is_drawn_under_its_line() {
        let message = Message { text: "wrong".into(), place: Some(4..6), notes: vec!["in @f".into()] };
        let shown = render(&[message], "m.pir", "one\ntwo\n", false);
        assert!(shown.contains("error: wrong") && shown.contains("m.pir:2:1") && shown.contains("^^"), "{shown}");
        let outside = Message { text: "wrong".into(), place: Some(400..600), notes: vec![] };
        assert!(render(&[outside], "m.pir", "one\ntwo\n", false).contains("error: wrong"));
    }
}
