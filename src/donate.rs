//! Which result takes the place of a parameter that the caller gives up.

use pullback_ir::{Function, Value};
use pullback_loops::Donation;
use pullback_optimize::fuse::aliased;

use crate::compile::positions;
use crate::error::Error;

/// Pairs each named parameter with the first result of its type that is computed and that no other took, in the order of the names.
///
/// # Errors
/// [`Error::User`] for a name that no parameter has, that comes twice, or for which there is no such result.
pub(crate) fn donations(function: &Function, names: &[String]) -> Result<Vec<Donation>, Error> {
    let mut found: Vec<Donation> = Vec::with_capacity(names.len());
    for (param, name) in positions(function, names)?.into_iter().zip(names) {
        if found.iter().any(|donation| donation.param == param) {
            return Err(Error::User(format!("%{name} is to be donated twice")));
        }
        let ty = function.ty(function.params()[param]);
        let mut results = function.results().iter().enumerate();
        let result = results.find(|&(position, &result)| {
            let is_free = found.iter().all(|donation| donation.result != position);
            is_free && function.ty(result) == ty && is_computed(function, result)
        });
        let (result, _) = result.ok_or_else(|| {
            let rest = "is to be donated, and no result of its type is left that could take its place";
            Error::User(format!("@{}: %{name}: {ty} {rest}", function.name))
        })?;
        found.push(Donation { param, result });
    }
    Ok(found)
}

/// Whether a value is neither a parameter nor one under another shape.
fn is_computed(function: &Function, mut value: Value) -> bool {
    while let Some(operand) = aliased(function, value) {
        value = operand;
    }
    function.def_inst(value).is_some()
}
