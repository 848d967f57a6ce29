//! Sparse Jacobians: the pattern covers the dense Jacobian, and the compressed one has its values.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback::interp::{Array, evaluate};
use pullback::ir::{Elements, Shape, Type};
use pullback::{
    FuncId, JacobianMode, Module, Side, Verified, color, jacobian_sparsity, parse_module, sparse_jacobian, verify,
};

fn load(text: &str) -> (Verified<Module>, FuncId) {
    let module = verify(parse_module(text).unwrap_or_else(|e| panic!("{e}"))).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let id = module.find("f").unwrap();
    (module, id)
}

fn floats(extents: &[usize], values: impl Iterator<Item = f64>) -> Array {
    let shape = Shape::new(extents).unwrap();
    let values: Vec<f64> = values.take(shape.elements()).collect();
    Array::new(shape, Elements::F64(values)).unwrap()
}

/// Numbers without structure.
fn irregular() -> impl Iterator<Item = f64> {
    (1..).map(|i| ((i * i * 37 + 11 * i) % 101) as f64 / 50.0 - 1.01)
}

/// Checks pattern and values against the dense Jacobian; gives the number of entries and of colours.
fn check(text: &str, inputs: &[Array], wrt: &[usize]) -> (usize, usize) {
    let (module, f) = load(text);
    let known: Vec<Option<Array>> = inputs.iter().map(|x| (!x.ty().dtype.is_float()).then(|| x.clone())).collect();
    let pattern = jacobian_sparsity(&module, f, wrt, &known).unwrap_or_else(|e| panic!("{e}"));
    let mut all = Module::clone(&module);
    let dense = all.add(pullback::jacobian(&module, f, wrt, JacobianMode::Forward).unwrap());
    let all = verify(all).unwrap();
    let blocks = evaluate(&all, dense, inputs).unwrap();
    let float_results: Vec<Type> =
        module.function(f).result_types().filter(|ty| ty.dtype.is_float()).cloned().collect();
    let params: Vec<Type> = wrt.iter().map(|&at| inputs[at].ty()).collect();
    let mut matrix = vec![vec![0.0; pattern.columns()]; pattern.rows()];
    let mut row = 0;
    for (number, output) in float_results.iter().enumerate() {
        let mut column = 0;
        for (at, input) in params.iter().enumerate() {
            let block = blocks[number * params.len() + at].to_f64();
            for i in 0..output.elements() {
                for j in 0..input.elements() {
                    matrix[row + i][column + j] = block[i * input.elements() + j];
                }
            }
            column += input.elements();
        }
        row += output.elements();
    }
    for (row, values) in matrix.iter().enumerate() {
        for (column, &value) in values.iter().enumerate() {
            let covered = pattern.row(row).contains(&(column as u32));
            assert!(covered || value == 0.0, "element ({row}, {column}) is {value} and not in the pattern\n{text}");
        }
    }
    let sparse = sparse_jacobian(&module, f, wrt, pattern.clone()).unwrap_or_else(|e| panic!("{e}"));
    let mut all = Module::clone(&module);
    let id = all.add(sparse.function.clone());
    let all = verify(all).unwrap();
    let compressed = evaluate(&all, id, inputs).unwrap()[0].to_f64();
    let values = sparse.values(&compressed).unwrap();
    for ((row, column), value) in pattern.entries().zip(values) {
        let expected = matrix[row][column];
        assert!(
            (value - expected).abs() <= 1e-12 * (1.0 + expected.abs()),
            "({row}, {column}): {value}, {expected}\n{text}"
        );
    }
    (pattern.len(), sparse.coloring.colors)
}

#[test]
fn an_elementwise_function_has_a_diagonal_and_needs_one_product() {
    let text = "func @f(%x: f64[9]) -> f64[9] {\n  %y = sin %x : f64[9]\n  %z = mul %y, %x : f64[9]\n  return %z\n}\n";
    assert_eq!(check(text, &[floats(&[9], irregular())], &[0]), (9, 1));
}

#[test]
fn neighbours_make_a_band_and_need_as_many_products_as_it_is_wide() {
    let text = "
func @f(%x: f64[10]) -> f64[8] {
  %a = slice %x, start=[0], limit=[8] : f64[8]
  %b = slice %x, start=[1], limit=[9] : f64[8]
  %c = slice %x, start=[2], limit=[10] : f64[8]
  %ab = mul %a, %b : f64[8]
  %abc = add %ab, %c : f64[8]
  return %abc
}
";
    assert_eq!(check(text, &[floats(&[10], irregular())], &[0]), (24, 3));
}

