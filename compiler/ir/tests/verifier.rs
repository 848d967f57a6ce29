//! Every rule of the verifier that a text can break, broken once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::parse::parse_module_named;
use pullback_ir::{FuncId, Module, Origin, parse_module, verify};

/// What the verifier says about one instruction behind the parameters below.
fn broken(line: &str) -> String {
    let text = format!(
        "func @f(%x: f32[2,3], %y: f32[3], %s: f32, %i: i32[2,3], %b: bool[2,3], %d: f64[2,3], %big: u8[16777216,16777216]) {{
  {line}
  return
}}

func @g(%a: f32) -> f32 {{
  return %a
}}
"
    );
    let module = parse_module(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let errors = match verify(module) {
        Ok(_) => panic!("no rule is broken by {line}"),
        Err(errors) => errors.0,
    };
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].function, "f");
    assert!(errors[0].inst.is_some());
    assert_eq!(errors[0].context, line, "the instruction is shown");
    errors[0].message.clone()
}

fn check(cases: &[(&str, &str)]) {
    for (line, message) in cases {
        assert_eq!(broken(line), *message, "{line}");
    }
}

#[test]
fn elementwise_operations_take_a_number_of_operands_of_their_domain_and_one_type() {
    check(&[
        ("%r = neg %x, %x : f32[2,3]", "2 operands, expected 1"),
        ("%r = neg : f32[2,3]", "0 operands, expected 1"),
        ("%r = add %x : f32[2,3]", "1 operands, expected 2"),
        ("%r = clamp %x, %x : f32[2,3]", "2 operands, expected 3"),
        ("%r = exp %i : i32[2,3]", "operand of type i32[2,3], expected f32 or f64"),
        ("%r = not %x : f32[2,3]", "operand of type f32[2,3], expected bool, i32, i64 or u8"),
        ("%r = add %b, %b : bool[2,3]", "operands of type bool[2,3], expected f32, f64, i32, i64 or u8"),
        ("%r = and %x, %x : f32[2,3]", "operands of type f32[2,3], expected bool, i32, i64 or u8"),
        ("%r = shift_left %b, %b : bool[2,3]", "operands of type bool[2,3], expected i32, i64 or u8"),
        ("%r = pow %i, %i : i32[2,3]", "operands of type i32[2,3], expected f32 or f64"),
        ("%r = clamp %b, %b, %b : bool[2,3]", "operands of type bool[2,3], expected f32, f64, i32, i64 or u8"),
        ("%r = is_finite %i : bool[2,3]", "operand of type i32[2,3], expected f32 or f64"),
        ("%r = add %x, %y : f32[2,3]", "operands of types f32[2,3] and f32[3], expected one type"),
        ("%r = add %x, %d : f32[2,3]", "operands of types f32[2,3] and f64[2,3], expected one type"),
        ("%r = compare eq %x, %i : bool[2,3]", "operands of types f32[2,3] and i32[2,3], expected one type"),
        ("%r = select %x, %x, %x : f32[2,3]", "the predicate is f32[2,3], expected bool[2,3]"),
        ("%r = select %b, %x, %d : f32[2,3]", "operands of types f32[2,3] and f64[2,3], expected one type"),
        ("%r = clamp %s, %x, %x : f32[2,3]", "operands of types f32 and f32[2,3], expected one type"),
    ]);
}

#[test]
fn a_result_has_the_inferred_type() {
    check(&[
        ("%r = neg %x : f32[3,2]", "the result is declared f32[3,2], expected f32[2,3]"),
        ("%r = compare lt %x, %x : f32[2,3]", "the result is declared f32[2,3], expected bool[2,3]"),
        ("%r = reduce add %x, axes=[0] : f32[2]", "the result is declared f32[2], expected f32[3]"),
        ("%r = convert %x : f64[3,2]", "the result is declared f64[3,2], expected f64[2,3]"),
        ("%r = reshape %x : f64[6]", "the result is declared f64[6], expected f32[6]"),
        ("neg %x", "the result is declared nothing, expected f32[2,3]"),
        ("%r, %q = neg %x : f32[2,3], f32[2,3]", "the result is declared f32[2,3], f32[2,3], expected f32[2,3]"),
    ]);
}

