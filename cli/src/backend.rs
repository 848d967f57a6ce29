//! Everything that compiles, in one place: machine code run on arrays, dumps of every stage, and timings.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use pullback::{Error, Features, Fusion, MemoryReport, Options, PassLimit, Report, Stage};
use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};

use crate::failure::Failure;

/// Reads a stage, with all names and what they mean for help and completion.
#[must_use]
pub fn stage_parser() -> impl TypedValueParser<Value = Stage> {
    let names = Stage::ALL.map(|stage| PossibleValue::new(stage.name()).help(stage.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Stage>())
}

/// Reads a kind of fusion, with all names and what they mean for help and completion.
#[must_use]
pub fn fusion_parser() -> impl TypedValueParser<Value = Fusion> {
    let names = Fusion::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Fusion>())
}

/// Reads processor features, with all names and what they mean for help and completion.
#[must_use]
pub fn features_parser() -> impl TypedValueParser<Value = Features> {
    let names = Features::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Features>())
}

/// Reads a number of bytes: digits, and a unit such as `KiB`, `MiB` or `GB`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => Some(1),
        "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let expected = "expected a number of bytes, such as 1000000, 64KiB, 16MiB or 2GB";
    let (number, factor) = number.parse::<usize>().ok().zip(factor).ok_or(expected)?;
    number.checked_mul(factor).ok_or_else(|| format!("{text} is more than any address space"))
}

/// The results of a compiled function.
///
/// # Errors
/// If it cannot be compiled, or the inputs do not fit.
pub fn run(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &Options,
) -> Result<Vec<Array>, Failure> {
    let executable = pullback::compile(module, func, options).map_err(failure)?;
    pullback::run_arrays(&executable, inputs).map_err(failure)
}

/// A stage as text.
///
/// # Errors
/// If the function cannot be lowered that far, or a pass of the options does not exist.
pub fn dump(module: &Verified<Module>, func: FuncId, stage: Stage, options: &Options) -> Result<String, Failure> {
    pullback::dump(module, func, options, stage).map_err(failure)
}

/// The memory that a compiled function needs.
///
/// # Errors
/// If it cannot be lowered.
pub fn memory(module: &Verified<Module>, func: FuncId, options: &Options) -> Result<MemoryReport, Failure> {
    pullback::memory_report(module, func, options).map_err(failure)
}

/// What compiling a function does, and how long each part takes.
///
/// # Errors
/// If it cannot be compiled.
pub fn report(module: &Verified<Module>, func: FuncId, options: &Options) -> Result<Report, Failure> {
    pullback::compile_with_report(module, func, options).map(|(_, report)| report).map_err(failure)
}

/// The options that cut the passes short and say which instructions share kernels.
#[must_use]
pub fn options(after: Option<&str>, before: Option<&str>, fusion: Fusion) -> Options {
    let after = after.map(|pass| PassLimit::After(pass.into()));
    let before = before.map(|pass| PassLimit::Before(pass.into()));
    Options { pass_limit: after.or(before), fusion, ..Options::default() }
}

/// An error of the compiler as it is shown.
#[must_use]
pub fn failure(error: Error) -> Failure {
    match error {
        Error::User(_) | Error::Limit(_) => Failure::program(error),
        Error::Bug(message) => Failure::Bug(message),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_their_unit() {
        let sizes = ["0", "17", "17B", "3kB", "3KiB", "2MiB", "1GB"].map(|text| bytes(text).unwrap());
        assert_eq!(sizes, [0, 17, 17, 3_000, 3_072, 2 << 20, 1_000_000_000]);
        for wrong in ["", "MiB", "1.5MiB", "-1", "1 MiB", "1mib", "4T"] {
            assert!(bytes(wrong).unwrap_err().contains("a number of bytes"), "{wrong}");
        }
        assert!(bytes("99999999999999999GiB").unwrap_err().contains("address space"));
    }
}