/// Residuals of observations, each of one camera, one point and one weight.
const BUNDLE: &str = "
func @f(%cams: f64[3,4], %points: f64[5,3], %w: f64[7], %ci: i32[7], %pi: i32[7]) -> (f64[7,2], f64[7]) {
  %c = gather %cams, %ci, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,4] : f64[7,4]
  %p = gather %points, %pi, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,3] : f64[7,3]
  %r = reduce mul %c, axes=[1] : f64[7]
  %s = reduce add %p, axes=[1] : f64[7]
  %q = slice %p, start=[0,0], limit=[7,2] : f64[7,2]
  %rs = mul %r, %s : f64[7]
  %rsw = mul %rs, %w : f64[7]
  %b = broadcast %rsw, dims=[0] : f64[7,2]
  %e = mul %b, %q : f64[7,2]
  %ww = mul %w, %w : f64[7]
  return %e, %ww
}
";

#[test]
fn a_bundle_needs_as_many_products_as_an_observation_has_parameters() {
    let indices = |values: &[i32]| Array::new(Shape::new(&[7]).unwrap(), Elements::I32(values.to_vec())).unwrap();
    let inputs = [
        floats(&[3, 4], irregular()),
        floats(&[5, 3], irregular().skip(20)),
        floats(&[7], irregular().skip(50)),
        indices(&[0, 1, 2, 0, 1, 2, 0]),
        indices(&[0, 1, 2, 3, 4, 0, 1]),
    ];
    // 14 rows of 4 + 3 + 1, and 7 of one weight. By columns that is 8 colours; by rows 6, since the camera seen most is seen three times, in two rows each.
    assert_eq!(check(BUNDLE, &inputs, &[0, 1, 2]), (14 * 8 + 7, 6));
}

#[test]
fn an_index_that_is_not_known_may_pick_every_row() {
    let (module, f) = load(BUNDLE);
    let pattern = jacobian_sparsity(&module, f, &[0, 1, 2], &[None, None, None, None, None]).unwrap();
    assert_eq!(pattern.row(0).len(), 12 + 15 + 1);
}

#[test]
fn products_sums_and_loops_have_the_pattern_of_what_they_combine() {
    let text = "
func @f(%x: f64[3,4], %y: f64[4,2], %h: f64[2]) -> (f64[3,2], f64[2], f64[3,2], f64[3,4]) {
  %d = dot %x, %y, contract=[1]x[0] : f64[3,2]
  %last, %all = scan %h, %d, length=3, consts=0, carry=1 : f64[2], f64[3,2]
    body(%c: f64[2], %r: f64[2]) {
      %m = mul %c, %r : f64[2]
      %s = sin %m : f64[2]
      yield %s, %m
    }
  %k = cumulative add %x, axis=0 : f64[3,4]
  return %d, %last, %all, %k
}
";
    let inputs =
        [floats(&[3, 4], irregular()), floats(&[4, 2], irregular().skip(30)), floats(&[2], irregular().skip(40))];
    check(text, &inputs, &[0, 1, 2]);
}

#[test]
fn moves_scatters_and_windows_go_where_the_interpreter_says() {
    let text = "
func @f(%x: f64[6], %u: f64[2,2], %i: i32[2,1], %j: i32) -> (f64[6], f64[3,2], f64[8], f64[2], f64[6]) {
  %s = scatter add %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=drop : f64[6]
  %w = windows %x, axes=[0], size=[2], stride=[2] : f64[3,2]
  %o = overlap_add %w, axes=[0], size=[2], stride=[3], dilation=[1] : f64[8]
  %d = dynamic_slice %x, %j : f64[2]
  %sq = mul %d, %d : f64[2]
  %t = sort %x, axis=0, keys=1 : f64[6]
  return %s, %w, %o, %sq, %t
}
";
    let index = Array::new(Shape::new(&[2, 1]).unwrap(), Elements::I32(vec![1, 5])).unwrap();
    let start = Array::new(Shape::scalar(), Elements::I32(vec![3])).unwrap();
    check(text, &[floats(&[6], irregular()), floats(&[2, 2], irregular().skip(9)), index, start], &[0, 1]);
}

#[test]
fn a_column_that_meets_all_others_is_coloured_by_rows() {
    // One dense column beside a diagonal needs two colours; one dense row, as many as columns, or two by rows.
    let text = "
func @f(%x: f64[12]) -> (f64[12], f64) {
  %y = exp %x : f64[12]
  %s = reduce add %y, axes=[0] : f64
  return %y, %s
}
";
    let (module, f) = load(text);
    let coloring = color(&jacobian_sparsity(&module, f, &[0], &[None]).unwrap());
    assert_eq!((coloring.side, coloring.colors), (Side::Rows, 2));
    check(text, &[floats(&[12], irregular())], &[0]);
}

