//! [`Executable`]: a compiled program that safe code can call.
//!
//! A call needs a table of pointers and an arena. A small stack of such pairs is kept: a call takes one, or makes one if all are in
//! use, and puts it back. At most as many are kept as the machine runs threads at once: with no more callers than that at the same time,
//! each is made once and a call allocates nothing; what a burst of more callers needed is freed when they return.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::abi::{EntryFn, TableLayout};
use crate::bound::Bound;
use crate::error::CallError;
use crate::memory::AlignedBytes;
use crate::pool;
use crate::signature::{Role, Signature};
use crate::tensor::Tensor;
use crate::view::{ArgMut, ArgRef};

/// What an executable is made of.
pub struct Parts {
    /// What it takes and gives.
    pub signature: Signature,
    /// The machine code.
    pub entry: EntryFn,
    /// Keeps the machine code in memory, and frees it when dropped.
    pub code: Box<dyn Send + Sync>,
    /// The constants, in order.
    pub constants: Vec<AlignedBytes>,
    /// The size of the arena in bytes, with what the workers of parallel loops have of their own.
    pub arena_bytes: usize,
}

/// A compiled program: clones share code, constants and spare arenas, and may be called at the same time.
#[derive(Clone)]
pub struct Executable {
    program: Arc<Program>,
}

pub(crate) struct Program {
    pub(crate) signature: Signature,
    entry: EntryFn,
    constants: Vec<AlignedBytes>,
    arena_bytes: usize,
    layout: TableLayout,
    spare: Mutex<Vec<CallState>>,
    /// How many are kept; room for them is reserved.
    spare_limit: usize,
    /// Last, so that the code outlives everything else here.
    _code: Box<dyn Send + Sync>,
}

/// What one call at a time uses: the table of pointers, and the arena that its last entry points to.
pub(crate) struct CallState {
    table: Box<[*mut u8]>,
    /// Owns the memory that the last entry of the table points to.
    _arena: AlignedBytes,
}

// SAFETY: the arena is owned, the constants are shared for reading, and the pointers to arguments and results are stored anew by
// whoever runs the state.
unsafe impl Send for CallState {}

impl CallState {
    /// Stores the pointers of arguments and results, which fit the signature.
    pub(crate) fn set_views(&mut self, inputs: &[ArgRef<'_>], outputs: &mut [ArgMut<'_>]) {
        let views = inputs.iter().map(|view| view.raw.start).chain(outputs.iter().map(|view| view.raw.start));
        for (entry, start) in self.table.iter_mut().zip(views) {
            *entry = start;
        }
    }
}

impl Program {
    /// Checks arguments and results against the signature.
    #[inline]
    pub(crate) fn check(&self, inputs: &[ArgRef<'_>], outputs: &[ArgMut<'_>]) -> Result<(), CallError> {
        self.signature.check_count(Role::Argument, inputs.len())?;
        self.signature.check_count(Role::Result, outputs.len())?;
        for (index, view) in inputs.iter().enumerate() {
            self.signature.check_view(Role::Argument, index, &view.raw)?;
        }
        for (index, view) in outputs.iter().enumerate() {
            self.signature.check_view(Role::Result, index, &view.raw)?;
        }
        Ok(())
    }

    /// A new state, without arguments and results.
    #[cold]
    pub(crate) fn new_state(&self) -> Result<CallState, CallError> {
        let arena = AlignedBytes::uninitialised(self.arena_bytes, &format!("the arena of `{}`", self.signature.name))?;
        let mut table = vec![std::ptr::null_mut(); self.layout.entries()].into_boxed_slice();
        for (index, constant) in self.constants.iter().enumerate() {
            table[self.layout.constant(index)] = constant.as_ptr();
        }
        table[self.layout.arena()] = arena.as_ptr();
        Ok(CallState { table, _arena: arena })
    }

    fn take_state(&self) -> Result<CallState, CallError> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.map_or_else(|| self.new_state(), Ok)
    }

    fn put_state(&self, state: CallState) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = spare.len() >= self.spare_limit;
        if !is_full {
            return spare.push(state);
        }
        // Memory is given back outside the lock.
        drop(spare);
        drop(state);
    }

    /// Runs the machine code.
    ///
    /// # Safety
    /// The state is of this program, and its arguments and results are those of a call that [`Program::check`] accepted and
    /// that are still borrowed.
    #[inline]
    pub(crate) unsafe fn run(&self, state: &mut CallState) {
        // SAFETY: whoever made the executable vouches that the code keeps to the ABI. The table has the ABI's layout: constants and
        // arena by `new_state`, arguments and results by the caller. Results are borrowed uniquely, so they overlap nothing; the
        // state is borrowed uniquely, so nobody else uses the arena.
        unsafe { (self.entry)(state.table.as_ptr()) }
    }
}

