//! A text file as a verified module.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;

use pullback_ir::parse::{MAX_ERRORS, SourceMap, parse_module_with_map};
use pullback_ir::{FuncId, Function, Module, Origin, ParseErrors, Verified, verify};

use crate::diagnostics::{Message, render};
use crate::failure::Failure;

/// A text and its name in messages.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file name as the user wrote it; `<stdin>` for the standard input.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Reads a file, or the standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be read or is not UTF-8.
    pub fn read(path: &str) -> Result<Self, Failure> {
        let (name, bytes) = if path == "-" {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            ("<stdin>".to_string(), read.map(|_| bytes))
        } else {
            (path.to_string(), fs::read(path))
        };
        let bytes = bytes.map_err(|error| Failure::program(format!("cannot read {name}: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::program(format!("{name} is not text in UTF-8: byte {at} is invalid"))
        })?;
        Ok(Self { name, text })
    }

    /// Parses and verifies the text.
    ///
    /// # Errors
    /// All mistakes found, each with its place.
    pub fn verify(&self) -> Result<(Verified<Module>, SourceMap), Mistakes> {
        let (module, map) = parse_module_with_map(&self.text, &self.name).map_err(|errors| self.unreadable(&errors))?;
        let messages = match verify(module) {
            Ok(module) => return Ok((module, map)),
            Err(errors) => errors.0.iter().map(|error| Message::from_verify(error, &map)).collect(),
        };
        Err(Mistakes { messages, remark: None })
    }

    /// What the parser says, and the mistakes that the verifier finds in the functions that can be read without the others.
    fn unreadable(&self, errors: &ParseErrors) -> Mistakes {
        let mut messages: Vec<Message> = errors.0.iter().map(Message::from_parse).collect();
        if messages.len() >= MAX_ERRORS {
            return Mistakes { messages, remark: Some("reading stopped there") };
        }
        messages.extend(self.mistakes_in_rest(errors));
        messages.sort_by_key(|message| message.place.as_ref().map(|place| place.start));
        Mistakes { messages, remark: Some("functions that cannot be read are not verified yet") }
    }

    /// The verifier's mistakes in the functions without mistakes of the parser. The others are blanked, so that places stay.
    fn mistakes_in_rest(&self, errors: &ParseErrors) -> Vec<Message> {
        let mut text = self.text.clone();
        let mut errors = errors.clone();
        // Functions that call blanked ones are blanked in the next round; a long chain of them is not worth the time.
        for _ in 0..8 {
            for error in &errors.0 {
                let function = function_around(&self.text, error.span.start);
                let blank = text[function.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
                let blank: String = blank.collect();
                text.replace_range(function, &blank);
            }
            match parse_module_with_map(&text, &self.name) {
                Ok((module, map)) => {
                    let errors = verify(module).err().map(|errors| errors.0).unwrap_or_default();
                    return errors.iter().map(|error| Message::from_verify(error, &map)).collect();
                }
                Err(next) => errors = next,
            }
        }
        Vec::new()
    }
}

/// The bytes from the line that begins the function around a place to the one that begins the next.
fn function_around(text: &str, place: usize) -> Range<usize> {
    let (mut start, mut offset) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("func ") {
            if offset > place {
                return start..offset;
            }
            start = offset;
        }
        offset += line.len();
    }
    start..offset
}

/// What is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes {
    /// Every mistake found, in order of the text.
    pub messages: Vec<Message>,
    /// Why there may be more.
    pub remark: Option<&'static str>,
}

/// Whether a text is loop IR: the first word behind blanks and comments says so.
#[must_use]
pub fn is_loop_program(text: &str) -> bool {
    let code = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with(';'));
    code.is_some_and(|line| line.starts_with("program "))
}

/// A verified program and where it came from.
#[derive(Clone, Debug)]
pub struct Program {
    /// The text.
    pub source: Source,
    /// What it says.
    pub module: Verified<Module>,
    map: SourceMap,
    color: bool,
}

impl Program {
    /// Reads, parses and verifies a file, or the standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be read, or has mistakes: all of them, drawn under their lines.
    pub fn load(path: &str, color: bool) -> Result<Self, Failure> {
        Self::from_source(Source::read(path)?, color)
    }

    /// Parses and verifies a text.
    ///
    /// # Errors
    /// If it has mistakes: all of them, drawn under their lines.
    pub fn from_source(source: Source, color: bool) -> Result<Self, Failure> {
        if is_loop_program(&source.text) {
            let message =
                format!("{} is a program in loop IR, which can be checked only; expected tensor IR", source.name);
            return Err(Failure::program(message));
        }
        match source.verify() {
            Ok((module, map)) => Ok(Self { source, module, map, color }),
            Err(mistakes) => Err(Failure::Program(render(&mistakes.messages, &source.name, &source.text, color))),
        }
    }

    /// A mistake of a later stage as a failure that points into the text: at its origin if that is in this text,
    /// else at the function.
    #[must_use]
    pub fn failure(&self, text: String, origin: Option<&Origin>, func: FuncId) -> Failure {
        let message = self.message(text, origin, func);
        Failure::Program(render(&[message], &self.source.name, &self.source.text, self.color))
    }

    /// As [`Self::failure`], not drawn yet.
    #[must_use]
    pub fn message(&self, text: String, origin: Option<&Origin>, func: FuncId) -> Message {
        let mut message = Message::from_origin(text, origin, &self.source.name, &self.source.text);
        if message.place.is_none() && self.module.has(func) {
            message = message.at(self.map.function(&self.module.function(func).name));
        }
        message
    }
}

/// A copy of a module with one more function, which a pass made.
///
/// # Errors
/// If the function does not verify, which is a bug in the pass.
pub fn add_function(
    module: &Verified<Module>,
    function: Function,
    pass: &str,
) -> Result<(Verified<Module>, FuncId), Failure> {
    let mut module = module.clone();
    match module.add(function) {
        Ok(func) => Ok((module, func)),
        Err(errors) => Err(Failure::Bug(format!("{pass} made a program that does not verify:\n{errors}"))),
    }
}
