//! A text file as a verified module.

use std::fs;
use std::io::{self, Read};

use pullback_ir::parse::{SourceMap, parse_module_with_map};
use pullback_ir::{FuncId, Module, Origin, Verified, verify};

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
    pub fn verify(&self) -> Result<(Verified<Module>, SourceMap), Vec<Message>> {
        let (module, map) = parse_module_with_map(&self.text, &self.name)
            .map_err(|errors| errors.0.iter().map(Message::from_parse).collect::<Vec<_>>())?;
        let verified = verify(module)
            .map_err(|errors| errors.0.iter().map(|error| Message::from_verify(error, &map)).collect::<Vec<_>>())?;
        Ok((verified, map))
    }
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
        match source.verify() {
            Ok((module, map)) => Ok(Self { source, module, map, color }),
            Err(messages) => Err(Failure::Program(render(&messages, &source.name, &source.text, color))),
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

/// Adds a function that a pass made, and verifies the whole again.
///
/// # Errors
/// If it does not verify, which is a bug in the pass.
pub fn add_function(
    module: &Verified<Module>,
    function: pullback_ir::Function,
    pass: &str,
) -> Result<(Verified<Module>, FuncId), Failure> {
    let mut module = Module::clone(module);
    let func = module.add(function);
    match verify(module) {
        Ok(module) => Ok((module, func)),
        Err(errors) => Err(Failure::Bug(format!("{pass} made a program that does not verify:\n{errors}"))),
    }
}
