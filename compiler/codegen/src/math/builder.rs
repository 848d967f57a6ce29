//! [`MathBuilder`]: elementwise arithmetic that reads the same for a scalar and for a vector.
//!
//! The math functions are written once, against this type, and serve `f32`, `f64` and vectors of
//! them. What differs between scalars and vectors in Cranelift is hidden here:
//!
//! - comparisons give an `i8` for scalars and a vector of all-ones or all-zeros integers for
//!   vectors; both are wrapped in [`Mask`], and only [`MathBuilder::select`] and the mask methods
//!   look inside;
//! - bit casts of vectors need an endianness;
//! - constants are splatted;
//! - `fma` is the instruction when the target has it, multiply and add otherwise (Cranelift would
//!   call a library function for every lane);
//! - minimum and maximum are written as the compare-and-select that is matched to `minps`,
//!   because Cranelift's `fmin` is about ten instructions on x86-64.
//!
//! A scalar and a vector built with the same flags run the same operations in the same order, so
//! a loop's vector body and scalar tail give the same bits.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{ConstantData, Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::constants::Constants;
use super::externs::ExternFns;

/// The result of a comparison: `i8` 0 or 1 for scalars, an integer vector of all-zeros or all-ones
/// lanes for vectors.
#[derive(Clone, Copy, Debug)]
pub struct Mask(pub Value);

/// A Cranelift function under construction, together with what the math functions have to know of
/// the target.
pub struct MathBuilder<'a, 'f> {
    /// The function under construction; instructions go to its current block. Functions with a
    /// slow path end in another block than they began in.
    pub builder: &'a mut FunctionBuilder<'f>,
    /// Whether the target has fused multiply-add instructions.
    pub fma: bool,
    /// Whether vectors are for the crate's own code generator, whose functions may have wider ones than 128 bits.
    pub wide: bool,
    /// Where the scalar functions of the slow paths come from.
    pub externs: &'a mut dyn ExternFns,
    /// Where the constants of vectors are.
    pub constants: &'a mut dyn Constants,
}

impl MathBuilder<'_, '_> {
    /// The type of a value.
    pub fn ty(&self, x: Value) -> Type {
        self.builder.func.dfg.value_type(x)
    }

    /// Whether the value's lanes are `f32`.
    pub fn is_single(&self, x: Value) -> bool {
        self.ty(x).lane_type() == types::F32
    }

    /// The integer type with as many and as wide lanes as `ty`.
    pub fn int_type(ty: Type) -> Type {
        let lane = if ty.lane_bits() == 32 { types::I32 } else { types::I64 };
        lane.by(ty.lane_count()).unwrap_or(lane)
    }

    fn splat_bits(&mut self, ty: Type, bits: u64) -> Value {
        let bytes = bits.to_le_bytes();
        let lane = &bytes[..ty.lane_type().bytes() as usize];
        self.vector_constant(ty, lane.iter().copied().cycle())
    }

    /// The vector with the given bytes, zeros where there are fewer than it has. Where it is used at once it is an operand in memory; of equal lanes, where
    /// vectors are [wide](Self::wide), one is in memory.
    pub fn vector_constant(&mut self, ty: Type, bytes: impl Iterator<Item = u8>) -> Value {
        let mut data: Vec<u8> = bytes.take(ty.bytes() as usize).collect();
        data.resize(ty.bytes() as usize, 0);
        let lane = ty.lane_type();
        let mut lanes = data.chunks(lane.bytes() as usize);
        if self.wide
            && let Some(first) = lanes.next()
            && lanes.all(|other| other == first)
            && let Some(element) = self.load_constant(lane, first)
        {
            return self.builder.ins().splat(ty, element);
        }
        self.load_constant(ty, &data).unwrap_or_else(|| {
            let handle = self.builder.func.dfg.constants.insert(ConstantData::from(&data[..]));
            self.builder.ins().vconst(ty, handle)
        })
    }

    /// A load of a constant, if it is in memory. Zeros and ones are made without.
    fn load_constant(&mut self, ty: Type, data: &[u8]) -> Option<Value> {
        let same = |byte: u8| data.iter().all(|&other| other == byte);
        if same(0) || same(0xff) {
            return None;
        }
        let placed = if self.wide || data.len() == 16 {
            self.constants.place(self.builder.func, data)
        } else {
            let whole: Vec<u8> = data.iter().copied().cycle().take(16).collect();
            self.constants.place(self.builder.func, &whole)
        };
        let (pointer, offset) = placed?;
        let flags = MemFlagsData::trusted().with_endianness(Endianness::Little);
        let flags = if self.wide { flags.with_readonly().with_can_move() } else { flags };
        Some(self.builder.ins().load(ty, flags, pointer, offset))
    }

