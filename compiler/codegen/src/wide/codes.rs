//! Names of encodings, by element type and width.
//!
//! The encodings of a packed operation for 128, 256 and 512 bits follow each other in [`Code`]; tables have the first.

use cranelift_codegen::ir::{Type, types};
use iced_x86::Code;

use super::inst::{Condition, Width};

/// The encoding for a width, where that for 128 bits is given.
pub(super) fn at(code: Code, width: Width) -> Code {
    Code::try_from(code as usize + width as usize).unwrap_or(Code::INVALID)
}

/// The width of the register that holds a value of a type.
pub(super) fn width(ty: Type) -> Width {
    Width::of_bits(ty.bits())
}

/// An operation of floats: of vectors and of scalars, in both precisions.
#[derive(Clone, Copy)]
pub(super) struct FloatOp {
    ps: Code,
    pd: Code,
    ss: Code,
    sd: Code,
}

impl FloatOp {
    pub(super) fn code(self, ty: Type) -> Code {
        match (ty.is_vector(), ty.lane_type() == types::F32) {
            (true, true) => at(self.ps, width(ty)),
            (true, false) => at(self.pd, width(ty)),
            (false, true) => self.ss,
            (false, false) => self.sd,
        }
    }
}

macro_rules! float_ops {
    ($($name:ident: $ps:ident $pd:ident $ss:ident $sd:ident;)*) => {
        $(pub(super) const $name: FloatOp =
            FloatOp { ps: Code::$ps, pd: Code::$pd, ss: Code::$ss, sd: Code::$sd };)*
        #[cfg(test)]
        const FLOAT_OPS: &[FloatOp] = &[$($name,)*];
    };
}

float_ops! {
    ADD: EVEX_Vaddps_xmm_k1z_xmm_xmmm128b32 EVEX_Vaddpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vaddss_xmm_k1z_xmm_xmmm32_er EVEX_Vaddsd_xmm_k1z_xmm_xmmm64_er;
    SUB: EVEX_Vsubps_xmm_k1z_xmm_xmmm128b32 EVEX_Vsubpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vsubss_xmm_k1z_xmm_xmmm32_er EVEX_Vsubsd_xmm_k1z_xmm_xmmm64_er;
    MUL: EVEX_Vmulps_xmm_k1z_xmm_xmmm128b32 EVEX_Vmulpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vmulss_xmm_k1z_xmm_xmmm32_er EVEX_Vmulsd_xmm_k1z_xmm_xmmm64_er;
    DIV: EVEX_Vdivps_xmm_k1z_xmm_xmmm128b32 EVEX_Vdivpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vdivss_xmm_k1z_xmm_xmmm32_er EVEX_Vdivsd_xmm_k1z_xmm_xmmm64_er;
    MIN: EVEX_Vminps_xmm_k1z_xmm_xmmm128b32 EVEX_Vminpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vminss_xmm_k1z_xmm_xmmm32_sae EVEX_Vminsd_xmm_k1z_xmm_xmmm64_sae;
    MAX: EVEX_Vmaxps_xmm_k1z_xmm_xmmm128b32 EVEX_Vmaxpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vmaxss_xmm_k1z_xmm_xmmm32_sae EVEX_Vmaxsd_xmm_k1z_xmm_xmmm64_sae;
    SQRT: EVEX_Vsqrtps_xmm_k1z_xmmm128b32 EVEX_Vsqrtpd_xmm_k1z_xmmm128b64 EVEX_Vsqrtss_xmm_k1z_xmm_xmmm32_er EVEX_Vsqrtsd_xmm_k1z_xmm_xmmm64_er;
    SCALE: EVEX_Vscalefps_xmm_k1z_xmm_xmmm128b32 EVEX_Vscalefpd_xmm_k1z_xmm_xmmm128b64 EVEX_Vscalefss_xmm_k1z_xmm_xmmm32_er EVEX_Vscalefsd_xmm_k1z_xmm_xmmm64_er;
    ROUND: EVEX_Vrndscaleps_xmm_k1z_xmmm128b32_imm8 EVEX_Vrndscalepd_xmm_k1z_xmmm128b64_imm8 EVEX_Vrndscaless_xmm_k1z_xmm_xmmm32_imm8_sae EVEX_Vrndscalesd_xmm_k1z_xmm_xmmm64_imm8_sae;
    COMPARE: EVEX_Vcmpps_kr_k1_xmm_xmmm128b32_imm8 EVEX_Vcmppd_kr_k1_xmm_xmmm128b64_imm8 EVEX_Vcmpss_kr_k1_xmm_xmmm32_imm8_sae EVEX_Vcmpsd_kr_k1_xmm_xmmm64_imm8_sae;
    FMADD132: EVEX_Vfmadd132ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmadd132pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmadd132ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmadd132sd_xmm_k1z_xmm_xmmm64_er;
    FMADD213: EVEX_Vfmadd213ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmadd213pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmadd213ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmadd213sd_xmm_k1z_xmm_xmmm64_er;
    FMADD231: EVEX_Vfmadd231ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmadd231pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmadd231ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmadd231sd_xmm_k1z_xmm_xmmm64_er;
    FMSUB132: EVEX_Vfmsub132ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmsub132pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmsub132ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmsub132sd_xmm_k1z_xmm_xmmm64_er;
    FMSUB213: EVEX_Vfmsub213ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmsub213pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmsub213ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmsub213sd_xmm_k1z_xmm_xmmm64_er;
    FMSUB231: EVEX_Vfmsub231ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfmsub231pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfmsub231ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfmsub231sd_xmm_k1z_xmm_xmmm64_er;
    FNMADD132: EVEX_Vfnmadd132ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmadd132pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmadd132ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmadd132sd_xmm_k1z_xmm_xmmm64_er;
    FNMADD213: EVEX_Vfnmadd213ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmadd213pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmadd213ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmadd213sd_xmm_k1z_xmm_xmmm64_er;
    FNMADD231: EVEX_Vfnmadd231ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmadd231pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmadd231ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmadd231sd_xmm_k1z_xmm_xmmm64_er;
    FNMSUB132: EVEX_Vfnmsub132ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmsub132pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmsub132ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmsub132sd_xmm_k1z_xmm_xmmm64_er;
    FNMSUB213: EVEX_Vfnmsub213ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmsub213pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmsub213ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmsub213sd_xmm_k1z_xmm_xmmm64_er;
    FNMSUB231: EVEX_Vfnmsub231ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vfnmsub231pd_xmm_k1z_xmm_xmmm128b64 EVEX_Vfnmsub231ss_xmm_k1z_xmm_xmmm32_er EVEX_Vfnmsub231sd_xmm_k1z_xmm_xmmm64_er;
}

