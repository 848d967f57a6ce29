//! Regions: built, printed, parsed, verified, taken out and put back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::{Builder, Checkpointing, DType, Module, Op, ScanSpec, Type, parse_module, rewrite, verify};

const TEXT: &str = "func @f(%w: f32[4], %x: f32[10,4], %p: bool) -> (f32[4], f32[10], f32) {
  %h0 = constant 0.0 : f32[4]
  %h, %ys = scan %w, %h0, %x, length=10, consts=1, carry=1, checkpoint_every=3 : f32[4], f32[10]
    body(%w_1: f32[4], %h_1: f32[4], %x_1: f32[4]) {
      %0 = mul %w_1, %h_1 : f32[4]
      %1 = add %0, %x_1 : f32[4]
      %2 = reduce add %1, axes=[0] : f32
      yield %1, %2
    }
  %last = reduce add %h, axes=[0] : f32
  %r = cond %p, %last : f32
    then(%a: f32) {
      %n = neg %a : f32
      yield %n
    }
    else(%b: f32) {
      %i, %v = while %b, %b, consts=0, bound=7 : f32, f32
        cond(%i_1: f32, %v_1: f32) {
          %go = compare lt %i_1, %v_1 : bool
          yield %go
        }
        body(%i_2: f32, %v_2: f32) {
          %next = add %i_2, %i_2 : f32
          yield %next, %v_2
        }
      yield %v
    }
  return %h, %ys, %r
}
";

#[test]
fn nested_regions_print_as_they_were_read() {
    let module = verify(parse_module(TEXT).unwrap()).unwrap();
    assert_eq!(module.to_string(), TEXT);
    let function = module.functions().next().unwrap().1;
    assert_eq!((function.insts().len(), function.all_insts().len(), function.region_depth()), (4, 11, 2));
}

#[test]
fn a_copy_through_functions_keeps_regions_and_names() {
    let module = verify(parse_module(TEXT).unwrap()).unwrap();
    let function = module.functions().next().unwrap().1;
    let b = Builder::new(&module, "f");
    let mut map = rewrite::ValueMap::new();
    rewrite::copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        rewrite::copy_inst(&b, function, inst, &mut map);
    }
    let results = map.expect_all(&b, function.results());
    let mut copy = Module::new();
    copy.add(b.finish(&results).unwrap());
    assert_eq!(verify(copy).unwrap().to_string(), TEXT);
}

#[test]
fn a_region_sees_nothing_outside_itself() {
    let text = TEXT.replace("%0 = mul %w_1, %h_1", "%0 = mul %w, %h_1");
    let error = parse_module(&text).unwrap_err().to_string();
    assert!(error.contains("passed in as an operand"), "{error}");
}

#[test]
fn regions_that_do_not_fit_are_refused() {
    let refused = |from: &str, to: &str, message: &str| {
        assert!(TEXT.contains(from), "{from}");
        let found = match parse_module(&TEXT.replace(from, to)) {
            Ok(module) => verify(module).unwrap_err().to_string(),
            Err(errors) => errors.to_string(),
        };
        assert!(found.contains(message), "{found}");
    };
    refused("length=10", "length=9", "expected 9 positions on axis 0");
    refused("carry=1,", "carry=5,", "expected at least consts=1 and carry=5");
    refused("yield %1, %2", "yield %2, %2", "the carry that the body yields: value 0 is f32, expected f32[4]");
    refused("yield %go", "yield %i_1", "what the condition yields: value 0 is f32, expected bool");
    refused("yield %n\n", "yield %n, %a\n", "what region 1 yields: 1 values, expected 2");
    refused("else(%b: f32)", "else(%b: f32[1])", "value 0 is f32[1], expected f32");
    refused("checkpoint_every=3", "checkpoint_every=0", "expected at least 1");
    refused("else(%b", "otherwise(%b", "expected the region `else(…) { … }` of `cond`");
}

#[test]
fn a_region_is_built_as_a_function_and_its_mistake_is_the_builders() {
    let module = Module::new();
    let scalar = Type::scalar(DType::F64);
    let build = |wrong: bool| {
        let b = Builder::new(&module, "f");
        let x = b.param("x", scalar.clone());
        let body = b.region(&[("c", scalar.clone())], |b, c| vec![if wrong { b.not(c[0]) } else { b.sin(c[0]) }]);
        let spec = ScanSpec { length: 3, consts: 0, carry: 1, reverse: false, checkpoint: Checkpointing::Store };
        let results = b.scan(spec, &[x], body);
        b.finish(&results)
    };
    let f = build(false).unwrap();
    assert!(matches!(f.op(f.insts()[0]), Op::Scan(_)));
    assert_eq!(build(true).unwrap_err().op, "not");
}
