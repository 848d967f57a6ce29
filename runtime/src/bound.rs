//! [`Bound`]: a call whose checks are already done.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::CallError;
use crate::executable::{CallState, Program};
use crate::view::{ArgMut, ArgRef};

/// A program together with the arguments and results it runs on, and an arena of its own.
///
/// Running it is one indirect call. It borrows its arguments and results for as long as it lives.
pub struct Bound<'a> {
    program: Arc<Program>,
    state: CallState,
    lent: PhantomData<&'a mut ()>,
}

impl<'a> Bound<'a> {
    /// Takes the views of the results by value: used while this lives they would alias what it writes.
    pub(crate) fn new(
        program: Arc<Program>,
        inputs: &[ArgRef<'a>],
        mut outputs: Vec<ArgMut<'a>>,
    ) -> Result<Self, CallError> {
        program.check(inputs, &outputs)?;
        let mut state = program.new_state()?;
        state.set_views(inputs, &mut outputs);
        Ok(Self { program, state, lent: PhantomData })
    }

    /// Runs the program once more.
    #[inline]
    pub fn run(&mut self) {
        // SAFETY: the state was made by this program for arguments and results that it had checked, all borrowed for `'a`.
        unsafe { self.program.run(&mut self.state) };
    }
}
