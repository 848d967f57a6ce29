//! How a compiled program is called.
//!
//! A program is an [`EntryFn`]: it takes one pointer, to a table of pointers to the first byte of every buffer, in the order of
//! [`TableLayout`]:
//!
//! ```text
//! inputs in order │ outputs in order │ constants in order │ the arena
//! ```
//!
//! The arena holds, behind what all of the program shares, a part for each worker that may run iterations of its parallel loops. How it
//! is divided is the program's affair, which gets the size of all of it allocated.
//!
//! A program may call [`pullback_parallel`](crate::pool::pullback_parallel) with a function of its own, which then runs on several threads at
//! once. All of them are done when the program returns.
//!
//! Buffers are dense and row-major; a `bool` is one byte, 0 or 1. The caller promises, and the program relies on:
//!
//! - every pointer is valid for all bytes of its buffer, and aligned to its element type (constants and the arena to
//!   [`ALIGNMENT`](crate::memory::ALIGNMENT)); a buffer without elements has a dangling but aligned pointer;
//! - no output overlaps another buffer, and nobody but the program writes to any buffer during the call;
//! - inputs and constants are initialised, their `bool`s 0 or 1, and so are the outputs that the signature calls donated, which hold an argument; other
//!   outputs and the arena need not be.
//!
//! The program promises, and the caller relies on: it stores to outputs and the arena alone and stays inside every
//! buffer; its threads never store where another of them loads or stores at that time; `bool`s it stores are 0 or 1; it does not unwind, and it returns, unless the user wrote a loop with a condition and
//! no bound that never ends. A lowered function stores every element of every output. The loop IR's verifier checks only that
//! something is stored to each, so with a program written by hand elements may keep what they held: outputs are therefore
//! initialised memory whenever the caller is safe code.

mod sealed {
    /// Keeps [`Element`](super::Element) to the types that generated code knows.
    pub trait Sealed {}
}

/// A compiled program; see the [module](self) for the table it takes.
pub type EntryFn = unsafe extern "C" fn(table: *const *mut u8);

/// The type of a buffer's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 32-bit two's complement integer.
    I32,
    /// 64-bit two's complement integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// Truth value, one byte, 0 or 1.
    Bool,
}

impl DType {
    /// The name in messages and in the text form of the IRs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }

    /// Bytes of one element, which is also its alignment.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
            Self::U8 | Self::Bool => 1,
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that is the element type of a buffer.
///
/// Sealed: the implementors have the size and alignment of their [`DType`], no padding, and zero bytes are one of their values.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The element type.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident),*) => {$(
        impl sealed::Sealed for $ty {}
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;
        }
        const _: () = assert!(size_of::<$ty>() == DType::$dtype.bytes() && align_of::<$ty>() <= DType::$dtype.bytes());
    )*};
}
elements!(f32 => F32, f64 => F64, i32 => I32, i64 => I64, u8 => U8, bool => Bool);

/// The positions of buffers in the table of pointers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableLayout {
    /// The number of inputs.
    pub inputs: usize,
    /// The number of outputs.
    pub outputs: usize,
    /// The number of constants.
    pub constants: usize,
}

impl TableLayout {
    /// The position of an input.
    #[must_use]
    pub const fn input(&self, index: usize) -> usize {
        index
    }

    /// The position of an output.
    #[must_use]
    pub const fn output(&self, index: usize) -> usize {
        self.inputs + index
    }

    /// The position of a constant.
    #[must_use]
    pub const fn constant(&self, index: usize) -> usize {
        self.inputs + self.outputs + index
    }

    /// The position of the arena, which is the last.
    #[must_use]
    pub const fn arena(&self) -> usize {
        self.inputs + self.outputs + self.constants
    }

    /// The number of entries.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.arena() + 1
    }
}