    /// The constant `value`, rounded to the lanes of the float type `ty`, in every lane.
    pub fn fconst(&mut self, ty: Type, value: f64) -> Value {
        let single = ty.lane_type() == types::F32;
        self.bits_const(ty, if single { u64::from((value as f32).to_bits()) } else { value.to_bits() })
    }

    /// The float with the given bits in every lane of the float type `ty`.
    fn bits_const(&mut self, ty: Type, bits: u64) -> Value {
        if ty.is_vector() { self.splat_bits(ty, bits) } else { self.float_constant(ty, bits) }
    }

    /// The scalar with the given bits. Like a vector it comes from memory.
    pub fn float_constant(&mut self, ty: Type, bits: u64) -> Value {
        let bytes = bits.to_le_bytes();
        self.load_constant(ty, &bytes[..ty.bytes() as usize]).unwrap_or_else(|| {
            if ty == types::F32 {
                self.builder.ins().f32const(f32::from_bits(bits as u32))
            } else {
                self.builder.ins().f64const(f64::from_bits(bits))
            }
        })
    }

    /// The integer constant `value` in every lane of the integer type that matches `ty`.
    pub fn iconst(&mut self, ty: Type, value: i64) -> Value {
        let int = Self::int_type(ty);
        if int.is_vector() {
            self.splat_bits(int, value as u64)
        } else if int == types::I32 {
            self.builder.ins().iconst(int, i64::from(value as u32))
        } else {
            self.builder.ins().iconst(int, value)
        }
    }

    // ---- float arithmetic -------------------------------------------------------------------

    /// `x + y`.
    pub fn add(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().fadd(x, y)
    }

    /// `x - y`.
    pub fn sub(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().fsub(x, y)
    }

    /// `x * y`.
    pub fn mul(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().fmul(x, y)
    }

    /// `x / y`.
    pub fn div(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().fdiv(x, y)
    }