#[test]
fn views_stay_within_their_operand() {
    check(&[
        ("%r = broadcast %y, dims=[] : f32[2,3]", "dims has 0 entries, the operand f32[3] has 1 axes"),
        ("%r = broadcast %y, dims=[2] : f32[2,3]", "axis 2 of a tensor with 2 axes"),
        (
            "%r = broadcast %y, dims=[0] : f32[2,3]",
            "axis 0 of the operand f32[3] becomes axis 0 of [2,3], and their extents differ",
        ),
        ("%r = broadcast %x, dims=[1,0] : f32[3,2]", "the axes [1, 0] are not strictly increasing"),
        ("%r = reshape %x : f32[7]", "the operand f32[2,3] has 6 elements, the shape [7] has 7"),
        ("%r = transpose %x, perm=[0] : f32[2]", "perm [0] is not a permutation of the 2 axes of f32[2,3]"),
        ("%r = transpose %x, perm=[0,0] : f32[2,2]", "perm [0, 0] is not a permutation of the 2 axes of f32[2,3]"),
        ("%r = reverse %x, axes=[2] : f32[2,3]", "axis 2 of a tensor with 2 axes"),
        ("%r = reverse %x, axes=[0,0] : f32[2,3]", "the axes [0, 0] are not strictly increasing"),
        ("%r = slice %x, start=[0], limit=[1,1] : f32[1,1]", "start has 1 entries, the operand f32[2,3] has 2 axes"),
        (
            "%r = slice %x, start=[0,0], limit=[1,4] : f32[1,4]",
            "axis 1: the positions 0 to 4 are not within the extent 3 of f32[2,3]",
        ),
        (
            "%r = slice %x, start=[2,0], limit=[1,1] : f32[1,1]",
            "axis 0: the positions 2 to 1 are not within the extent 2 of f32[2,3]",
        ),
        (
            "%r = slice %x, start=[0,0], limit=[1,1], stride=[0,1] : f32[1,1]",
            "axis 0: a stride of 0, expected at least 1",
        ),
        ("%r = pad %x, %s, low=[0], high=[0,0] : f32[2,3]", "low has 1 entries, the operand f32[2,3] has 2 axes"),
        ("%r = pad %x, %y, low=[0,0], high=[0,0] : f32[2,3]", "the padding value is f32[3], expected f32"),
        (
            "%r = pad %x, %s, low=[-2,0], high=[-1,0] : f32[0,3]",
            "axis 0: padding -2 and -1 around 2 positions gives the extent -1",
        ),
        ("%r = concatenate %s, axis=0 : f32", "axis 0 of a tensor with 0 axes"),
        (
            "%r = concatenate %x, %y, axis=0 : f32[3,3]",
            "operand 1 is f32[3], which differs from f32[2,3] in more than axis 0",
        ),
        (
            "%r = concatenate %x, %i, axis=0 : f32[4,3]",
            "operand 1 is i32[2,3], which differs from f32[2,3] in more than axis 0",
        ),
        ("%r = iota axis=1 : i32[3]", "axis 1 of a tensor with 1 axes"),
        ("%r = iota axis=0 : bool[3]", "result of type bool[3], expected f32, f64, i32, i64 or u8"),
    ]);
}

