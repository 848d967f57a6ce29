//! The target: the processor we run on, or less of it.
//!
//! With AVX-512 there are vectors of 512 bits, and the back end in `wide` makes all machine code. Otherwise, and wherever less is asked for, Cranelift does.
//! The loop IR is lowered for a width of vectors, so the choice is made before lowering: [`vector_bytes`] says what it comes to.
//!
//! The least that is supported on x86-64 is SSE4.2, which every such processor made since 2009 has: Cranelift has no
//! code for several vector operations (rounding, blends, lane insertion) below that.

use std::fmt;
use std::str::FromStr;

use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Architecture;

use crate::error::Error;

/// Which instructions generated code may use.
///
/// [`Display`](fmt::Display) gives its name, and [`FromStr`] reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Features {
    /// All that the processor we run on has: vectors of 512 bits with AVX-512, otherwise of 128 bits.
    #[default]
    Native,
    /// As [`Features::Native`], with vectors of at most 128 bits: machine code is Cranelift's, and uses what Cranelift knows.
    Vectors128,
    /// Neither fused multiply-add nor AVX: on x86-64 what SSE4.2 has, elsewhere the architecture's least. Products followed by
    /// sums are rounded twice, so results differ in the last bits from [`Features::Native`].
    Baseline,
}

impl Features {
    /// Every kind, from the most to the least.
    pub const ALL: [Self; 3] = [Self::Native, Self::Vectors128, Self::Baseline];

    /// The name: one word in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Vectors128 => "vectors128",
            Self::Baseline => "baseline",
        }
    }

    /// What it is, in one line for help texts.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Native => "All that this processor has, up to vectors of 512 bits",
            Self::Vectors128 => "The same with vectors of at most 128 bits",
            Self::Baseline => "Vectors of 128 bits without AVX and fused multiply-add, which every processor has",
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no features have; the message lists those that there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFeatures(String);

impl fmt::Display for UnknownFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Features::ALL.map(Features::name).join(", ");
        write!(f, "there are no features `{}`, expected one of: {known}", self.0)
    }
}

impl std::error::Error for UnknownFeatures {}

impl FromStr for Features {
    type Err = UnknownFeatures;

    /// The kind of that name.
    fn from_str(name: &str) -> Result<Self, UnknownFeatures> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownFeatures(name.into()))
    }
}

/// What code is generated for.
pub(crate) struct Target {
    pub(crate) isa: OwnedTargetIsa,
    /// Whether there are fused multiply-add instructions.
    pub(crate) fma: bool,
    /// The width of the widest vectors.
    pub(crate) vector_bytes: usize,
}

/// The flags of x86-64 processors that [`Features::Baseline`] has.
const BASELINE_X86_64: [&str; 6] = ["has_cmpxchg16b", "has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];

impl Target {
    /// The target for the processor we run on. `labels` keeps where blocks begin, for disassembly.
    pub(crate) fn host(features: Features, verify: bool, labels: bool) -> Result<Self, Error> {
        let internal = |error: &dyn fmt::Display| Error::bug("target settings", error.to_string());
        let mut flags = settings::builder();
        let switch = |on| if on { "true" } else { "false" };
        let settings = [
            // What there is to optimise is done before (`emit/scopes.rs` says why).
            ("opt_level", "none"),
            ("enable_verifier", switch(verify)),
            ("machine_code_cfg_info", switch(labels)),
            ("is_pic", "false"),
            // Functions of this process may be further away than a near call reaches.
            ("use_colocated_libcalls", "false"),
            // Nothing unwinds through generated code.
            ("unwind_info", "false"),
        ];
        for (name, value) in settings {
            flags.set(name, value).map_err(|error| internal(&error))?;
        }
        let native = features != Features::Baseline;
        let mut builder = cranelift_native::builder_with_options(native)
            .map_err(|reason| Error::Limitation(format!("this processor is not supported: {reason}")))?;
        let x86_64 = builder.triple().architecture == Architecture::X86_64;
        if x86_64 && !native {
            for flag in BASELINE_X86_64 {
                builder.enable(flag).map_err(|error| internal(&error))?;
            }
        }
        let isa = builder.finish(settings::Flags::new(flags)).map_err(|error| internal(&error))?;
        if x86_64 && !(has(&*isa, "has_sse41") && has(&*isa, "has_sse42") && has(&*isa, "has_ssse3")) {
            return Err(Error::Limitation("this processor is not supported: it lacks SSE4.2".to_owned()));
        }
        let fma = !x86_64 && native || has(&*isa, "has_fma");
        Ok(Self { isa, fma, vector_bytes: vector_bytes(features) })
    }
}

/// The width in bytes of the widest vectors that code can be generated for: 64 on x86-64 processors with AVX-512 (F, VL, BW and DQ), otherwise 16.
#[must_use]
pub fn vector_bytes(features: Features) -> usize {
    if features == Features::Native && has_avx512() { 64 } else { 16 }
}

#[cfg(all(target_arch = "x86_64", not(windows)))]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(not(all(target_arch = "x86_64", not(windows))))]
const fn has_avx512() -> bool {
    false
}

fn has(isa: &dyn TargetIsa, name: &str) -> bool {
    isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_the_name_that_it_shows() {
        for kind in Features::ALL {
            assert_eq!(kind.to_string().parse::<Features>().unwrap(), kind);
        }
        let message = "avx".parse::<Features>().unwrap_err().to_string();
        assert_eq!(message, "there are no features `avx`, expected one of: native, vectors128, baseline");
    }

    #[test]
    fn vectors_are_wide_at_most_where_all_features_are_used() {
        let widths = Features::ALL.map(vector_bytes);
        assert!(matches!(widths, [16 | 64, 16, 16]), "{widths:?}");
    }
}
