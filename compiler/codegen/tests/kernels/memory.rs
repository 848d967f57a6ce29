//! Loads, stores, gathers, scatters, constants, the arena, positions and reductions over lanes.

use pullback_ir::{DType, Elements, Literal, Reduction, Scalar, Shape};
use pullback_loops::{Affine, Expr, Space, Stmt};
use pullback_runtime::{ArgRef, Element};

use super::support::{FEATURES, Kit, arg, first, lanes_of, map, place, vector};

fn check_copy<T: Element + PartialEq + std::fmt::Debug>(dtype: DType, values: &[T]) {
    for &lanes in lanes_of(dtype) {
        let width = usize::from(lanes);
        let count = values.len().next_multiple_of(width);
        // Straight, every second element to front, front to every second, backwards, one element to all.
        for (load, store) in [(1, 1), (2, 1), (1, 2), (-1, 1), (1, -1), (0, 1), (3, -2)] {
            let mut kit = Kit::new();
            let (source, target) = (kit.input(dtype, 4 * count), kit.output(dtype, 4 * count));
            // Everything is zero first, so that what is not scattered to is known.
            let zero = kit.set(vector(dtype, 1), Expr::Const(Scalar::from_f64(dtype, 0.0)));
            kit.each(4 * count, 1, |kit, i| kit.store(target, i, zero));
            let start = |stride: i64| if stride < 0 { 4 * count as i64 - 1 } else { 0 };
            kit.each(count, width, |kit, i| {
                let from = i.times(load).plus_constant(start(load));
                let to = i.times(store).plus_constant(start(store));
                let value = kit.set(vector(dtype, lanes), Expr::Load(place(source, &from, apart(lanes, load))));
                kit.push(Stmt::Store(place(target, &to, apart(lanes, store)), value));
            });
            let input: Vec<T> = values.iter().cycle().take(4 * count).copied().collect();
            let mut expected = vec![Tensor::zero(dtype); 4 * count];
            for i in 0..count as i64 {
                let (from, to) = (start(load) + load * i, start(store) + store * i);
                expected[to as usize] = input[from as usize];
            }
            for found in kit.run::<T>(&[arg(&input)]) {
                assert_eq!(found, expected, "{dtype}x{lanes} stride {load} to {store}");
            }
        }
    }
}

/// A scalar has no neighbour, and 1 is what is written then.
const fn apart(lanes: u8, stride: i64) -> i64 {
    if lanes == 1 { 1 } else { stride }
}

/// A zero of an element type.
struct Tensor;
impl Tensor {
    fn zero<T: Element>(dtype: DType) -> T {
        let zeros = pullback_runtime::Tensor::zeros(pullback_codegen::runtime_dtype(dtype), &[]).unwrap();
        zeros.item().unwrap()
    }
}