/// Forms of a fused multiply-add `±(a · b) ± c`.
#[derive(Clone, Copy)]
pub(super) struct MulAddOp {
    /// `op1 = op1 · op3 + op2`.
    pub(super) form132: FloatOp,
    /// `op1 = op2 · op1 + op3`.
    pub(super) form213: FloatOp,
    /// `op1 = op2 · op3 + op1`.
    pub(super) form231: FloatOp,
}

/// The forms by whether the product, and whether the sum, are negated.
pub(super) const fn mul_add(product: bool, sum: bool) -> MulAddOp {
    match (product, sum) {
        (false, false) => MulAddOp { form132: FMADD132, form213: FMADD213, form231: FMADD231 },
        (false, true) => MulAddOp { form132: FMSUB132, form213: FMSUB213, form231: FMSUB231 },
        (true, false) => MulAddOp { form132: FNMADD132, form213: FNMADD213, form231: FNMADD231 },
        (true, true) => MulAddOp { form132: FNMSUB132, form213: FNMSUB213, form231: FNMSUB231 },
    }
}

/// A packed operation of lanes of 32 and of 64 bits.
#[derive(Clone, Copy)]
pub(super) struct LaneOp {
    d: Code,
    q: Code,
}

impl LaneOp {
    pub(super) fn code(self, ty: Type) -> Code {
        match ty.lane_bits() {
            32 => at(self.d, width(ty)),
            64 => at(self.q, width(ty)),
            // Which cannot be encoded.
            _ => Code::INVALID,
        }
    }
}

macro_rules! lane_ops {
    ($($name:ident: $d:ident $q:ident;)*) => {
        $(pub(super) const $name: LaneOp = LaneOp { d: Code::$d, q: Code::$q };)*
        #[cfg(test)]
        const LANE_OPS: &[LaneOp] = &[$($name,)*];
    };
}

