//! The target: the processor we run on, or less of it.
//!
//! The least that is supported on x86-64 is SSE4.2, which every such processor made since 2009 has: Cranelift has no
//! code for several vector operations (rounding, blends, lane insertion) below that.

use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Architecture;

use crate::error::Error;

/// Which instructions generated code may use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Features {
    /// All that the processor we run on has, and that Cranelift knows.
    #[default]
    Native,
    /// Neither fused multiply-add nor AVX: on x86-64 what SSE4.2 has, elsewhere the architecture's least. Products followed by
    /// sums are rounded twice, so results differ in the last bits from [`Features::Native`].
    Baseline,
    /// As [`Features::Native`], with vectors of at most 128 bits.
    Vectors128,
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
        let internal = |error: &dyn std::fmt::Display| Error::bug("target settings", error.to_string());
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

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}

fn has(isa: &dyn TargetIsa, name: &str) -> bool {
    isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true))
}
