//! What a program takes and gives, and the checks of a call against it.

use crate::abi::DType;
use crate::error::CallError;
use crate::view::{RawView, ViewShape};

/// An argument or result of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name, for messages.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The extents, outermost first.
    pub shape: Vec<usize>,
}

impl Parameter {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a program takes and gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// The program's name.
    pub name: String,
    /// The arguments.
    pub inputs: Vec<Parameter>,
    /// The results.
    pub outputs: Vec<Parameter>,
    /// The positions of results that take the place of an argument which the caller gives up: their memory holds that argument when the program begins, and it is none
    /// of the inputs.
    pub donated: Vec<usize>,
}

/// Which side of a call a view is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Argument,
    Result,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Result => "result",
        }
    }
}

impl Signature {
    const fn side(&self, role: Role) -> &Vec<Parameter> {
        match role {
            Role::Argument => &self.inputs,
            Role::Result => &self.outputs,
        }
    }

    /// Whether all results may be stored to new memory.
    pub(crate) fn check_new_results(&self) -> Result<(), CallError> {
        match self.donated.first() {
            None => Ok(()),
            Some(&index) => {
                let name = self.outputs.get(index).map_or("", |output| &output.name);
                Err(CallError::Donated { program: self.name.as_str().into(), index, name: name.into() })
            }
        }
    }

    /// Whether `found` is as many views as the program has on that side.
    pub(crate) fn check_count(&self, role: Role, found: usize) -> Result<(), CallError> {
        let parameters = self.side(role);
        if parameters.len() == found {
            return Ok(());
        }
        let names: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        Err(CallError::Count {
            program: self.name.as_str().into(),
            role: role.name(),
            expected: parameters.len(),
            found,
            names: if names.is_empty() { "none".into() } else { names.join(", ").into() },
        })
    }

    /// Whether a view is what the program has at that position, which exists.
    #[inline]
    pub(crate) fn check_view(&self, role: Role, index: usize, view: &RawView<'_>) -> Result<(), CallError> {
        let parameter = &self.side(role)[index];
        let shape_fits = match view.shape {
            ViewShape::Extents(extents) => *extents == *parameter.shape,
            ViewShape::Flat => true,
        };
        if view.dtype == parameter.dtype && shape_fits && view.elements == parameter.elements() && view.standard {
            return Ok(());
        }
        Err(self.misfit(role, index, view))
    }

    #[cold]
    fn misfit(&self, role: Role, index: usize, view: &RawView<'_>) -> CallError {
        let parameter = &self.side(role)[index];
        let (program, name): (Box<str>, Box<str>) = (self.name.as_str().into(), parameter.name.as_str().into());
        let (dtype, role) = (parameter.dtype, role.name());
        let shape: Box<str> = format_shape(&parameter.shape).into();
        if view.dtype != dtype {
            return CallError::DType { program, role, index, name, expected: dtype, shape, found: view.dtype };
        }
        if let ViewShape::Extents(extents) = view.shape
            && *extents != *parameter.shape
        {
            let found = if extents.is_empty() { "of a scalar".into() } else { format_shape(extents).into() };
            return CallError::Shape { program, role, index, name, dtype, expected: shape, found };
        }
        if view.elements != parameter.elements() {
            let (expected, found) = (parameter.elements(), view.elements);
            return CallError::Elements { program, role, index, name, dtype, shape, expected, found };
        }
        CallError::Layout { program, role, index, name }
    }
}

/// A shape in messages, as the IR writes it: nothing for a scalar.
pub(crate) fn format_shape(extents: &[usize]) -> String {
    if extents.is_empty() {
        return String::new();
    }
    let extents: Vec<_> = extents.iter().map(usize::to_string).collect();
    format!("[{}]", extents.join(","))
}
