//! The kinds of fusion, each with all that those before it do: a switch by which to measure what each is worth.

use std::fmt;
use std::str::FromStr;

/// How far fusion goes. Each kind does what those before it do, and more; the order is that.
///
/// [`Display`](fmt::Display) gives its name, and [`FromStr`] reads it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Fusion {
    /// Every instruction that is not free is a region of its own. Large ones are still cut into tiles, which threads share.
    Off,
    /// Elementwise operations share loops, with the views between them. A reduction is a region of its own and reads memory.
    Elementwise,
    /// Reductions take in what makes and what uses their elements, and run tile by tile with each other.
    Reductions,
    /// Packed matrix products run tile by tile with what makes and what uses their elements.
    Contractions,
    /// Loops over a small state become single kernels with the state in registers.
    #[default]
    All,
}

impl Fusion {
    /// Every kind, in order.
    pub const ALL: [Self; 5] = [Self::Off, Self::Elementwise, Self::Reductions, Self::Contractions, Self::All];

    /// The name: one word in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Elementwise => "elementwise",
            Self::Reductions => "reductions",
            Self::Contractions => "contractions",
            Self::All => "all",
        }
    }

    /// What it does, in one line for help texts.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Off => "Every instruction is a kernel of its own",
            Self::Elementwise => "Elementwise operations share kernels, with the views between them",
            Self::Reductions => "And reductions with what makes and uses their elements, tile by tile",
            Self::Contractions => "And large matrix products with what makes and uses their elements",
            Self::All => "And loops over a small state are one kernel",
        }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no kind of fusion has; the message lists those that there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFusion(String);

impl fmt::Display for UnknownFusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Fusion::ALL.map(Fusion::name).join(", ");
        write!(f, "there is no fusion `{}`, expected one of: {known}", self.0)
    }
}

impl std::error::Error for UnknownFusion {}

impl FromStr for Fusion {
    type Err = UnknownFusion;

    /// The kind of that name.
    fn from_str(name: &str) -> Result<Self, UnknownFusion> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownFusion(name.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_the_name_that_it_shows() {
        for kind in Fusion::ALL {
            assert_eq!(kind.to_string().parse::<Fusion>().unwrap(), kind);
        }
        assert!(Fusion::ALL.is_sorted(), "each does what those before it do");
        let message = "most".parse::<Fusion>().unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no fusion `most`, expected one of: off, elementwise, reductions, contractions, all"
        );
    }
}
