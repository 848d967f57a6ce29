//! What the derivative tests share: running functions, and the two checks that need no known answer.
//!
//! Forward mode is compared with central differences, reverse mode with forward mode by the identity
//! ⟨J v, u⟩ = ⟨v, Jᵀ u⟩, and the split form with the joint one. Applied to the functions that differentiation
//! made, the same checks show higher orders.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, reason = "tests")]

pub mod cases;

use pullback_autodiff::{jvp, linearize, transpose, vjp};
use pullback_interp::{Array, evaluate};
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{
    Builder, CustomRule, DType, Elements, FuncId, Function, Module, Op, Type, Value, Verified, parse_module, verify,
};

/// Small deterministic random numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn array(&mut self, ty: &Type, low: f64, high: f64) -> Array {
        let values: Vec<f64> = (0..ty.elements()).map(|_| low + (high - low) * self.unit()).collect();
        array(ty, &values)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    pub fn shuffled(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

pub fn array(ty: &Type, values: &[f64]) -> Array {
    let elements = match ty.dtype {
        DType::F32 => Elements::F32(values.iter().map(|&x| x as f32).collect()),
        DType::F64 => Elements::F64(values.to_vec()),
        DType::I32 => Elements::I32(values.iter().map(|&x| x as i32).collect()),
        DType::I64 => Elements::I64(values.iter().map(|&x| x as i64).collect()),
        DType::U8 => Elements::U8(values.iter().map(|&x| x as u8).collect()),
        DType::Bool => Elements::Bool(values.iter().map(|&x| x > 0.5).collect()),
    };
    Array::new(ty.shape.clone(), elements).unwrap()
}

pub fn load(text: &str) -> Verified<Module> {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

pub fn find(module: &Module, name: &str) -> FuncId {
    module.find(name).unwrap_or_else(|| panic!("no @{name}"))
}

/// The module with one more function, verified again.
pub fn add(module: &Verified<Module>, function: Function) -> (Verified<Module>, FuncId) {
    let mut module = (**module).clone();
    let id = module.add(function);
    let text = text_of(&module, id);
    (verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}")), id)
}

pub fn text_of(module: &Module, id: FuncId) -> String {
    function_to_string(module, module.function(id), PrintOptions::default())
}

pub fn text(module: &Module, function: &Function) -> String {
    function_to_string(module, function, PrintOptions::default())
}

pub fn run(module: &Verified<Module>, id: FuncId, inputs: &[Array]) -> Vec<Array> {
    evaluate(module, id, inputs).unwrap_or_else(|error| panic!("{error}\n{}", text_of(module, id)))
}

pub fn count(function: &Function, what: impl Fn(&Op) -> bool) -> usize {
    function.insts().iter().filter(|&&inst| what(function.op(inst))).count()
}

/// The positions of the floating-point parameters.
pub fn floats(function: &Function) -> Vec<usize> {
    function.param_types().enumerate().filter(|(_, ty)| ty.dtype.is_float()).map(|(index, _)| index).collect()
}

pub fn inner(x: &[Array], y: &[Array]) -> f64 {
    x.iter().zip(y).flat_map(|(x, y)| x.to_f64().into_iter().zip(y.to_f64())).map(|(x, y)| x * y).sum()
}

fn size(x: &[Array], y: &[Array]) -> f64 {
    x.iter().zip(y).flat_map(|(x, y)| x.to_f64().into_iter().zip(y.to_f64())).map(|(x, y)| (x * y).abs()).sum()
}

pub fn assert_close(found: &[Array], expected: &[Array], tolerance: f64, context: &dyn Fn() -> String) {
    assert_eq!(found.len(), expected.len(), "{}", context());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.shape, expected.shape, "{}", context());
        for (f, e) in found.to_f64().into_iter().zip(expected.to_f64()) {
            assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "found {f}, expected {e}\n{}", context());
        }
    }
}

/// The floating-point results of `id`.
fn float_results(module: &Verified<Module>, id: FuncId, inputs: &[Array]) -> Vec<Array> {
    run(module, id, inputs).into_iter().filter(|array| array.ty().dtype.is_float()).collect()
}

/// The derivative along `v` by differences of fourth order: their error is far below 1e-8 for the functions tested.
fn difference(module: &Verified<Module>, id: FuncId, inputs: &[Array], wrt: &[usize], v: &[Array]) -> Vec<Array> {
    let h = 1e-3;
    let at = |step: f64| {
        let mut moved = inputs.to_vec();
        for (&index, v) in wrt.iter().zip(v) {
            let values: Vec<f64> =
                inputs[index].to_f64().iter().zip(v.to_f64()).map(|(x, v)| x + step * h * v).collect();
            moved[index] = array(&inputs[index].ty(), &values);
        }
        float_results(module, id, &moved)
    };
    let samples = [at(-2.0), at(-1.0), at(1.0), at(2.0)];
    let derivative = |result: usize| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|sample: usize| samples[sample][result].to_f64());
        let values: Vec<f64> = (0..a.len()).map(|i| (8.0 * (c[i] - b[i]) - (d[i] - a[i])) / (12.0 * h)).collect();
        array(&samples[0][result].ty(), &values)
    };
    (0..samples[0].len()).map(derivative).collect()
}

