//! Printing what was parsed gives the text again, and parsing what was printed gives the module again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use pullback_ir::op::table;
use pullback_ir::parse::{parse_literal, parse_module_named, parse_module_with_map, parse_type};
use pullback_ir::print::{PrintOptions, module_to_string};
use pullback_ir::{Builder, DType, Literal, Module, Origin, Scalar, Shape, Type, parse_module, verify};

#[test]
fn the_corpus_verifies_and_prints_as_it_is_written() {
    for text in support::corpus() {
        let module = parse_module(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let module = verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert_eq!(module.to_string(), text);
    }
}

#[test]
fn the_corpus_has_every_operation_of_the_table() {
    let mut seen = BTreeSet::new();
    for text in support::corpus() {
        let module = parse_module(&text).unwrap();
        for (_, function) in module.functions() {
            seen.extend(function.all_insts().into_iter().map(|inst| function.op(inst).name()));
        }
    }
    let all: BTreeSet<_> = table().iter().map(|row| row.name).collect();
    assert_eq!(seen, all);
}

#[test]
fn blanks_comments_defaults_and_line_breaks_do_not_matter() {
    let text = "; a comment
      func@f(%x:f32[2,2],)->(f32[2,2]){ %s=slice %x,limit=[2,2],start=[0,0],stride=[1,1]:f32[2,2] ; another
      %p = pad %s, %z,
             low=[0,0], interior=[0,0], high=[0,0] : f32[2,2]
      %c = constant [[1,2],
                     [3,4]] : f32[2,2] %d = add %p, %c : f32[2,2]
      return %d}";
    let errors = parse_module(text).unwrap_err();
    assert_eq!(errors.to_string(), "3:20: found `%z`, expected a value defined before");
    let text = text.replace("%x:f32[2,2],)", "%x:f32[2,2],%z:f32)");
    let printed = "func @f(%x: f32[2,2], %z: f32) -> f32[2,2] {
  %s = slice %x, start=[0,0], limit=[2,2] : f32[2,2]
  %p = pad %s, %z, low=[0,0], high=[0,0] : f32[2,2]
  %c = constant [[1.0, 2.0], [3.0, 4.0]] : f32[2,2]
  %d = add %p, %c : f32[2,2]
  return %d
}
";
    assert_eq!(parse_module(&text).unwrap().to_string(), printed);
}

#[test]
fn numbers_of_unnamed_values_are_given_again_in_order() {
    let text = "func @f(%7: f32) -> f32 {\n  %x = neg %7 : f32\n  %3 = neg %x : f32\n  return %3\n}\n";
    let printed = "func @f(%0: f32) -> f32 {\n  %x = neg %0 : f32\n  %1 = neg %x : f32\n  return %1\n}\n";
    assert_eq!(parse_module(text).unwrap().to_string(), printed);
}

#[test]
fn provenance_round_trips_with_every_character() {
    let text = r#"func @f(%x: f32) -> f32 {
  %a = neg %x : f32 at "a \"b\" \\ é\u{7}\u{a}.rs":3:14
  %b = neg %a : f32 at node "block/1" from "a" by "jvp of neg"
  %c = neg %b : f32 from "" by ""
  call @g at "x":1:2
  return %c
}

func @g() {
  return
}
"#;
    let module = parse_module(text).unwrap();
    assert_eq!(module_to_string(&module, PrintOptions { provenance: true }), text);
}

#[test]
fn a_named_text_is_the_origin_of_its_instructions() {
    let text = "func @f(%x: f32) -> f32 {\n  %é = neg %x : f32\n";
    assert!(parse_module_named(text, "m.pir").is_err());
    let text = "func @f(%x: f32) -> f32 { %a = neg %x : f32\n  %b = neg %a : f32 at node \"n\"\n  return %b\n}";
    let (module, map) = parse_module_with_map(text, "m.pir").unwrap();
    let function = module.function(module.find("f").unwrap());
    let origins: Vec<String> = function
        .insts()
        .iter()
        .map(|&inst| function.provenance(inst).origin.as_ref().map(Origin::to_string).unwrap())
        .collect();
    assert_eq!(origins, ["m.pir:1:27", "node n"]);
    let spans: Vec<&str> =
        function.insts().iter().map(|&inst| map.inst("f", inst).unwrap()).map(|s| &text[s.start..s.end]).collect();
    assert_eq!(spans, ["%a = neg %x : f32", "%b = neg %a : f32"]);
    assert_eq!(map.function("f").map(|span| (span.line, span.column)), Some((1, 6)));
    assert_eq!(map.function("g"), None);
}

#[test]
fn a_function_from_the_builder_reads_back() {
    let module = Module::new();
    let b = Builder::new(&module, "2nd try");
    let x = b.param("x", Type::new(DType::F64, &[2]).unwrap());
    let y = b.add(x, b.neg(x));
    let mut whole = Module::new();
    whole.add(b.finish(&[y, y]).unwrap());
    let text = whole.to_string();
    assert_eq!(parse_module(&text).unwrap().to_string(), text);
}

#[test]
fn literals_and_types_read_alone() {
    let ty = parse_type(" f64[2,3] ; comment").unwrap();
    assert_eq!(ty, Type::new(DType::F64, &[2, 3]).unwrap());
    assert_eq!(parse_type("i32[]").unwrap(), Type::scalar(DType::I32));
    assert_eq!(parse_literal("2", &ty).unwrap(), Literal::splat(Scalar::F64(2.0), Shape::new(&[2, 3]).unwrap()));
    assert_eq!(parse_literal("[[2,2,2],[2,2,2.0]]", &ty).unwrap(), parse_literal("2", &ty).unwrap());
    assert!(parse_literal("[[2,2,2],[2,2,2]] 3", &ty).is_err());
    assert!(parse_type("f64[2,3").is_err());
}

/// Every bit pattern class of both float types, through text and back.
#[test]
fn floats_read_back_to_the_same_bits() {
    let mut random = support::SplitMix64(1);
    for _ in 0..20_000 {
        let bits = random.next();
        for value in [Scalar::F64(f64::from_bits(bits)), Scalar::F32(f32::from_bits(bits as u32))] {
            let literal = parse_literal(&value.to_string(), &Type::scalar(value.dtype())).unwrap();
            assert_eq!(literal.as_splat(), Some(value), "{value}");
        }
    }
}