/// The compressed Jacobian's side, and the elements of the pattern, which is full, in row-major order.
fn elements(text: &str, inputs: &[Array]) -> (Side, Vec<f64>) {
    let (module, f) = load(text);
    let pattern = jacobian_sparsity(&module, f, &[0], &vec![None; inputs.len()]).unwrap();
    let sparse = sparse_jacobian(&module, f, &[0], pattern.clone()).unwrap_or_else(|e| panic!("{e}"));
    let mut all = Module::clone(&module);
    let id = all.add(sparse.function.clone());
    let all = verify(all).unwrap();
    let values = sparse.values(&evaluate(&all, id, inputs).unwrap()[0].to_f64()).unwrap();
    assert_eq!(values.len(), pattern.rows() * pattern.columns());
    (sparse.coloring.side, values)
}

#[test]
fn the_mode_that_a_function_refuses_is_not_the_one_taken() {
    // Columns and rows take the same colours, so columns would be taken, but a vjp rule has no columns. The rule claims a slope of 3.
    let ruled = "
func @f(%x: f64[2]) -> f64[2] {
  %z = custom_derivative %x, rule=vjp : f64[2]
    primal(%a: f64[2]) {
      %r = floor %a : f64[2]
      yield %r
    }
    vjp(%b: f64[2], %y: f64[2], %ct: f64[2]) {
      %three = constant 3.0 : f64[2]
      %s = mul %ct, %three : f64[2]
      yield %s
    }
  return %z
}
";
    let (side, found) = elements(ruled, &[floats(&[2], irregular())]);
    assert_eq!(side, Side::Rows);
    assert_eq!(found, [3.0, 0.0, 0.0, 3.0]);
    // One row would be one product, but a loop without a bound has no rows.
    let unbounded = "
func @f(%x: f64[2]) -> f64 {
  %s = reduce add %x, axes=[0] : f64
  %zero = constant 0 : i32
  %y, %n = while %s, %zero, consts=0 : f64, i32
    cond(%a: f64, %i: i32) {
      %two = constant 2 : i32
      %go = compare lt %i, %two : bool
      yield %go
    }
    body(%b: f64, %j: i32) {
      %c = add %b, %b : f64
      %one = constant 1 : i32
      %k = add %j, %one : i32
      yield %c, %k
    }
  return %y
}
";
    let (module, f) = load(unbounded);
    let known = jacobian_sparsity(&module, f, &[0], &[None]).unwrap();
    assert_eq!(color(&known).side, Side::Rows);
    let (side, found) = elements(unbounded, &[floats(&[2], irregular())]);
    assert_eq!((side, found), (Side::Columns, vec![4.0, 4.0]));
}

#[test]
fn a_rule_of_the_users_may_have_entries_where_the_primal_has_none() {
    // The derivative of floor is zero; the rule says that it is the identity.
    let text = "
func @f(%x: f64[3], %y: f64) -> (f64[3], f64) {
  %z = custom_derivative %x, rule=jvp : f64[3]
    primal(%a: f64[3]) {
      %r = floor %a : f64[3]
      yield %r
    }
    jvp(%b: f64[3], %b_t: f64[3]) {
      yield %b_t
    }
  return %z, %y
}
";
    // What a rule does is not looked into, so each of its results may depend on each of its operands, but on no other parameter.
    let (entries, _) = check(text, &[floats(&[3], irregular()), floats(&[], irregular())], &[0, 1]);
    assert_eq!(entries, 9 + 1);
}

#[test]
fn what_does_not_fit_is_said() {
    let (module, f) = load(BUNDLE);
    let message = |result: Result<pullback::SparsityPattern, pullback::Error>| result.unwrap_err().to_string();
    let none = vec![None; 5];
    assert!(message(jacobian_sparsity(&module, f, &[3], &none)).contains("expected f32 or f64"));
    assert!(message(jacobian_sparsity(&module, f, &[0], &none[1..])).contains("4 inputs"));
    let mut wrong = none.clone();
    wrong[3] = Some(Array::new(Shape::new(&[2]).unwrap(), Elements::I32(vec![0, 0])).unwrap());
    assert!(message(jacobian_sparsity(&module, f, &[0], &wrong)).contains("expected i32[7]"));
    let pattern = jacobian_sparsity(&module, f, &[0], &none).unwrap();
    assert!(sparse_jacobian(&module, f, &[1], pattern).unwrap_err().to_string().contains("a pattern of 21 rows"));
    let (module, f) = load("func @f(%x: f64[3]) -> i32 {\n  %y = argmax %x, axis=0 : i32\n  return %y\n}\n");
    let pattern = jacobian_sparsity(&module, f, &[0], &[None]).unwrap();
    assert_eq!((pattern.rows(), pattern.columns()), (0, 3));
    let error = sparse_jacobian(&module, f, &[0], pattern).unwrap_err().to_string();
    assert!(error.contains("@f has no floating-point result"), "{error}");
}
