//! What arrays alive in an evaluation hold of the memory it may use.
//!
//! An array is charged before it is made and released when the last owner drops it, so that passing one into a call or a region
//! costs nothing. Scratch of single operations is not counted: it is at most a few machine words per operand element.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use crate::array::Array;
use crate::error::Error;

/// Bytes of the arrays alive.
pub(crate) struct Memory {
    used: Cell<usize>,
    limit: usize,
}

/// Bytes that count as used until this is dropped.
pub(crate) struct Charge {
    bytes: usize,
    memory: Rc<Memory>,
}

/// An array with its charge.
pub(crate) struct Held {
    array: Array,
    charge: Charge,
}

/// An array that several values, frames and loops may own.
pub(crate) type Shared = Rc<Held>;

impl Memory {
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { used: Cell::new(0), limit })
    }

    /// Counts `needed` more bytes; `what` says what for.
    pub(crate) fn charge(self: &Rc<Self>, needed: usize, what: impl FnOnce() -> String) -> Result<Charge, Error> {
        match self.used.get().checked_add(needed) {
            Some(used) if used <= self.limit => {
                self.used.set(used);
                Ok(Charge { bytes: needed, memory: Rc::clone(self) })
            }
            _ => Err(Error::Memory { what: what(), needed, used: self.used.get(), limit: self.limit }),
        }
    }

    /// A charged copy.
    pub(crate) fn copy(self: &Rc<Self>, array: &Array, what: &str) -> Result<Shared, Error> {
        let charge = self.charge(array.bytes(), || format!("a copy of {what} {}", array.ty()))?;
        Ok(charge.hold(array.try_clone()?))
    }
}

impl Charge {
    /// The array that was charged for.
    pub(crate) fn hold(self, array: Array) -> Shared {
        Rc::new(Held { array, charge: self })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.used.set(self.memory.used.get() - self.bytes);
    }
}

impl Held {
    /// The array, a copy if it has other owners.
    pub(crate) fn into_array(self: Rc<Self>) -> Result<Array, Error> {
        match Rc::try_unwrap(self) {
            Ok(held) => Ok(held.array),
            Err(shared) => {
                // The copy leaves the evaluation, but while that lasts it counts.
                let memory = &shared.charge.memory;
                let _charge =
                    memory.charge(shared.array.bytes(), || format!("a copy of the result {}", shared.ty()))?;
                shared.array.try_clone()
            }
        }
    }

    /// The array, to be changed in place.
    pub(crate) const fn array_mut(&mut self) -> &mut Array {
        &mut self.array
    }
}

impl Deref for Held {
    type Target = Array;
    fn deref(&self) -> &Array {
        &self.array
    }
}
