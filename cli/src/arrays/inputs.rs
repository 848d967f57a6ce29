//! The inputs of a run: from files, from literals on the command line, or random.

use std::path::Path;

use pullback_interp::Array;
use pullback_ir::parse::parse_literal;
use pullback_ir::{FuncId, Module, Type};

use crate::derive::param_names;
use crate::failure::Failure;

/// The most bytes that all inputs together may have.
const MEMORY_LIMIT: usize = 8 << 30;

/// One array for each parameter of a function.
///
/// `given` are texts `NAME=FILE.npy`, `NAME=LITERAL` or `FILE.safetensors` (each of its tensors named like a parameter is that parameter's); parameters not given are random if there is a seed.
///
/// # Errors
/// If a name is no parameter or given twice, a value does not fit, or inputs are missing.
pub fn collect(module: &Module, func: FuncId, given: &[String], seed: Option<u64>) -> Result<Vec<Array>, Failure> {
    let function = module.function(func);
    let names = param_names(module, function);
    let types: Vec<&Type> = function.param_types().collect();
    let needed = types.iter().fold(0usize, |sum, ty| sum.saturating_add(ty.bytes()));
    if needed > MEMORY_LIMIT {
        return Err(Failure::program(format!(
            "the inputs of @{} have {needed} bytes, at most {MEMORY_LIMIT} are supported",
            function.name
        )));
    }
    let mut values: Vec<Option<&str>> = vec![None; names.len()];
    let mut stored: Vec<Option<Array>> = vec![None; names.len()];
    for text in given {
        if is_safetensors(text) && !text.contains('=') {
            let arrays = super::safetensors::read(Path::new(text), &names, &types)
                .map_err(|message| Failure::program(format!("--input {text}: {message}")))?;
            for (position, array) in arrays {
                if stored[position].replace(array).is_some() {
                    return Err(Failure::Usage(format!("--input {text}: %{} is given twice", names[position])));
                }
            }
            continue;
        }
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::Usage(format!("--input {text}: expected NAME=FILE.npy or NAME=VALUE, as in x=2.5 or x=[1,2]"))
        })?;
        if value.is_empty() {
            return Err(Failure::Usage(format!("--input {text}: there is no value behind the `=`")));
        }
        let name = name.trim().trim_start_matches('%');
        let position = names.iter().position(|known| known == name).ok_or_else(|| {
            let known = list(&names, &types, |_| true);
            Failure::Usage(format!(
                "--input {text}: @{} has no parameter %{name}, expected one of:{known}",
                function.name
            ))
        })?;
        if values[position].replace(value).is_some() {
            return Err(Failure::Usage(format!("--input {text}: %{name} is given twice")));
        }
    }
    let is_missing = |position: usize| values[position].is_none() && stored[position].is_none();
    if seed.is_none() && (0..names.len()).any(is_missing) {
        let missing = list(&names, &types, is_missing);
        return Err(Failure::Usage(format!(
            "these inputs of @{} are missing; give each with --input NAME=FILE.npy, or all with --random SEED:{missing}",
            function.name
        )));
    }
    // A value of its own goes before one from a file of many.
    let arrays = values.iter().zip(stored).enumerate().map(|(position, given)| match given {
        (Some(value), _) => read(&names[position], value, types[position]),
        (None, Some(array)) => Ok(array),
        (None, None) => {
            let mut stream = super::random::stream(seed.unwrap_or_default(), position);
            super::random::array(types[position], &mut stream).map_err(Failure::program)
        }
    });
    arrays.collect()
}

fn is_safetensors(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

fn list(names: &[String], types: &[&Type], wanted: impl Fn(usize) -> bool) -> String {
    let lines = (0..names.len()).filter(|&position| wanted(position));
    lines.map(|position| format!("\n  %{}: {}", names[position], types[position])).collect()
}

fn read(name: &str, value: &str, ty: &Type) -> Result<Array, Failure> {
    let path = Path::new(value);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")) {
        return super::npy::read(path, ty)
            .map_err(|message| Failure::program(format!("input %{name}: {value}: {message}")));
    }
    let literal = parse_literal(value, ty).map_err(|errors| {
        if path.is_file() {
            return Failure::program(format!("input %{name}: only .npy files can be read, found {value}"));
        }
        let message = errors.0.first().map(|error| error.message.clone()).unwrap_or_default();
        Failure::program(format!(
            "input %{name}: `{value}` is neither a file .npy nor a literal of type {ty}: {message}"
        ))
    })?;
    Array::from_literal(&literal).map_err(|error| Failure::program(format!("input %{name}: {error}")))
}