impl Executable {
    /// Makes machine code callable.
    ///
    /// # Safety
    /// `entry` is valid as long as `code` lives, and keeps to [`abi`](crate::abi) for buffers of the number, element types and sizes
    /// that `signature`, `constants` and `arena_bytes` say.
    #[must_use]
    pub unsafe fn from_parts(parts: Parts) -> Self {
        let Parts { signature, entry, code, constants, arena_bytes } = parts;
        let layout = TableLayout {
            inputs: signature.inputs.len(),
            outputs: signature.outputs.len(),
            constants: constants.len(),
        };
        // Asking the system takes longer than compiling a small function; the pool asks once.
        let spare_limit = pool::workers(0);
        let spare = Mutex::new(Vec::with_capacity(spare_limit));
        let program = Program { signature, entry, constants, arena_bytes, layout, spare, spare_limit, _code: code };
        Self { program: Arc::new(program) }
    }

    /// What it takes and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.program.signature
    }

    /// Bytes of the arena, with what the workers of parallel loops have of their own. There is one arena per caller at the same time. As many as the machine runs threads at once are kept
    /// for later calls.
    #[must_use]
    pub fn arena_bytes(&self) -> usize {
        self.program.arena_bytes
    }

    /// Bytes of the constants.
    #[must_use]
    pub fn constant_bytes(&self) -> usize {
        self.program.constants.iter().map(AlignedBytes::len).sum()
    }

    /// Runs the program on borrowed arguments, and stores its results. A result that is [donated](Signature::donated) an argument's place holds that argument before.
    ///
    /// # Errors
    /// If number, element types, shapes or layout of arguments or results are not the program's, or there is no memory for
    /// another arena. Nothing has been stored then.
    pub fn call(&self, inputs: &[ArgRef<'_>], outputs: &mut [ArgMut<'_>]) -> Result<(), CallError> {
        self.program.check(inputs, outputs)?;
        let mut state = self.program.take_state()?;
        state.set_views(inputs, outputs);
        // SAFETY: the state is of this program, and holds the arguments and results just checked, which are borrowed meanwhile.
        unsafe { self.program.run(&mut state) };
        self.program.put_state(state);
        Ok(())
    }

    /// Runs the program on borrowed arguments; the results are new tensors.
    ///
    /// # Errors
    /// As [`Executable::call`], if there is no memory for the results, and if one takes the place of an argument.
    pub fn run(&self, inputs: &[ArgRef<'_>]) -> Result<Vec<Tensor>, CallError> {
        self.program.signature.check_new_results()?;
        self.program.signature.check_count(Role::Argument, inputs.len())?;
        let parameters = self.program.signature.outputs.iter();
        let mut results: Vec<Tensor> =
            parameters.map(|output| Tensor::zeros(output.dtype, &output.shape)).collect::<Result<_, _>>()?;
        let mut outputs: Vec<ArgMut<'_>> = results.iter_mut().map(ArgMut::from).collect();
        self.call(inputs, &mut outputs)?;
        Ok(results)
    }

    /// Checks arguments and results now, to run the program on them many times. A result that is donated an argument's place is the argument of the next time.
    ///
    /// # Errors
    /// As [`Executable::call`].
    pub fn bind<'a>(&self, inputs: &[ArgRef<'a>], outputs: Vec<ArgMut<'a>>) -> Result<Bound<'a>, CallError> {
        Bound::new(Arc::clone(&self.program), inputs, outputs)
    }
}

impl fmt::Debug for Executable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executable")
            .field("signature", &self.program.signature)
            .field("arena_bytes", &self.program.arena_bytes)
            .field("constant_bytes", &self.constant_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    unsafe extern "C" fn nothing(_: *const *mut u8) {}

    #[test]
    fn arenas_of_a_burst_of_callers_are_freed_and_the_list_of_spare_ones_never_grows() {
        let signature = Signature { name: "nothing".to_owned(), inputs: vec![], outputs: vec![], donated: vec![] };
        let parts = Parts { signature, entry: nothing, code: Box::new(()), constants: vec![], arena_bytes: 64 };
        // SAFETY: a function that does nothing keeps to the ABI of a program without buffers.
        let executable = unsafe { Executable::from_parts(parts) };
        let program = &executable.program;
        let limit = program.spare_limit;
        let capacity = program.spare.lock().unwrap().capacity();
        assert!(limit >= 1 && capacity >= limit);
        let burst: Vec<CallState> = (0..3 * limit).map(|_| program.take_state().unwrap()).collect();
        burst.into_iter().for_each(|state| program.put_state(state));
        let spare = program.spare.lock().unwrap();
        assert_eq!((spare.len(), spare.capacity()), (limit, capacity));
        drop(spare);
        executable.call(&[], &mut []).unwrap();
        assert_eq!(program.spare.lock().unwrap().len(), limit);
    }
}