    /// `x + c`.
    pub fn add_c(&mut self, x: Value, c: f64) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.add(x, c)
    }

    /// `x * c`.
    pub fn mul_c(&mut self, x: Value, c: f64) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.mul(x, c)
    }

    /// `c - x`.
    pub fn rsub_c(&mut self, c: f64, x: Value) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.sub(c, x)
    }

    /// `c / x`.
    pub fn rdiv_c(&mut self, c: f64, x: Value) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.div(c, x)
    }

    /// `x * y + z`: one rounding when the target fuses, two otherwise.
    pub fn fma(&mut self, x: Value, y: Value, z: Value) -> Value {
        if self.fma {
            self.builder.ins().fma(x, y, z)
        } else {
            let product = self.mul(x, y);
            self.add(product, z)
        }
    }

    /// `z - x * y`: one rounding when the target fuses, two otherwise.
    pub fn fnma(&mut self, x: Value, y: Value, z: Value) -> Value {
        if self.fma {
            let x = self.builder.ins().fneg(x);
            self.builder.ins().fma(x, y, z)
        } else {
            let product = self.mul(x, y);
            self.sub(z, product)
        }
    }

    /// `x * y - z`: one rounding when the target fuses, two otherwise.
    pub fn fms(&mut self, x: Value, y: Value, z: Value) -> Value {
        if self.fma {
            let z = self.builder.ins().fneg(z);
            self.builder.ins().fma(x, y, z)
        } else {
            let product = self.mul(x, y);
            self.sub(product, z)
        }
    }

    /// `x * c + z`, as [`MathBuilder::fma`].
    pub fn fma_c(&mut self, x: Value, c: f64, z: Value) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.fma(x, c, z)
    }

    /// `x * y + c`, as [`MathBuilder::fma`].
    pub fn fma_add_c(&mut self, x: Value, y: Value, c: f64) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.fma(x, y, c)
    }

    /// The polynomial in `x` with the given coefficients, highest power first, by Horner's rule.
    pub fn poly(&mut self, x: Value, coefficients: &[f64]) -> Value {
        let ty = self.ty(x);
        let (first, rest) = coefficients.split_first().unwrap_or((&0.0, &[]));
        let mut sum = self.fconst(ty, *first);
        for &c in rest {
            sum = self.fma_add_c(sum, x, c);
        }
        sum
    }

    /// The square root, correctly rounded.
    pub fn sqrt(&mut self, x: Value) -> Value {
        self.builder.ins().sqrt(x)
    }

    /// The largest integer not above `x`.
    pub fn floor(&mut self, x: Value) -> Value {
        self.builder.ins().floor(x)
    }

    /// The smallest integer not below `x`.
    pub fn ceil(&mut self, x: Value) -> Value {
        self.builder.ins().ceil(x)
    }

    /// The integer between zero and `x` that is nearest to `x`.
    pub fn trunc(&mut self, x: Value) -> Value {
        self.builder.ins().trunc(x)
    }

    /// The integer nearest to `x`, ties to even.
    pub fn nearest(&mut self, x: Value) -> Value {
        self.builder.ins().nearest(x)
    }

    // ---- signs and bits ---------------------------------------------------------------------

    /// The bits of a float as an integer of the same shape.
    pub fn to_bits(&mut self, x: Value) -> Value {
        let ty = Self::int_type(self.ty(x));
        self.cast(ty, x)
    }

    /// The float with the given bits.
    pub fn from_bits(&mut self, bits: Value) -> Value {
        let int = self.ty(bits);
        let lane = if int.lane_bits() == 32 { types::F32 } else { types::F64 };
        let ty = lane.by(int.lane_count()).unwrap_or(lane);
        self.cast(ty, bits)
    }

    /// The same bits as another type of the same size.
    pub fn cast(&mut self, ty: Type, x: Value) -> Value {
        if self.ty(x) == ty {
            return x;
        }
        let flags =
            if ty.is_vector() { MemFlagsData::new().with_endianness(Endianness::Little) } else { MemFlagsData::new() };
        self.builder.ins().bitcast(ty, flags, x)
    }

    fn sign_mask(&mut self, ty: Type) -> Value {
        self.fconst(ty, -0.0)
    }

    /// `x` without its sign bit.
    pub fn abs(&mut self, x: Value) -> Value {
        if !self.wide {
            return self.builder.ins().fabs(x);
        }
        let all_but_sign = if self.is_single(x) { u64::from(u32::MAX >> 1) } else { u64::MAX >> 1 };
        let mask = self.bits_const(self.ty(x), all_but_sign);
        self.builder.ins().band(x, mask)
    }

    /// `x` with its sign bit flipped.
    pub fn neg(&mut self, x: Value) -> Value {
        let sign = self.sign_mask(self.ty(x));
        self.fxor(x, sign)
    }

    /// Zero with the sign bit of `x`.
    pub fn sign_of(&mut self, x: Value) -> Value {
        let sign = self.sign_mask(self.ty(x));
        self.builder.ins().band(x, sign)
    }

    /// The bitwise exclusive or of two floats, which flips or removes signs.
    pub fn fxor(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().bxor(x, y)
    }

    /// The bitwise or of two floats, which gives a non-negative `x` the sign of `y` when `y` comes
    /// from [`MathBuilder::sign_of`].
    pub fn for_bits(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().bor(x, y)
    }

    /// The magnitude of `x` with the sign of `y`.
    pub fn copysign(&mut self, x: Value, y: Value) -> Value {
        let magnitude = self.abs(x);
        let sign = self.sign_of(y);
        self.for_bits(magnitude, sign)
    }

    /// Integer sum, wrapping.
    pub fn iadd(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().iadd(x, y)
    }

    /// Integer difference, wrapping.
    pub fn isub(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().isub(x, y)
    }

    /// Integer `x + c`, wrapping.
    pub fn iadd_c(&mut self, x: Value, c: i64) -> Value {
        let c = self.iconst(self.ty(x), c);
        self.iadd(x, c)
    }

    /// Integer `x & c`.
    pub fn iand_c(&mut self, x: Value, c: i64) -> Value {
        let c = self.iconst(self.ty(x), c);
        self.builder.ins().band(x, c)
    }

    /// Every lane shifted left by `n` bits.
    pub fn ishl(&mut self, x: Value, n: u8) -> Value {
        self.builder.ins().ishl_imm_u(x, i64::from(n))
    }

    /// Every lane shifted right by `n` bits, filling with zeros.
    pub fn ushr(&mut self, x: Value, n: u8) -> Value {
        self.builder.ins().ushr_imm_u(x, i64::from(n))
    }

    /// Every lane shifted right by `n` bits, filling with its sign bit. For 32-bit lanes only:
    /// x86-64 has no such instruction for vectors of 64-bit lanes.
    pub fn sshr(&mut self, x: Value, n: u8) -> Value {
        self.builder.ins().sshr_imm_u(x, i64::from(n))
    }

    // ---- comparisons and masks --------------------------------------------------------------

    /// The comparison of two floats.
    pub fn fcmp(&mut self, cc: FloatCC, x: Value, y: Value) -> Mask {
        Mask(self.builder.ins().fcmp(cc, x, y))
    }

    /// `x < y`; false when either is a NaN.
    pub fn lt(&mut self, x: Value, y: Value) -> Mask {
        self.fcmp(FloatCC::LessThan, x, y)
    }

    /// `x < c`; false for a NaN.
    pub fn lt_c(&mut self, x: Value, c: f64) -> Mask {
        let c = self.fconst(self.ty(x), c);
        self.lt(x, c)
    }

    /// `x > c`; false for a NaN.
    pub fn gt_c(&mut self, x: Value, c: f64) -> Mask {
        let c = self.fconst(self.ty(x), c);
        self.fcmp(FloatCC::GreaterThan, x, c)
    }

    /// `x == c`; false for a NaN, true for zeros of either sign.
    pub fn eq_c(&mut self, x: Value, c: f64) -> Mask {
        let c = self.fconst(self.ty(x), c);
        self.fcmp(FloatCC::Equal, x, c)
    }

    /// Whether `x` is a NaN.
    pub fn is_nan(&mut self, x: Value) -> Mask {
        self.fcmp(FloatCC::Unordered, x, x)
    }

    /// Integer `x == c`.
    pub fn ieq_c(&mut self, x: Value, c: i64) -> Mask {
        let c = self.iconst(self.ty(x), c);
        Mask(self.builder.ins().icmp(IntCC::Equal, x, c))
    }

    /// Lanes where both hold.
    pub fn both(&mut self, a: Mask, b: Mask) -> Mask {
        Mask(self.builder.ins().band(a.0, b.0))
    }

    /// Lanes where at least one holds.
    pub fn either(&mut self, a: Mask, b: Mask) -> Mask {
        Mask(self.builder.ins().bor(a.0, b.0))
    }

    /// Lanes where it does not hold.
    pub fn not(&mut self, a: Mask) -> Mask {
        if self.ty(a.0).is_vector() {
            Mask(self.builder.ins().bnot(a.0))
        } else {
            let one = self.builder.ins().iconst(types::I8, 1);
            Mask(self.builder.ins().bxor(a.0, one))
        }
    }

    /// `a` in the lanes where the mask holds, `b` elsewhere. `a` and `b` have the same float or
    /// integer type, as wide as the values that were compared.
    pub fn select(&mut self, mask: Mask, a: Value, b: Value) -> Value {
        let ty = self.ty(a);
        if !ty.is_vector() {
            return self.builder.ins().select(mask.0, a, b);
        }
        // In the integer domain, where the mask is visibly a comparison and the selection becomes
        // a single blend.
        let int = Self::int_type(ty);
        let mask = self.cast(int, mask.0);
        let a = self.cast(int, a);
        let b = self.cast(int, b);
        let chosen = self.builder.ins().bitselect(mask, a, b);
        self.cast(ty, chosen)
    }

    /// The constant `c` where the mask holds, `x` elsewhere.
    pub fn put_c(&mut self, mask: Mask, c: f64, x: Value) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.select(mask, c, x)
    }

    /// `c` where the mask holds, zero elsewhere.
    pub fn mask_c(&mut self, like: Value, mask: Mask, c: f64) -> Value {
        let ty = self.ty(like);
        let c = self.fconst(ty, c);
        if ty.is_vector() && !self.wide {
            let mask = self.cast(ty, mask.0);
            self.builder.ins().band(mask, c)
        } else {
            let zero = self.fconst(ty, 0.0);
            self.select(mask, c, zero)
        }
    }

    /// A NaN where the mask holds, `x` elsewhere.
    pub fn nan_where(&mut self, mask: Mask, x: Value) -> Value {
        let ty = self.ty(x);
        if ty.is_vector() && !self.wide {
            // A lane of ones is a NaN.
            let mask = self.cast(ty, mask.0);
            self.builder.ins().bor(mask, x)
        } else {
            self.put_c(mask, f64::NAN, x)
        }
    }

    /// `x < y ? x : y`, one instruction. `y` when either is a NaN or both are zeros.
    pub fn lesser(&mut self, x: Value, y: Value) -> Value {
        let mask = self.lt(x, y);
        self.select_for_minmax(mask, x, y)
    }

    /// `x > y ? x : y`, one instruction. `y` when either is a NaN or both are zeros.
    pub fn greater(&mut self, x: Value, y: Value) -> Value {
        let mask = self.lt(y, x);
        self.select_for_minmax(mask, x, y)
    }

    fn select_for_minmax(&mut self, mask: Mask, x: Value, y: Value) -> Value {
        let ty = self.ty(x);
        if ty.is_vector() {
            // The shape that instruction selection recognises as `minps` and `maxps`.
            let mask = self.cast(ty, mask.0);
            self.builder.ins().bitselect(mask, x, y)
        } else {
            self.builder.ins().select(mask.0, x, y)
        }
    }

    /// `x`, but at most `c`; a NaN stays.
    pub fn at_most(&mut self, x: Value, c: f64) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.lesser(c, x)
    }

    /// `x`, but at least `c`; a NaN stays.
    pub fn at_least(&mut self, x: Value, c: f64) -> Value {
        let c = self.fconst(self.ty(x), c);
        self.greater(c, x)
    }
}
