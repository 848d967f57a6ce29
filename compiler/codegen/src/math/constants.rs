//! Where vectors of constants are.

use cranelift_codegen::ir::{Function, Value};

/// A place for constants outside the code, from which instructions can take them as operands in memory.
pub trait Constants {
    /// Where bytes, of which there are 4, 8, 16, 32 or 64, are held, as a pointer and an offset from it, aligned to their number; `None` to have them in the
    /// code.
    fn place(&mut self, func: &mut Function, bytes: &[u8]) -> Option<(Value, i32)>;
}

/// Constants in the code, each loaded into a register where it is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct InCode;

impl Constants for InCode {
    fn place(&mut self, _: &mut Function, _: &[u8]) -> Option<(Value, i32)> {
        None
    }
}