#[test]
fn loads_and_stores_move_every_type_with_any_stride() {
    check_copy(DType::F32, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    check_copy(DType::F64, &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    check_copy(DType::I32, &[1i32, -2, 3, 4, 5, -6, 7, 8]);
    check_copy(DType::I64, &[1i64, -2, 3, 4, 5, -6, 7, 8]);
    check_copy(DType::U8, &[1u8, 2, 3, 4, 5, 6, 7, 255]);
    check_copy(DType::Bool, &[true, false, false, true, true, true, false, true]);
}

#[test]
fn splats_repeat_a_scalar_of_any_type() {
    fn check<T: Element + PartialEq + std::fmt::Debug>(dtype: DType, value: T) {
        for &lanes in lanes_of(dtype) {
            let mut kit = Kit::new();
            let (x, y) = (kit.input(dtype, 1), kit.output(dtype, 16));
            let scalar = kit.load(vector(dtype, 1), x, &Affine::constant(0));
            let splat = kit.set(vector(dtype, lanes), Expr::Splat(scalar));
            kit.each(16, usize::from(lanes), |kit, i| kit.store(y, i, splat));
            for found in kit.run::<T>(&[arg(&[value])]) {
                assert_eq!(found, [value; 16]);
            }
        }
    }
    check(DType::F32, 1.25f32);
    check(DType::F64, -1.25f64);
    check(DType::I32, -7i32);
    check(DType::I64, 1i64 << 40);
    check(DType::U8, 200u8);
    check(DType::Bool, true);
    check(DType::Bool, false);
}

#[test]
fn constants_are_the_same_as_splats_of_constants() {
    fn check<T: Element + PartialEq + std::fmt::Debug>(scalar: Scalar, value: T) {
        let dtype = scalar.dtype();
        for &lanes in lanes_of(dtype) {
            let mut kit = Kit::new();
            let y = kit.output(dtype, 32);
            let direct = kit.set(vector(dtype, lanes), Expr::Const(scalar));
            let one = kit.set(vector(dtype, 1), Expr::Const(scalar));
            let splat = kit.set(vector(dtype, lanes), Expr::Splat(one));
            kit.each(16, usize::from(lanes), |kit, i| {
                kit.store(y, i, direct);
                kit.store(y, &i.plus_constant(16), splat);
            });
            for found in kit.run::<T>(&[]) {
                assert_eq!(found, [value; 32]);
            }
        }
    }
    check(Scalar::F32(-0.5), -0.5f32);
    check(Scalar::F64(f64::MIN_POSITIVE), f64::MIN_POSITIVE);
    check(Scalar::I32(i32::MIN), i32::MIN);
    check(Scalar::I64(-3), -3i64);
    check(Scalar::U8(255), 255u8);
    check(Scalar::Bool(true), true);
    check(Scalar::Bool(false), false);
}

#[test]
fn constant_buffers_and_the_arena_hold_what_kernels_put_there() {
    let mut kit = Kit::new();
    let literal = Literal::dense(Shape::new(&[4]).unwrap(), Elements::F32(vec![1.0, 2.0, 3.0, 4.0])).unwrap();
    let splat = Literal::splat(Scalar::F32(0.5), Shape::new(&[4]).unwrap());
    let (table, halves, out) = (kit.constant(literal), kit.constant(splat), kit.output(DType::F32, 4));
    let (first_half, second_half) = (kit.arena(DType::F32, 4), kit.arena(DType::F32, 4));
    let ty = vector(DType::F32, 4);
    for (source, target) in [(table, first_half), (halves, second_half)] {
        let value = kit.load(ty, source, &Affine::constant(0));
        kit.store(target, &Affine::constant(0), value);
        kit.next_kernel();
    }
    let (x, y) = (kit.load(ty, first_half, &Affine::constant(0)), kit.load(ty, second_half, &Affine::constant(0)));
    let sum = kit.set(ty, Expr::Binary(pullback_ir::Binary::Add, x, y));
    kit.store(out, &Affine::constant(0), sum);
    for found in kit.run::<f32>(&[]) {
        assert_eq!(found, [1.5, 2.5, 3.5, 4.5]);
    }
    let compiled = kit.compile(FEATURES[0]);
    assert_eq!((compiled.executable.arena_bytes(), compiled.executable.constant_bytes()), (128, 32));
    let names: Vec<_> = compiled.timings.kernels.iter().map(|kernel| kernel.name.as_str()).collect();
    assert_eq!(names, ["kernel0", "kernel1", "kernel2", "test"]);
}

fn check_position<T: Element + PartialEq + std::fmt::Debug>(
    dtype: DType,
    offset: i64,
    stride: i64,
    as_t: fn(i64) -> T,
) {
    for &lanes in lanes_of(dtype) {
        let mut kit = Kit::new();
        let out = kit.output(dtype, 48);
        kit.each(3, 1, |kit, i| {
            kit.each(16, usize::from(lanes), |kit, j| {
                let index = i.times(100).plus(j, stride).plus_constant(offset);
                let position =
                    kit.set(vector(dtype, lanes), Expr::Position { index, lane_stride: apart(lanes, stride) });
                kit.store(out, &i.times(16).plus(j, 1), position);
            });
        });
        let value = |i: i64, j: i64| as_t((i * 100 + j * stride).wrapping_add(offset));
        let expected: Vec<T> = (0..3).flat_map(|i| (0..16).map(move |j| value(i, j))).collect();
        for found in kit.run::<T>(&[]) {
            assert_eq!(found, expected, "{dtype}x{lanes} from {offset} by {stride}");
        }
    }
}

#[test]
fn positions_are_converted_from_64_bits() {
    for (offset, stride) in [(0, 1), (-17, 3), (5, -2), (1 << 40, 1), ((1 << 31) - 4, 1), ((1 << 53) + 1, 1), (0, 0)] {
        check_position(DType::F32, offset, stride, |x| x as f32);
        check_position(DType::F64, offset, stride, |x| x as f64);
        check_position(DType::I32, offset, stride, |x| x as i32);
        check_position(DType::I64, offset, stride, |x| x);
        check_position(DType::U8, offset, stride, |x| x as u8);
    }
}

#[test]
fn reductions_over_lanes_combine_halves_first() {
    // (1e8 + -1e8) + (1 + 0.25) differs from every other order in f32.
    let x = [1e8f32, 1.0, -1e8, 0.25];
    let mut kit = Kit::new();
    let (source, out) = (kit.input(DType::F32, 4), kit.output(DType::F32, 1));
    let lanes = kit.load(vector(DType::F32, 4), source, &Affine::constant(0));
    let sum = kit.set(vector(DType::F32, 1), Expr::ReduceLanes(Reduction::Add, lanes));
    kit.store(out, &Affine::constant(0), sum);
    for found in kit.run::<f32>(&[arg(&x)]) {
        assert_eq!(found, [1.25]);
        assert_ne!(found[0], ((x[0] + x[1]) + x[2]) + x[3]);
    }
}

fn check_reduction<T: Element + PartialEq + std::fmt::Debug>(dtype: DType, x: [T; 4], cases: &[(Reduction, [T; 2])]) {
    // The reduction of all four and of the first two.
    for &(kind, [of_four, of_two]) in cases {
        for &lanes in lanes_of(dtype).iter().filter(|&&lanes| lanes == 2 || lanes == 4) {
            let mut kit = Kit::new();
            let (source, out) = (kit.input(dtype, 4), kit.output(dtype, 1));
            let vector_var = kit.load(vector(dtype, lanes), source, &Affine::constant(0));
            let scalar = kit.set(vector(dtype, 1), Expr::ReduceLanes(kind, vector_var));
            kit.store(out, &Affine::constant(0), scalar);
            let inputs: Vec<ArgRef<'_>> = vec![arg(&x)];
            let expected = if lanes == 4 { of_four } else { of_two };
            for found in kit.run::<T>(&inputs) {
                assert_eq!(found, [expected], "{kind:?} {dtype}x{lanes}");
            }
        }
    }
}

#[test]
fn reductions_over_lanes_of_every_type() {
    use Reduction::{Add, And, Max, Min, Mul, Or};
    check_reduction(
        DType::F32,
        [2.0f32, -3.0, 5.0, 0.5],
        &[(Add, [4.5, -1.0]), (Mul, [-15.0, -6.0]), (Max, [5.0, 2.0]), (Min, [-3.0, -3.0])],
    );
    check_reduction(
        DType::F64,
        [2.0f64, -3.0, 5.0, 0.5],
        &[(Add, [4.5, -1.0]), (Mul, [-15.0, -6.0]), (Max, [5.0, 2.0]), (Min, [-3.0, -3.0])],
    );
    check_reduction(
        DType::I32,
        [2i32, -3, 5, 7],
        &[(Add, [11, -1]), (Mul, [-210, -6]), (Max, [7, 2]), (Min, [-3, -3])],
    );
    check_reduction(
        DType::I64,
        [2i64, -3, 5, 7],
        &[(Add, [11, -1]), (Mul, [-210, -6]), (Max, [7, 2]), (Min, [-3, -3])],
    );
    for x in [[true; 4], [false; 4], [true, true, false, true], [false, true, true, true], [false, false, true, false]]
    {
        let all = [x.iter().all(|&b| b), x[0] && x[1]];
        let any = [x.iter().any(|&b| b), x[0] || x[1]];
        check_reduction(DType::Bool, x, &[(And, all), (Or, any)]);
    }
}

/// Lanes as the loop IR says that they are reduced: halves first.
fn by_halves<T: Copy>(lanes: &[T], combine: fn(T, T) -> T) -> T {
    if lanes.len() == 1 {
        return lanes[0];
    }
    let (low, high) = lanes.split_at(lanes.len() / 2);
    let halves: Vec<T> = low.iter().zip(high).map(|(&x, &y)| combine(x, y)).collect();
    by_halves(&halves, combine)
}

type Combination<T> = (Reduction, fn(T, T) -> T);

fn check_lanes<T: Element + PartialEq + std::fmt::Debug>(dtype: DType, x: &[T; 16], cases: &[Combination<T>]) {
    for &(kind, combine) in cases {
        for &lanes in lanes_of(dtype).iter().filter(|&&lanes| lanes > 1) {
            let width = usize::from(lanes);
            let mut kit = Kit::new();
            let (source, out) = (kit.input(dtype, 16), kit.output(dtype, 16 / width));
            kit.each(16 / width, 1, |kit, i| {
                let lanes = kit.load(vector(dtype, lanes), source, &i.times(width as i64));
                let scalar = kit.set(vector(dtype, 1), Expr::ReduceLanes(kind, lanes));
                kit.store(out, i, scalar);
            });
            let expected: Vec<T> = x.chunks(width).map(|lanes| by_halves(lanes, combine)).collect();
            for found in kit.run::<T>(&[arg(x)]) {
                assert_eq!(found, expected, "{kind:?} {dtype}x{lanes}");
            }
        }
    }
}

#[test]
fn lanes_of_any_number_are_reduced_halves_first() {
    use Reduction::{Add, And, Max, Min, Mul, Or};
    // Sums and products in another order have other bits.
    let floats: [f64; 16] = std::array::from_fn(|i| 1.0 / (3.0 + i as f64) * (-1.5f64).powi(i as i32));
    check_lanes(DType::F64, &floats, &[(Add, |x, y| x + y), (Mul, |x, y| x * y), (Max, f64::max), (Min, f64::min)]);
    let floats = floats.map(|x| x as f32);
    check_lanes(DType::F32, &floats, &[(Add, |x, y| x + y), (Mul, |x, y| x * y), (Max, f32::max), (Min, f32::min)]);
    let integers: [i64; 16] = std::array::from_fn(|i| 0x1234_5678_9abc_def1i64.rotate_left(5 * i as u32));
    check_lanes(
        DType::I64,
        &integers,
        &[(Add, i64::wrapping_add), (Mul, i64::wrapping_mul), (Max, i64::max), (Min, i64::min)],
    );
    let integers = integers.map(|x| x as i32);
    check_lanes(
        DType::I32,
        &integers,
        &[(Add, i32::wrapping_add), (Mul, i32::wrapping_mul), (Max, i32::max), (Min, i32::min)],
    );
    for different in 0..16 {
        for most in [false, true] {
            let truths: [bool; 16] = std::array::from_fn(|i| most != (i == different));
            check_lanes(DType::Bool, &truths, &[(And, |x, y| x & y), (Or, |x, y| x | y)]);
        }
    }
}

#[test]
fn nan_survives_a_maximum_over_lanes() {
    let all = lanes_of(DType::F32).iter().filter(|&&lanes| lanes > 1);
    for (lanes, position) in all.flat_map(|&lanes| (0..usize::from(lanes)).map(move |position| (lanes, position))) {
        let mut x = vec![1.0f32; usize::from(lanes)];
        x[position] = f32::NAN;
        let mut kit = Kit::new();
        let (source, out) = (kit.input(DType::F32, x.len()), kit.output(DType::F32, 1));
        let lanes = kit.load(vector(DType::F32, lanes), source, &Affine::constant(0));
        let most = kit.set(vector(DType::F32, 1), Expr::ReduceLanes(Reduction::Max, lanes));
        kit.store(out, &Affine::constant(0), most);
        for found in kit.run::<f32>(&[arg(&x)]) {
            assert!(found[0].is_nan());
        }
    }
}

#[test]
fn bytes_of_truth_values_are_0_or_1() {
    // A program that wrote 255 would make an invalid `bool`; look at the bytes.
    let x = [f32::NAN, 0.0, 2.0, -0.0];
    let found = map::<f32, bool>((DType::F32, DType::Bool, 4), &[&x], |_, v| Expr::Convert(v[0]));
    for found in found {
        let bytes: Vec<u8> = found.iter().map(|&b| b as u8).collect();
        assert_eq!(bytes, [1, 0, 1, 0]);
    }
}

/// Something is stored to the truth values, so the verifier lets them be loaded; what is loaded is the bytes that another
/// buffer left in the same memory.
#[test]
fn truth_values_loaded_from_what_others_left_in_the_arena_are_0_or_1() {
    const LEFT: [u8; 8] = [0x17, 0xfe, 0xff, 0x80, 3, 2, 1, 0];
    let all = [
        (1, DType::F32, 1),
        (4, DType::F32, 1),
        (2, DType::F64, 1),
        (4, DType::F32, 0),
        (4, DType::F32, -1),
        (8, DType::F32, 1),
        (8, DType::F64, 1),
        (4, DType::F64, 1),
        (8, DType::F64, -1),
        (8, DType::F32, 0),
    ];
    for (lanes, number, stride) in all.into_iter().filter(|&(lanes, dtype, _)| lanes_of(dtype).contains(&lanes)) {
        let mut kit = Kit::new();
        let (bytes, out) = (kit.input(DType::U8, 8), kit.output(number, 8));
        let left = kit.arena(DType::U8, 9);
        let truths = kit.buffer(DType::Bool, 9, Space::Arena(0));
        kit.each(8, 1, |kit, i| {
            let byte = kit.load(vector(DType::U8, 1), bytes, i);
            kit.store(left, i, byte);
        });
        kit.next_kernel();
        let holds = kit.set(vector(DType::Bool, 1), Expr::Const(Scalar::Bool(true)));
        kit.store(truths, &Affine::constant(8), holds);
        kit.each(8, usize::from(lanes), |kit, i| {
            // Backwards within the lanes, so that the positions stay inside.
            let first = if stride < 0 { i.plus_constant(i64::from(lanes) - 1) } else { i.clone() };
            let load = Expr::Load(place(truths, &first, apart(lanes, stride)));
            let holds = kit.set(vector(DType::Bool, lanes), load);
            let one = kit.set(vector(number, lanes), Expr::Const(Scalar::from_f64(number, 1.0)));
            let two = kit.set(vector(number, lanes), Expr::Const(Scalar::from_f64(number, 2.0)));
            let chosen = kit.set(vector(number, lanes), Expr::Select(holds, one, two));
            // As a number a truth value is 0 or 1: with what was chosen, 2 or again 2.
            let count = kit.set(vector(number, lanes), Expr::Convert(holds));
            let sum = kit.set(vector(number, lanes), Expr::Binary(pullback_ir::Binary::Add, chosen, count));
            kit.store(out, i, sum);
        });
        for executable in kit.executables() {
            let results = executable.run(&[arg(&LEFT)]).unwrap();
            let found: Vec<f64> = if number == DType::F32 {
                first::<f32>(&results).into_iter().map(f64::from).collect()
            } else {
                first(&results)
            };
            assert_eq!(found, [2.0; 8], "{lanes} lanes, stride {stride}");
        }
    }
}

#[test]
fn arguments_need_only_be_aligned_to_their_elements() {
    let mut kit = Kit::new();
    let (source, out) = (kit.input(DType::F32, 8), kit.output(DType::F32, 8));
    kit.each(8, 4, |kit, i| {
        let x = kit.load(vector(DType::F32, 4), source, i);
        let sum = kit.set(vector(DType::F32, 4), Expr::Binary(pullback_ir::Binary::Add, x, x));
        kit.store(out, i, sum);
    });
    let data: Vec<f32> = (0..16).map(|x| x as f32).collect();
    for start in 0..8 {
        for features in FEATURES {
            let results = kit.compile(features).executable.run(&[arg(&data[start..start + 8])]).unwrap();
            let expected: Vec<f32> = data[start..start + 8].iter().map(|x| 2.0 * x).collect();
            assert_eq!(first::<f32>(&results), expected);
        }
    }
}

#[test]
fn addresses_beyond_32_bits_are_reached() {
    // The arena is more than 2 GiB of addresses, of which a few pages are touched.
    let far = 1usize << 31;
    for (offset, stride) in [(far + 64, 1), (far - 4096, 1 << 20), (0, 1 << 28)] {
        let ty = vector(DType::I64, 2);
        let mut kit = Kit::new();
        let (x, y) = (kit.input(DType::I64, 2), kit.output(DType::I64, 2));
        let elements = 1 + stride as usize;
        let scratch = kit.buffer(DType::I64, elements, Space::Arena(offset));
        kit.program.arena_bytes = offset + elements * 8;
        let value = kit.load(ty, x, &Affine::constant(0));
        kit.push(Stmt::Store(place(scratch, &Affine::constant(0), stride), value));
        kit.next_kernel();
        let value = kit.set(ty, Expr::Load(place(scratch, &Affine::constant(0), stride)));
        kit.store(y, &Affine::constant(0), value);
        for found in kit.run::<i64>(&[arg(&[5i64, -6])]) {
            assert_eq!(found, [5, -6], "stride {stride} at {offset}");
        }
    }
}

#[test]
fn a_constant_larger_than_memory_is_an_error() {
    let mut kit = Kit::new();
    let shape = Shape::new(&[1 << 48]).unwrap();
    kit.constant(Literal::splat(Scalar::F64(1.0), shape));
    let message = "code generation: 2251799813685248 bytes for a constant could not be allocated";
    assert_eq!(kit.error(), message);
}
