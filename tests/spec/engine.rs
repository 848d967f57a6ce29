//! Compiled execution on the interpreter's arrays.

use pullback::{Options, compile, run_arrays};
use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};

/// The compiler, with all its internal checks on.
pub(crate) fn compiled(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Result<Vec<Array>, String> {
    let options = Options { verify_each: true, ..Options::default() };
    let executable = compile(module, func, &options).map_err(|error| error.to_string())?;
    run_arrays(&executable, inputs).map_err(|error| error.to_string())
}