/// Checks forward mode, reverse mode and the split form of a function at a point, and up to `order` also of the
/// functions that differentiation makes of it.
pub fn check(module: &Verified<Module>, id: FuncId, inputs: &[Array], order: usize) {
    let random = &mut Random(inputs.len() as u64 + 17);
    let wrt = floats(module.function(id));
    let v: Vec<Array> = wrt.iter().map(|&index| random.array(&inputs[index].ty(), -1.0, 1.0)).collect();
    let context = || text_of(module, id);

    let (forward_module, forward) = add(module, jvp(module, id, &wrt).unwrap_or_else(|e| panic!("{e}\n{}", context())));
    let forward_inputs = [inputs, &v].concat();
    let plain = run(module, id, inputs);
    let results = run(&forward_module, forward, &forward_inputs);
    let (outputs, tangents) = results.split_at(plain.len());
    assert_close(outputs, &plain, 0.0, &context);
    let forward_text = || text_of(&forward_module, forward);
    assert_close(tangents, &difference(module, id, inputs, &wrt, &v), 1e-7, &forward_text);

    let u: Vec<Array> = tangents.iter().map(|t| random.array(&t.ty(), -1.0, 1.0)).collect();
    let (reverse_module, reverse) = add(module, vjp(module, id, &wrt).unwrap_or_else(|e| panic!("{e}\n{}", context())));
    let reverse_inputs = [inputs, &u].concat();
    let results = run(&reverse_module, reverse, &reverse_inputs);
    let (outputs, cotangents) = results.split_at(plain.len());
    assert_close(outputs, &plain, 0.0, &context);
    let (left, right) = (inner(tangents, &u), inner(&v, cotangents));
    let scale = 1.0 + size(tangents, &u) + size(&v, cotangents);
    assert!((left - right).abs() <= 1e-12 * scale, "{left} and {right}\n{}", text_of(&reverse_module, reverse));

    check_split(module, id, inputs, (&v, tangents), (&u, cotangents));
    if order > 1 {
        check(&forward_module, forward, &forward_inputs, order - 1);
        check(&reverse_module, reverse, &reverse_inputs, order - 1);
    }
}

/// The linear program gives the same tangents, and its transpose the same cotangents.
fn check_split(
    module: &Verified<Module>,
    id: FuncId,
    inputs: &[Array],
    (v, tangents): (&[Array], &[Array]),
    (u, cotangents): (&[Array], &[Array]),
) {
    let split = linearize(module, id, &floats(module.function(id))).unwrap();
    let (module, primal) = add(module, split.primal);
    let (module, linear) = add(&module, split.linear);
    let transposed = transpose(&module, linear, split.residuals).unwrap();
    let (module, transposed) = add(&module, transposed);
    let results = run(&module, primal, inputs);
    let residuals = &results[results.len() - split.residuals..];
    let linear_text = || text_of(&module, linear);
    assert_close(&run(&module, linear, &[residuals, v].concat()), tangents, 1e-13, &linear_text);
    let transposed_text = || text_of(&module, transposed);
    assert_close(&run(&module, transposed, &[residuals, u].concat()), cotangents, 1e-12, &transposed_text);
}

/// Checks `@f` of a text, whose parameters are drawn from the given ranges, and that in `f32` the derivative is
/// the same but for rounding.
pub fn check_text(text: &str, ranges: &[(f64, f64)], order: usize) {
    let module = load(text);
    let id = find(&module, "f");
    let random = &mut Random(text.len() as u64);
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    assert_eq!(types.len(), ranges.len(), "{text}");
    let inputs: Vec<Array> = types.iter().zip(ranges).map(|(ty, &(low, high))| random.array(ty, low, high)).collect();
    check(&module, id, &inputs, order);

    let narrow = load(&text.replace("f64", "f32"));
    let [wide_results, narrow_results] = [(&module, DType::F64), (&narrow, DType::F32)].map(|(module, dtype)| {
        let wrt = floats(module.function(id));
        let (module, reverse) = add(module, vjp(module, id, &wrt).unwrap());
        let own: Vec<Type> = module.function(reverse).param_types().cloned().collect();
        let mut inputs: Vec<Array> = inputs.iter().zip(&own).map(|(x, ty)| array(ty, &x.to_f64())).collect();
        inputs.extend(own[inputs.len()..].iter().map(|ty| Random(3).array(ty, 0.5, 1.5)));
        assert!(own.iter().all(|ty| ty.dtype == dtype || !ty.dtype.is_float()), "{text}");
        run(&module, reverse, &inputs)
    });
    assert_close(&narrow_results, &wide_results, 2e-4, &|| text.into());
}

/// Appends the body of a function, applied to `args`.
fn append(b: &Builder<'_>, function: &Function, args: &[Value]) -> Vec<Value> {
    let mut map = ValueMap::new();
    function.params().iter().zip(args).for_each(|(&param, &arg)| map.insert(param, arg));
    function.insts().iter().for_each(|&inst| copy_inst(b, function, inst, &mut map));
    map.expect_all(b, function.results())
}

/// `@f` as the text says, and `@ruled`: the same function, with its own forward derivative as if it were a rule of the user's.
pub fn ruled(text: &str) -> (Verified<Module>, FuncId) {
    let module = load(text);
    let f = find(&module, "f");
    let primal = module.function(f).clone();
    let joint = jvp(&module, f, &floats(&primal)).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let typed = |function: &Function| -> Vec<(&'static str, Type)> {
        function.param_types().map(|ty| ("p", ty.clone())).collect()
    };
    let b = Builder::new(&module, "ruled");
    let rule = b.region(&typed(&joint), |b, params| append(b, &joint, params).split_off(primal.results().len()));
    let inner = b.region(&typed(&primal), |b, params| append(b, &primal, params));
    let args: Vec<Value> =
        primal.param_types().enumerate().map(|(at, ty)| b.param(&format!("x{at}"), ty.clone())).collect();
    let results = b.custom_derivative(CustomRule::Jvp, &args, inner, rule);
    let function = b.finish(&results).unwrap();
    add(&module, function)
}