lane_ops! {
    IADD: EVEX_Vpaddd_xmm_k1z_xmm_xmmm128b32 EVEX_Vpaddq_xmm_k1z_xmm_xmmm128b64;
    ISUB: EVEX_Vpsubd_xmm_k1z_xmm_xmmm128b32 EVEX_Vpsubq_xmm_k1z_xmm_xmmm128b64;
    IMUL: EVEX_Vpmulld_xmm_k1z_xmm_xmmm128b32 EVEX_Vpmullq_xmm_k1z_xmm_xmmm128b64;
    SMAX: EVEX_Vpmaxsd_xmm_k1z_xmm_xmmm128b32 EVEX_Vpmaxsq_xmm_k1z_xmm_xmmm128b64;
    SMIN: EVEX_Vpminsd_xmm_k1z_xmm_xmmm128b32 EVEX_Vpminsq_xmm_k1z_xmm_xmmm128b64;
    UMAX: EVEX_Vpmaxud_xmm_k1z_xmm_xmmm128b32 EVEX_Vpmaxuq_xmm_k1z_xmm_xmmm128b64;
    UMIN: EVEX_Vpminud_xmm_k1z_xmm_xmmm128b32 EVEX_Vpminuq_xmm_k1z_xmm_xmmm128b64;
    IABS: EVEX_Vpabsd_xmm_k1z_xmmm128b32 EVEX_Vpabsq_xmm_k1z_xmmm128b64;
    AND: EVEX_Vpandd_xmm_k1z_xmm_xmmm128b32 EVEX_Vpandq_xmm_k1z_xmm_xmmm128b64;
    OR: EVEX_Vpord_xmm_k1z_xmm_xmmm128b32 EVEX_Vporq_xmm_k1z_xmm_xmmm128b64;
    XOR: EVEX_Vpxord_xmm_k1z_xmm_xmmm128b32 EVEX_Vpxorq_xmm_k1z_xmm_xmmm128b64;
    TERNARY: EVEX_Vpternlogd_xmm_k1z_xmm_xmmm128b32_imm8 EVEX_Vpternlogq_xmm_k1z_xmm_xmmm128b64_imm8;
    SHL_IMM: EVEX_Vpslld_xmm_k1z_xmmm128b32_imm8 EVEX_Vpsllq_xmm_k1z_xmmm128b64_imm8;
    SHR_IMM: EVEX_Vpsrld_xmm_k1z_xmmm128b32_imm8 EVEX_Vpsrlq_xmm_k1z_xmmm128b64_imm8;
    SAR_IMM: EVEX_Vpsrad_xmm_k1z_xmmm128b32_imm8 EVEX_Vpsraq_xmm_k1z_xmmm128b64_imm8;
    SHL: EVEX_Vpslld_xmm_k1z_xmm_xmmm128 EVEX_Vpsllq_xmm_k1z_xmm_xmmm128;
    SHR: EVEX_Vpsrld_xmm_k1z_xmm_xmmm128 EVEX_Vpsrlq_xmm_k1z_xmm_xmmm128;
    SAR: EVEX_Vpsrad_xmm_k1z_xmm_xmmm128 EVEX_Vpsraq_xmm_k1z_xmm_xmmm128;
    SIGNED: EVEX_Vpcmpd_kr_k1_xmm_xmmm128b32_imm8 EVEX_Vpcmpq_kr_k1_xmm_xmmm128b64_imm8;
    UNSIGNED: EVEX_Vpcmpud_kr_k1_xmm_xmmm128b32_imm8 EVEX_Vpcmpuq_kr_k1_xmm_xmmm128b64_imm8;
    TEST: EVEX_Vptestmd_kr_k1_xmm_xmmm128b32 EVEX_Vptestmq_kr_k1_xmm_xmmm128b64;
    TEST_NOT: EVEX_Vptestnmd_kr_k1_xmm_xmmm128b32 EVEX_Vptestnmq_kr_k1_xmm_xmmm128b64;
    BLEND: EVEX_Vblendmps_xmm_k1z_xmm_xmmm128b32 EVEX_Vblendmpd_xmm_k1z_xmm_xmmm128b64;
    MOVE: EVEX_Vmovups_xmm_k1z_xmmm128 EVEX_Vmovupd_xmm_k1z_xmmm128;
    STORE: EVEX_Vmovups_xmmm128_k1z_xmm EVEX_Vmovupd_xmmm128_k1z_xmm;
    FROM_MASK: EVEX_Vpmovm2d_xmm_kr EVEX_Vpmovm2q_xmm_kr;
    TO_MASK: EVEX_Vpmovd2m_kr_xmm EVEX_Vpmovq2m_kr_xmm;
    BROADCAST: EVEX_Vpbroadcastd_xmm_k1z_xmmm32 EVEX_Vpbroadcastq_xmm_k1z_xmmm64;
    BROADCAST_GENERAL: EVEX_Vpbroadcastd_xmm_k1z_r32 EVEX_Vpbroadcastq_xmm_k1z_r64;
    PERMUTE: EVEX_Vpermt2ps_xmm_k1z_xmm_xmmm128b32 EVEX_Vpermt2pd_xmm_k1z_xmm_xmmm128b64;
    WIDEN_BYTES: EVEX_Vpmovzxbd_xmm_k1z_xmmm32 EVEX_Vpmovzxbq_xmm_k1z_xmmm16;
    NARROW_TO_BYTES: EVEX_Vpmovdb_xmmm32_k1z_xmm EVEX_Vpmovqb_xmmm16_k1z_xmm;
    FROM_SIGNED: EVEX_Vcvtdq2ps_xmm_k1z_xmmm128b32 EVEX_Vcvtqq2pd_xmm_k1z_xmmm128b64;
    TRUNCATE: EVEX_Vcvttps2dq_xmm_k1z_xmmm128b32 EVEX_Vcvttpd2qq_xmm_k1z_xmmm128b64;
}

