//! The programs in `ir-spec/loop-ir.md` are in the form that the printer gives them, verify, and compute what they say.

use pullback_ir::Elements;

use super::support::{program, run_program};

/// The blocks fenced as `loops`.
fn blocks() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ir-spec/loop-ir.md");
    let page = std::fs::read_to_string(path).unwrap();
    let fenced = page.split("```loops\n").skip(1);
    fenced.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn block(name: &str) -> String {
    blocks().into_iter().find(|block| block.starts_with(&format!("program @{name} "))).unwrap()
}

#[test]
fn programs_of_the_specification_are_as_printed_and_verify() {
    assert_eq!(blocks().len(), 9);
    for block in blocks() {
        assert_eq!(program(&block).to_string(), block);
    }
}

#[test]
fn programs_of_the_specification_compute_what_they_say() {
    let x = [1.0f32, -2.0, 3.0, 0.5, 4.0, -0.25, 0.0, 7.0];
    let squares = x.map(|x| x * x);
    let found = run_program(&block("squares"), &[Elements::F32(x.to_vec())]);
    assert_eq!(found, [Elements::F32(squares.to_vec()), Elements::F32(vec![squares.iter().sum()])]);

    let x = x.map(f64::from);
    let found = run_program(&block("turns"), &[Elements::F64(x.to_vec())]);
    assert_eq!(found, [Elements::F64(x.iter().map(|&x| -libm::exp(x)).collect())]);

    let found = run_program(&block("product"), &[Elements::F32(vec![1.0, 2.0, 0.0, 4.0, 0.0, 0.0])]);
    // An infinity times zero is NaN, twice.
    let Elements::F32(found) = &found[0] else { panic!() };
    assert!(found[1].is_infinite() && found[3].is_infinite());
    assert_eq!([found[0], found[2]], [4.0, 8.0]);

    let x = [1.0f32, -2.0, 3.0, 0.5, 4.0, f32::INFINITY, f32::NAN, 7.0];
    let chosen = |i: usize| if x[i] >= 0.5 { x[i] } else { 7.0 - i as f32 };
    let sums: Vec<f32> = (0..8).map(|i| chosen(i) * 0.5 + x[i]).collect();
    let found = run_program(&block("lanes"), &[Elements::F32(x.to_vec())]);
    assert_eq!(found[0], Elements::I32(sums.iter().rev().map(|&sum| sum as i32).collect()));
    assert_eq!(found[1], Elements::Bool(x.iter().map(|&x| x >= 0.5).collect()));
    let finite = |lane: usize| if sums[lane + 4].is_finite() { sums[lane + 4] } else { sums[lane] };
    assert_eq!(found[2], Elements::F32(vec![(0..4).map(finite).fold(f32::NEG_INFINITY, f32::max)]));

    let x: Vec<f32> = (0..28u8).map(f32::from).collect();
    assert_eq!(run_program(&block("narrower"), &[Elements::F32(x)]), [Elements::F32(vec![27.0 * 14.0])]);

    let x: Vec<f32> = (0..24u8).map(f32::from).collect();
    let sums = x.chunks(4).map(|row| row.iter().map(|x| x * x).sum()).collect();
    assert_eq!(run_program(&block("blocks"), &[Elements::F32(x)]), [Elements::F32(sums)]);

    let x = vec![0.5f32, -1.0, f32::NAN, 0.5, 3.0];
    let found = run_program(&block("lookup"), &[Elements::F32(x), Elements::I64(vec![4, -1, 1])]);
    assert_eq!(found, [Elements::F32(vec![3.0, 0.0, -1.0]), Elements::I32(vec![2, 4, 0, 3, 1])]);
}
