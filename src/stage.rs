//! The stages of a compilation, by the names that interfaces know them under.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A stage whose result can be printed. The order is that of the compilation.
///
/// [`Display`](fmt::Display) gives its name, and [`FromStr`] reads it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// The function as given, in tensor IR.
    Tensor,
    /// Its derivative, before optimisation; the function itself if none is asked for.
    Adjoint,
    /// After the optimisation passes.
    Optimized,
    /// In order of the fusion regions, which are described in comments.
    Fused,
    /// Loop IR.
    Loops,
    /// What memory the program needs, with a drawing of the arena over time.
    Memory,
    /// Cranelift IR.
    Clif,
    /// Machine code, disassembled.
    Asm,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 8] =
        [Self::Tensor, Self::Adjoint, Self::Optimized, Self::Fused, Self::Loops, Self::Memory, Self::Clif, Self::Asm];

    /// The name: one word in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Adjoint => "adjoint",
            Self::Optimized => "optimized",
            Self::Fused => "fused",
            Self::Loops => "loops",
            Self::Memory => "memory",
            Self::Clif => "clif",
            Self::Asm => "asm",
        }
    }

    /// What it shows, in one line for help texts.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Tensor => "The tensor IR as it was read",
            Self::Adjoint => "The tensor IR of the derivative",
            Self::Optimized => "The tensor IR after the optimisation passes",
            Self::Fused => "The optimised tensor IR grouped into fusion regions, with the reasons",
            Self::Loops => "The loop IR",
            Self::Memory => "The bytes of memory, with a drawing of the arena over time",
            Self::Clif => "Cranelift's intermediate form",
            Self::Asm => "The machine code, disassembled",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Stage {
    type Err = Error;

    /// The stage of that name; [`Error::User`] lists the names if there is none.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::User(format!("there is no stage `{name}`, expected one of: {known}"))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_by_the_name_that_it_shows() {
        for stage in Stage::ALL {
            assert_eq!(stage.to_string().parse::<Stage>().unwrap(), stage);
        }
        assert!(Stage::ALL.is_sorted(), "in the order of the compilation");
    }

    #[test]
    fn a_stage_that_does_not_exist_is_answered_with_those_that_do() {
        let message = "Loops".parse::<Stage>().unwrap_err().to_string();
        assert!(message.contains("no stage `Loops`"), "{message}");
        assert!(Stage::ALL.iter().all(|stage| message.contains(stage.name())), "{message}");
    }
}
