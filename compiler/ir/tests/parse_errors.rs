//! What the parser says about bad text, and where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::parse::{MAX_ERRORS, parse_literal, parse_type};
use pullback_ir::parse_module;

fn errors(text: &str) -> Vec<String> {
    match parse_module(text) {
        Ok(module) => panic!("no mistake found in\n{text}\nwhich is\n{module}"),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

/// The mistakes of one instruction on a line of its own, behind `%x: f32[2,3]`, `%y: f32` and `%i: i32[4]`.
fn line(text: &str) -> String {
    let whole = format!("func @f(%x: f32[2,3], %y: f32, %i: i32[4]) {{\n{text}\n return\n}}\n");
    errors(&whole).join("\n")
}

#[test]
fn a_mistake_in_an_instruction_names_what_was_found_and_what_was_expected() {
    let cases = [
        ("%a = ad %x, %x : f32[2,3]", "2:6: found `ad`, expected an operation, did you mean `add`?"),
        ("%a = softmax %x : f32[2,3]", "2:6: found `softmax`, expected an operation"),
        ("%a = neg %q : f32", "2:10: found `%q`, expected a value defined before"),
        ("%x = neg %y : f32", "2:1: `%x` is defined twice, expected another name"),
        ("%a, %a = call @f %x : f32, f32", "2:5: `%a` is defined twice, expected another name"),
        (
            "%1a = neg %y : f32",
            "2:1: found `%1a`, expected a name that begins with a letter or `_`, or a number for a value without one",
        ),
        ("%a = call @g %x : f32", "2:11: there is no function @g in this text"),
        ("%a = call %x : f32", "2:11: found `%x`, expected the `@name` of a function"),
        (
            "%a = neg %y",
            "2:10: found the end of the line, expected `:` and the type of the result, or `,` and more operands or attributes",
        ),
        (
            "%a = neg %y %y : f32",
            "2:13: found `%y`, expected `:` and the type of the result, or `,` and more operands or attributes",
        ),
        (
            "%a = neg %y :",
            "2:13: found the end of the line, expected a type that begins with one of f32, f64, i32, i64, u8, bool",
        ),
        (
            "%a = neg %y : f16",
            "2:15: found `f16`, expected a type that begins with one of f32, f64, i32, i64, u8, bool",
        ),
        ("%a, %b = neg %y : f32", "2:17: found 1 result types, expected 2"),
        ("neg %y : f32", "2:8: found 1 result types, expected 0"),
        ("%a neg %y : f32", "2:4: found `neg`, expected `=` or `,`"),
        ("%a = : f32", "2:6: found `:`, expected an operation, or `%name =` and an operation"),
        ("] %a", "2:1: found `]`, expected an operation, or `%name =` and an operation"),
        ("%a = neg %y, : f32", "2:14: found `:`, expected an operand `%name` or an attribute `name=…`"),
        (
            "%a = compare less %y, %y : bool",
            "2:14: found `less`, expected a predicate: `eq`, `ne`, `lt`, `le`, `gt` or `ge`",
        ),
        (
            "%a = reduce sum %x, axes=[0] : f32[3]",
            "2:13: found `sum`, expected one of `add`, `mul`, `max`, `min`, `and`, `or`",
        ),
        (
            "%a = neg %y : f32 # no",
            "2:19: found the character '#', expected an operation, or `%name =` and an operation",
        ),
        ("%a = neg %y : f32 at 3", "2:22: found `3`, expected a file name in quotes, or `node` and a name in quotes"),
        (
            "%a = neg %y : f32 at \"f:1:2",
            "2:22: found a string without its closing quote, expected a file name in quotes, or `node` and a name in quotes",
        ),
        (
            "%a = neg %y : f32 at \"f\":1:99999999999",
            "2:28: found `99999999999`, expected an integer of at most 32 bits",
        ),
        ("%a = neg %y : f32 from \"x\"", "2:24: found the end of the line, expected `by` and the rule in quotes"),
        (r#"%a = neg %y : f32 at node "\x""#, r#"2:27: a bad escape, expected `\"`, `\\` or `\u{…}`"#),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn a_mistake_in_an_attribute_is_shown_at_the_attribute() {
    let cases = [
        ("%a = reduce add %x : f32", "2:6: `reduce` lacks its attribute `axes=[…]`"),
        ("%a = iota : i32[3]", "2:6: `iota` lacks its attribute `axis=0`"),
        ("%a = iota axis=[0] : i32[3]", "2:11: expected one number as in `axis=0`"),
        ("%a = iota axis=-1 : i32[3]", "2:11: found -1, expected at least 0"),
        (
            "%a = iota axis=99999999999999999999 : i32[3]",
            "2:16: found `99999999999999999999`, expected an integer of at most 64 bits",
        ),
        ("%a = iota axis=1.5 : i32[3]", "2:16: found `1.5`, expected an integer of at most 64 bits"),
        ("%a = iota axis : i32[3]", "2:16: found `:`, expected `=` and the value of the attribute"),
        ("%a = iota axis=nan : i32[3]", "2:11: expected one number as in `axis=0`"),
        ("%a = iota axis=%x : i32[3]", "2:16: found `%x`, expected a number, a word or a list `[…]`"),
        ("%a = cumulative add %x, axis=0, reverse=1 : f32[2,3]", "2:33: expected `reverse=true` or `reverse=false`"),
        ("%a = reverse %x, axes=0 : f32[2,3]", "2:18: expected one list as in `axes=[0,1]`"),
        ("%a = reverse %x, axes=[0 1] : f32[2,3]", "2:26: found `1`, expected `,` or `]`"),
        ("%a = reverse %x, axes=[0], axes=[1] : f32[2,3]", "2:28: the attribute `axes` is given twice"),
        ("%a = reverse %x, axes=[0], dims=[1] : f32[2,3]", "2:28: `reverse` has no attribute `dims`, expected `axes`"),
        ("%a = neg %y, axes=[0] : f32", "2:14: `neg` has no attribute `axes`, expected none"),
        ("%a = neg axes=[0], %y : f32", "2:20: found `%y`, expected an operand `%name` or an attribute `name=…`"),
        ("%a = dot %x, %x, contract=[1] : f32[2,2]", "2:18: expected two lists of axes as in `contract=[1]x[0]`"),
        (
            "%a = dot %x, %x, contract=[1]x1 : f32[2,2]",
            "2:30: found `x1`, expected `:` and the type of the result, or `,` and more operands or attributes",
        ),
        ("%a = slice %x, start=[0,0] : f32[2,3]", "2:6: `slice` lacks its attribute `limit=[…]`"),
        ("%a = slice %x, start=[0,-1], limit=[1,1] : f32[1,1]", "2:16: found -1, expected at least 0"),
        ("%a, %b = convert %y : f32, f32", "2:10: `convert` has one result, whose type says what it makes"),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn a_number_that_the_type_does_not_hold_is_refused_at_the_number() {
    let i32_range = "expected an i32: an integer from -2147483648 to 2147483647";
    let cases = [
        ("%a = constant 300 : u8", "2:15: found `300`, expected a u8: an integer from 0 to 255".to_string()),
        ("%a = constant -1 : u8", "2:15: found `-1`, expected a u8: an integer from 0 to 255".to_string()),
        ("%a = constant 1.5 : i32", format!("2:15: found `1.5`, {i32_range}")),
        ("%a = constant [1, 2147483648] : i32[2]", format!("2:19: found `2147483648`, {i32_range}")),
        ("%a = constant nan : i32", format!("2:15: found `nan`, {i32_range}")),
        ("%a = constant 1 : bool", "2:15: found `1`, expected a bool: `true` or `false`".to_string()),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
    for bad in
        ["1e39", "-1e39", "true", "nan:0x1", "nan:0x1ffffffff", "nan:0xg", "1.5.2", "0x10", "1_000", "--1", "infinity"]
    {
        let message = line(&format!("%a = constant {bad} : f32"));
        assert!(message.starts_with("2:15: ") && message.contains("expected a"), "{bad}: {message}");
    }
}

#[test]
fn lists_must_have_the_shape_of_the_type() {
    let cases = [
        ("%a = constant [1, 2, 3] : f32[2]", "2:15: the lists have the shape [3], expected that of f32[2]"),
        ("%a = constant [[1, 2]] : f32[2]", "2:15: the lists have the shape [1, 2], expected that of f32[2]"),
        ("%a = constant [1, 2] : f32", "2:15: the lists have the shape [2], expected that of f32"),
        ("%a = constant [] : f32[2]", "2:15: the lists have the shape [0], expected that of f32[2]"),
        ("%a = constant [[1, 2], [3]] : f32[2,2]", "2:26: a list of 1 entries, expected 2 as in the lists before"),
        (
            "%a = constant [[1, 2], 3] : f32[2,2]",
            "2:24: found `3`, expected `[`, since the entries of this list are lists",
        ),
        ("%a = constant [1, [2]] : f32[2,2]", "2:19: found `[`, expected a number"),
        ("%a = constant [1 2] : f32[2]", "2:18: found `2`, expected `,` or `]`"),
        ("%a = constant [1, ] : f32[2]", "2:19: found `]`, expected a number"),
        ("%a = constant %x : f32[2]", "2:15: found `%x`, expected a number, `true`, `false` or `[`"),
        ("%a = constant [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]] : f32", "2:31: lists nested more than 16 deep"),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn shapes_out_of_range_are_refused_at_the_type() {
    let cases = [
        (
            "%a = constant 1 : f32[281474976710657]",
            "2:19: the shape [281474976710657] has too many elements: at most 2^48 are supported",
        ),
        (
            "%a = constant 1 : f32[0,281474976710656,2]",
            "2:19: the shape [0,281474976710656,2] has too many elements: at most 2^48 are supported",
        ),
        (
            "%a = constant 1 : f32[99999999999999999999]",
            "2:23: found `99999999999999999999`, expected the extent of a dimension, an integer from 0 to 2^48",
        ),
        (
            "%a = constant 1 : f32[-1]",
            "2:23: found `-1`, expected the extent of a dimension, an integer from 0 to 2^48",
        ),
        ("%a = constant 1 : f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "2:19: a type of more than 16 dimensions"),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn a_mistake_in_a_function_is_shown_where_it_is() {
    let cases = [
        ("fun @f() {\n return\n}", "1:1: found `fun`, expected `func`"),
        ("func f() {\n return\n}", "1:6: found `f`, expected the `@name` of the function"),
        ("func @1f() {\n return\n}", "1:6: found `@1f`, expected a name that begins with a letter or `_`"),
        ("func @f {\n return\n}", "1:9: found `{`, expected `(` and the parameters"),
        ("func @f(x: f32) {\n return\n}", "1:9: found `x`, expected a parameter `%name: type` or `)`"),
        ("func @f(%x) {\n return\n}", "1:11: found `)`, expected `:` and the type of the parameter"),
        ("func @f(%x: f32 %y: f32) {\n return\n}", "1:17: found `%y`, expected `,` or `)`"),
        ("func @f(%x: f32, %x: f32) {\n return\n}", "1:18: `%x` is defined twice, expected another name"),
        (
            "func @f() -> {\n return\n}",
            "1:14: found `{`, expected a type that begins with one of f32, f64, i32, i64, u8, bool",
        ),
        ("func @f()\n return\n}", "1:9: found the end of the line, expected `{` or `->` and the types of the results"),
        ("func @f() {\n}", "2:1: found `}`, expected an instruction or `return`"),
        ("func @f() {\n return", "2:8: found the end of the text, expected `}`"),
        (
            "func @f() {\n return\nfunc @g() {\n return\n}",
            "3:1: found `func`, expected `}` at the end of the function before",
        ),
        ("func @f() {\n return\n return\n}", "3:2: found `return`, expected `}` after `return`"),
        ("func @f() {\n return\n}\n}", "4:1: found `}`, expected `func`"),
        (
            "func @f() {\n return\n}\nfunc @f() {\n return\n}",
            "4:6: there are two functions @f, expected different names",
        ),
        ("func @f(%x: f32) -> f64 {\n return %x\n}", "2:2: returns f32, expected f64 as the head of @f says"),
        ("func @f(%x: f32) {\n return %x\n}", "2:2: returns f32, expected nothing as the head of @f says"),
        (
            "func @f(%x: f32) -> (f32, f32) {\n return\n}",
            "2:2: returns nothing, expected f32, f32 as the head of @f says",
        ),
        ("func @f(%x: f32) -> f32 {\n return %x,\n}", "2:11: found the end of the line, expected a value `%name`"),
        ("func @f(%x: f32) -> f32 {\n return %y\n}", "2:9: found `%y`, expected a value defined before"),
    ];
    for (text, expected) in cases {
        assert_eq!(errors(text).join("\n"), expected, "{text}");
    }
}

#[test]
fn all_mistakes_are_found_and_none_follows_from_another() {
    let text = "
func @f(%x: f32) -> f32 {
  %a = negg %x : f32
  %b = add %a, %q : f32
  %c = add %b, %a : f32
  %d = constant [1, 2,
                 3, : f32[3]
  %e = neg %d : f33
  return %e
}
func @g(%x f32) {
  %a = nothing
  return
}
func @h() {
  %z = nothing
  return
}
";
    let lines: Vec<u32> = parse_module(text).unwrap_err().0.iter().map(|error| error.span.line).collect();
    assert_eq!(lines, [3, 4, 7, 8, 11, 16]);
}

#[test]
fn reading_stops_after_many_mistakes() {
    let text = format!("func @f() {{\n{}}}", "  %a = nothing\n".repeat(10_000));
    assert_eq!(errors(&text).len(), MAX_ERRORS);
    assert_eq!(errors(&"func @f() { return }\n".repeat(1000)).len(), MAX_ERRORS);
}

#[test]
fn a_message_shows_a_part_of_a_long_token() {
    let message = errors(&format!("func @f() {{\n {} \n}}", "é_x".repeat(100_000))).remove(0);
    assert!(message.len() < 200, "{message}");
    let message = errors(&format!("func @f() {{\n {} \n}}", "x".repeat(100_000))).remove(0);
    assert!(message.len() < 200, "{message}");
}

#[test]
fn spans_cover_what_is_wrong() {
    let text = "func @f(%x: f32) {\n  %a = constant [1, 300] : u8[2]\n  %b = dot %é : f32[1]\n  return\n}";
    let errors = parse_module(text).unwrap_err();
    let covered: Vec<&str> = errors.0.iter().map(|error| &text[error.span.start..error.span.end]).collect();
    assert_eq!(covered[0], "300");
    assert_eq!(covered[1], "%");
}

#[test]
fn deep_and_long_texts_are_read_by_loops() {
    let deep = format!("func @f() {{\n %a = constant {} : f32\n return\n}}", "[".repeat(1_000_000));
    assert_eq!(errors(&deep), ["2:32: lists nested more than 16 deep"]);
    let mut long = String::from("func @f(%v0: f32) -> f32 {\n");
    for i in 1..100_000 {
        long += &format!("  %v{i} = neg %v{} : f32\n", i - 1);
    }
    long += "  return %v99999\n}\n";
    assert_eq!(parse_module(&long).unwrap().to_string(), long);
    assert!(parse_literal(&"[".repeat(100), &parse_type("f32").unwrap()).is_err());
}

#[test]
fn a_huge_splat_is_cheap() {
    let text = "func @f() {\n  %a = constant 1.0 : f32[1000000,100000000]\n  return\n}\n";
    assert_eq!(parse_module(text).unwrap().to_string(), text);
}