/// `f32` to `f64`, by the width of the result.
pub(super) const PROMOTE: Code = Code::EVEX_Vcvtps2pd_xmm_k1z_xmmm64b32;
/// `f64` to `f32`, by the width of the operand.
pub(super) const DEMOTE: Code = Code::EVEX_Vcvtpd2ps_xmm_k1z_xmmm128b64;

/// `setcc`.
pub(super) fn set(condition: Condition) -> Code {
    Code::try_from(Code::Seto_rm8 as usize + condition as usize).unwrap_or(Code::INVALID)
}

/// `cmovcc` of 32 or 64 bits.
pub(super) fn conditional_move(condition: Condition, bits: u32) -> Code {
    let first = if bits == 64 { Code::Cmovo_r64_rm64 } else { Code::Cmovo_r32_rm32 };
    Code::try_from(first as usize + 3 * condition as usize).unwrap_or(Code::INVALID)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the encodings from one on differ in their widths alone.
    fn have_widths(code: Code) -> bool {
        let name = format!("{code:?}");
        let plain = |name: &str| {
            let name = name.replace("_er", "").replace("_sae", "");
            let name = ["zmm", "ymm"].iter().fold(name, |name, wide| name.replace(wide, "xmm"));
            name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>()
        };
        [Width::X, Width::Y, Width::Z].into_iter().zip(["xmm", "ymm", "zmm"]).all(|(width, register)| {
            let wider = format!("{:?}", at(code, width));
            wider.contains(register) && plain(&wider) == plain(&name)
        })
    }

    #[test]
    fn the_encodings_of_an_operation_follow_each_other() {
        let packed = FLOAT_OPS.iter().flat_map(|op| [op.ps, op.pd]).chain(LANE_OPS.iter().flat_map(|op| [op.d, op.q]));
        for code in packed.chain([PROMOTE, DEMOTE]) {
            assert!(have_widths(code), "{code:?}");
        }
        let set = [Condition::O, Condition::B, Condition::Ne, Condition::P, Condition::G].map(set);
        assert_eq!(set, [Code::Seto_rm8, Code::Setb_rm8, Code::Setne_rm8, Code::Setp_rm8, Code::Setg_rm8]);
        let moves = [(Condition::Ne, 32), (Condition::G, 64)].map(|(cc, bits)| conditional_move(cc, bits));
        assert_eq!(moves, [Code::Cmovne_r32_rm32, Code::Cmovg_r64_rm64]);
    }
}
