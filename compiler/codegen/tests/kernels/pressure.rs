//! More values than registers, registers that instructions insist on, values that change places: what programs rarely do, against the interpreter.
//!
//! The code generator's own unit tests show that such functions spill; here they run, at every width of vectors.

use std::fmt::Write;

use pullback_codegen::Options;
use pullback_ir::{DType, Elements, Scalar};
use pullback_loops::{interpret, parse_program, verify};
use pullback_runtime::{ArgRef, Element};

use super::support::{FEATURES, compiled_text, lanes_of};

/// An element type of arguments and results.
trait Lane: Element {
    fn elements(values: &[Self]) -> Elements;
    /// The bits, one NaN for all.
    fn bits(self) -> u64;
    fn scalar_bits(scalar: Scalar) -> u64;
}

impl Lane for f32 {
    fn elements(values: &[Self]) -> Elements {
        Elements::F32(values.to_vec())
    }
    fn bits(self) -> u64 {
        u64::from(if self.is_nan() { Self::NAN.to_bits() } else { self.to_bits() })
    }
    fn scalar_bits(scalar: Scalar) -> u64 {
        let Scalar::F32(x) = scalar else { panic!("{scalar}") };
        Lane::bits(x)
    }
}

impl Lane for i64 {
    fn elements(values: &[Self]) -> Elements {
        Elements::I64(values.to_vec())
    }
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
    fn scalar_bits(scalar: Scalar) -> u64 {
        let Scalar::I64(x) = scalar else { panic!("{scalar}") };
        x.cast_unsigned()
    }
}

/// The results of a program with one input are those of the interpreter, for all features, or for the first alone if it has vectors of more than 128 bits.
fn check<T: Lane>(text: &str, x: &[T], is_wide: bool) {
    let program = verify(parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}")));
    let program = program.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let expected = interpret(&program, &[T::elements(x)]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let expected: Vec<Vec<u64>> = expected.iter().map(|result| result.iter().map(T::scalar_bits).collect()).collect();
    for features in if is_wide { &FEATURES[..1] } else { &FEATURES } {
        let options = Options { verify: true, features: *features, ..Options::default() };
        let found = compiled_text(text, &options).executable.run(&[ArgRef::from(x)]).unwrap().into_iter();
        let bits = |&x: &T| x.bits();
        let found: Vec<Vec<u64>> =
            found.map(|result| result.as_slice::<T>().unwrap().iter().map(bits).collect()).collect();
        assert_eq!(found, expected, "with {features}: {text}");
    }
}

/// Checks a program of `f32` at every width; `text` is given the lanes, and `x` has `count` elements for each.
fn check_widths(count: usize, text: impl Fn(usize) -> String) {
    for &lanes in &lanes_of(DType::F32)[1..] {
        let lanes = usize::from(lanes);
        let x: Vec<f32> = (0..count * lanes).map(|i| ((i * 37 + 11) % 101) as f32 / 8.0 - 6.0).collect();
        check(&text(lanes), &x, lanes > 4);
    }
}

/// A program with one kernel, from `%x` to `%y`.
fn kernel(dtype: &str, from: usize, to: usize, body: &str) -> String {
    format!(
        "program @f {{ buffer %x : {dtype}[{from}] input 0 buffer %y : {dtype}[{to}] output 0 arena 0
           kernel @k \"\" {{ {body} }} }}"
    )
}

/// `count` variables from `first` on that are loaded, each with the ones behind it.
fn loads(first: usize, count: usize, ty: &str, lanes: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "v{} = load %x[{}] : {ty}", first + number, lanes * number);
        text
    })
}

