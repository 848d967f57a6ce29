//! The text form, read.
use crate::error::ParseErrors;
use crate::function::Module;

/// Reads a module.
///
/// # Errors
/// All mistakes found.
pub fn parse_module(_text: &str) -> Result<Module, ParseErrors> {
    Err(ParseErrors(Vec::new()))
}