#[test]
fn reductions_and_products_name_axes_that_exist_and_agree() {
    check(&[
        ("%r = reduce add %x, axes=[2] : f32[2,3]", "axis 2 of a tensor with 2 axes"),
        ("%r = reduce add %x, axes=[1,0] : f32", "the axes [1, 0] are not strictly increasing"),
        ("%r = reduce and %x, axes=[0] : f32[3]", "operand of type f32[2,3], expected bool"),
        (
            "%r = dot %b, %b, contract=[0]x[0] : bool[3,3]",
            "operands of type bool[2,3], expected f32, f64, i32, i64 or u8",
        ),
        ("%r = dot %x, %d, contract=[1]x[1] : f32[2,2]", "the operands f32[2,3] and f64[2,3] differ in element type"),
        (
            "%r = dot %x, %y, contract=[0]x[0] : f32[3]",
            "contract pairs axis 0 of f32[2,3] with axis 0 of f32[3], and their extents differ",
        ),
        (
            "%r = dot %x, %x, contract=[0,1]x[0] : f32[3]",
            "contract pairs 2 axes of the left operand with 1 of the right",
        ),
        ("%r = dot %x, %y, batch=[1]x[1] : f32[3,2]", "axis 1 of a tensor with 1 axes"),
        ("%r = dot %x, %x, batch=[0]x[0], contract=[0]x[0] : f32[2,3,3]", "axis 0 of the left operand is named twice"),
    ]);
}

#[test]
fn a_result_too_large_is_refused_by_the_instruction_that_makes_it() {
    let message = "the shape [16777216,16777216,16777216,16777216] has too many elements: at most 2^48 are supported";
    assert_eq!(broken("%r = dot %big, %big : u8[2]"), message);
    let message = "the shape [33554432,16777216] has too many elements: at most 2^48 are supported";
    assert_eq!(broken("%r = concatenate %big, %big, axis=0 : u8[2]"), message);
    let message = broken("%r = pad %x, %s, low=[4611686018427387904,0], high=[0,0] : f32[2,3]");
    assert_eq!(message, "the shape [4611686018427387906,3] has too many elements: at most 2^48 are supported");
    let message = broken("%r = pad %x, %s, low=[9223372036854775807,0], high=[9223372036854775807,0] : f32[2,3]");
    assert!(message.ends_with("gives the extent 18446744073709551616"), "{message}");
}

#[test]
fn a_call_fits_its_callee() {
    check(&[
        ("%r = call @g : f32", "@g takes 1 arguments, found 0"),
        ("%r = call @g %x : f32", "argument 0 of @g is f32[2,3], expected f32"),
        ("%r = call @g %s : f64", "the result is declared f64, expected f32"),
        ("call @g %s", "the result is declared nothing, expected f32"),
    ]);
}

#[test]
fn the_call_graph_has_no_cycle() {
    let text = "func @a() {\n  call @b\n  return\n}\nfunc @b() {\n  call @c\n  call @c\n  return\n}
func @c() {\n  call @a\n  return\n}\nfunc @d() {\n  call @d\n  return\n}\n";
    let errors = verify(parse_module(text).unwrap()).unwrap_err();
    let found: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "in @c: a call of @a closes a cycle of calls\n    call @a",
            "in @d: a call of @d closes a cycle of calls\n    call @d",
        ]
    );
}

#[test]
fn every_violation_is_reported_with_its_place() {
    let text = "func @f(%x: f32) {\n  %a = not %x : f32\n  %b = neg %a : f64\n  return\n}\nfunc @g() {\n  call @f\n  return\n}";
    let errors = verify(parse_module_named(text, "m.pir").unwrap()).unwrap_err();
    let places: Vec<String> = errors.0.iter().map(|e| e.origin.as_ref().map(Origin::to_string).unwrap()).collect();
    assert_eq!(places, ["m.pir:2:3", "m.pir:3:3", "m.pir:7:3"]);
}

#[test]
fn a_callee_of_another_module_is_refused() {
    let text = "func @a() {\n  return\n}\nfunc @b() {\n  call @a\n  return\n}";
    let (two, mut one) = (parse_module(text).unwrap(), Module::new());
    one.add(two.function(FuncId::from_u32(1)).clone());
    // In the new module the caller's own id is the one it calls.
    assert!(verify(one).is_err());
}