#[test]
fn forty_vectors_at_a_time() {
    check_widths(40, |lanes| {
        let ty = format!("f32x{lanes}");
        let mut body = loads(0, 40, &ty, lanes);
        for number in 0..40 {
            let _ = writeln!(body, "v{} = mul v{number}, v{} : {ty}", 40 + number, (number + 7) % 40);
        }
        // From the last to the first, so that all are there at once.
        for number in 0..40 {
            let (square, x, sum) = (79 - number, (11 * number) % 40, 80 + number);
            let _ = writeln!(body, "v{sum} = add v{square}, v{x} : {ty} store %y[{}], v{sum}", lanes * number);
        }
        kernel("f32", 40 * lanes, 40 * lanes, &body)
    });
}

#[test]
fn twenty_masks_at_a_time() {
    check_widths(20, |lanes| {
        let ty = format!("f32x{lanes}");
        let mut body = loads(0, 20, &ty, lanes);
        for number in 0..20 {
            let _ = writeln!(body, "v{} = compare lt v{number}, v{} : boolx{lanes}", 20 + number, (number + 1) % 20);
        }
        for number in 0..20 {
            let (mask, other, both) = (39 - number, 20 + (3 * number) % 20, 40 + 3 * number);
            let _ = writeln!(
                body,
                "v{both} = xor v{mask}, v{other} : boolx{lanes}
                 v{chosen} = select v{both}, v{number}, v{} : {ty}
                 v{again} = select v{mask}, v{chosen}, v{} : {ty} store %y[{}], v{again}",
                (number + 5) % 20,
                (number + 9) % 20,
                lanes * number,
                chosen = both + 1,
                again = both + 2,
            );
        }
        kernel("f32", 20 * lanes, 20 * lanes, &body)
    });
}

/// A loop whose carried values take each other's places: `count` vectors and as many truth values.
fn rotating(count: usize, lanes: usize) -> String {
    let (ty, truth) = (format!("f32x{lanes}"), format!("boolx{lanes}"));
    let mut body = loads(0, count, &ty, lanes);
    for number in 0..count {
        let _ = writeln!(body, "v{} = compare lt v{number}, v{} : {truth}", count + number, count - 1 - number);
    }
    // Initial values from 0, parameters from 2 count, results from 4 count.
    let list = |numbers: &mut dyn Iterator<Item = usize>| -> String {
        numbers.map(|number| format!("v{number}")).collect::<Vec<_>>().join(", ")
    };
    let carried: Vec<String> = (0..2 * count)
        .map(|number| {
            let ty = if number < count { &ty } else { &truth };
            format!("v{} = v{number} : {ty}", 2 * count + number)
        })
        .collect();
    let next = 6 * count;
    // The first vector changes with the first truth value; all move on by one.
    let yielded = list(
        &mut (3..=count)
            .map(|n| 2 * count + n - 1)
            .chain([next, 2 * count + 1])
            .chain((1..=count).map(|n| 3 * count + n % count)),
    );
    let _ = writeln!(
        body,
        "{} = for i0 = 0 to 7 step 1 carry ({}) {{
           v{next} = select v{}, v{}, v{} : {ty}
           yield {yielded} }}",
        list(&mut (4 * count..6 * count)),
        carried.join(", "),
        3 * count,
        2 * count,
        3 * count - 1,
    );
    for number in 0..count {
        let (vector, truth, chosen) = (4 * count + number, 5 * count + number, next + 1 + number);
        let _ = writeln!(
            body,
            "v{chosen} = select v{truth}, v{vector}, v{number} : {ty} store %y[{}], v{chosen}",
            lanes * number
        );
    }
    kernel("f32", count * lanes, count * lanes, &body)
}

#[test]
fn carried_values_change_places_in_registers_and_on_the_stack() {
    for count in [2, 3, 9, 36] {
        check_widths(count, |lanes| rotating(count, lanes));
    }
}

#[test]
fn vectors_stay_behind_calls() {
    // The remainder of quotients of more than 29 bits is a call for the lanes that have one; remainders are exact.
    for &lanes in &lanes_of(DType::F32)[1..] {
        let lanes = usize::from(lanes);
        let ty = format!("f32x{lanes}");
        let mut body = loads(0, 12, &ty, lanes);
        for number in 0..12 {
            let rest = 12 + 2 * number;
            let _ = writeln!(
                body,
                "v{rest} = rem v{number}, v{} : {ty} v{} = add v{rest}, v{} : {ty}",
                (number + 5) % 12,
                rest + 1,
                (number + 1) % 12
            );
        }
        for number in 0..12 {
            let _ = writeln!(body, "store %y[{}], v{}", lanes * number, 35 - 2 * number);
        }
        let x: Vec<f32> = (0..12 * lanes)
            .map(|i| if i % 7 == 3 { 1e30 + i as f32 * 1e28 } else { (i % 23) as f32 / 4.0 - 2.3 })
            .collect();
        check(&kernel("f32", 12 * lanes, 12 * lanes, &body), &x, lanes > 4);
    }
}

/// Quotients, remainders and shifts of all pairs of neighbours among `count` values, which are all needed until the end.
fn divisions(count: usize, ty: &str, lanes: usize) -> String {
    let mut body = loads(0, count, ty, lanes);
    for number in 0..count {
        let (first, other) = (count + 4 * number, (number + 1) % count);
        let _ = writeln!(
            body,
            "v{first} = div v{number}, v{other} : {ty} v{} = rem v{other}, v{number} : {ty}
             v{} = shift_left v{first}, v{other} : {ty} v{} = shift_right v{number}, v{other} : {ty}",
            first + 1,
            first + 2,
            first + 3,
        );
    }
    for number in 0..4 * count {
        let sum = 5 * count + number;
        let _ = writeln!(
            body,
            "v{sum} = xor v{}, v{} : {ty} store %y[{}], v{sum}",
            5 * count - 1 - number,
            number % count,
            lanes * number
        );
    }
    kernel("i64", count * lanes, 4 * count * lanes, &body)
}

#[test]
fn divisions_and_shifts_among_many_integers() {
    for &lanes in lanes_of(DType::I64) {
        let lanes = usize::from(lanes);
        let ty = if lanes == 1 { "i64".to_owned() } else { format!("i64x{lanes}") };
        let special = [0, 1, -1, i64::MIN, i64::MAX, 63, 64, -7, 1 << 40];
        let x: Vec<i64> =
            (0..12 * lanes)
                .map(|i| {
                    if i % 3 == 0 {
                        special[i / 3 % 9]
                    } else {
                        0x9e37_79b9_7f4a_7c15_u64.cast_signed() >> (5 * i % 64)
                    }
                })
                .collect();
        check(&divisions(12, &ty, lanes), &x, lanes > 2);
    }
}

#[test]
fn kernels_under_more_loops_than_there_are_registers_for_parameters() {
    check_widths(512, |lanes| {
        let ty = format!("f32x{lanes}");
        let counters: Vec<String> = (0..9).map(|level| format!("{}*i{level}", lanes << level)).collect();
        let position = counters.join(" + ");
        // Much work, so that it is a function of its own.
        let mut body = format!("v0 = load %x[{position}] : {ty}\n");
        for number in 1..80 {
            let _ = writeln!(body, "v{number} = mul v{}, v0 : {ty}", number - 1);
        }
        let (mut open, mut close) = (String::new(), String::new());
        for level in 0..9 {
            let _ = write!(open, "loop i{level} = 0 to 2 {{ ");
            close.push('}');
        }
        let count = 512 * lanes;
        let text = format!(
            "program @f {{ buffer %x : f32[{count}] input 0 buffer %y : f32[{count}] output 0 arena 0
               {open} kernel @k \"\" {{ {body} store %y[{position}], v79 }} {close} }}"
        );
        let clif = compiled_text(&text, &Options { clif: true, ..Options::default() }).clif.unwrap();
        assert!(
            clif.contains(&format!("({})", ["i64"; 10].join(", "))),
            "the table of pointers and the counters: {clif}"
        );
        text
    });
}
