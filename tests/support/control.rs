//! Programs with control flow, for the suites that run them.

/// A scan over `length` rows with what the body does, which yields the carry and a row.
pub fn rows(length: usize, reverse: &str) -> String {
    format!(
        "func @f(%w: f32[4], %h0: f32[4], %x: f32[{length},4]) -> (f32[4], f32[{length},4], f32[{length}]) {{
  %h, %ys, %zs = scan %w, %h0, %x, length={length}, consts=1, carry=1{reverse} : f32[4], f32[{length},4], f32[{length}]
    body(%c: f32[4], %h_1: f32[4], %x_1: f32[4]) {{
      %0 = mul %c, %h_1 : f32[4]
      %1 = add %0, %x_1 : f32[4]
      %next = tanh %1 : f32[4]
      %y = sub %next, %h_1 : f32[4]
      %s = reduce add %y, axes=[0] : f32
      yield %next, %y, %s
    }}
  return %h, %ys, %zs
}}
"
    )
}

/// Three states, of which the body yields what is given: values that it computes from states, states themselves, constants.
pub fn states(yields: &str) -> String {
    format!(
        "func @f(%a0: f32[3], %b0: f32[3], %c0: f32[3]) -> (f32[3], f32[3], f32[3]) {{
  %a, %b, %c = scan %a0, %b0, %c0, length=5, consts=0, carry=3 : f32[3], f32[3], f32[3]
    body(%a_1: f32[3], %b_1: f32[3], %c_1: f32[3]) {{
      %s = add %a_1, %b_1 : f32[3]
      %m = mul %s, %c_1 : f32[3]
      %r = reverse %a_1, axes=[0] : f32[3]
      %k = constant 0.5 : f32[3]
      %l = constant [0.1, 0.2, 0.3] : f32[3]
      yield {yields}
    }}
  return %a, %b, %c
}}
"
    )
}

/// What [`states`] may yield.
pub const YIELDS: &[&str] = &[
    "%b_1, %a_1, %c_1",
    "%b_1, %c_1, %a_1",
    "%a_1, %b_1, %c_1",
    "%s, %a_1, %c_1",
    "%b_1, %s, %s",
    "%s, %s, %s",
    "%m, %s, %r",
    "%r, %m, %a_1",
    "%r, %r, %m",
    "%k, %a_1, %m",
    "%l, %l, %k",
    "%l, %m, %b_1",
    "%m, %r, %c_1",
];

/// A value that is state and row, yielded several times.
pub const SEVERAL: &str = "func @f(%h0: f64[3], %k: i32) -> (f64[3], f64[4,3], f64[4,3], f64[4,3], i32) {
  %h, %n, %a, %b, %c = scan %h0, %k, length=4, consts=0, carry=2 : f64[3], i32, f64[4,3], f64[4,3], f64[4,3]
    body(%h_1: f64[3], %k_1: i32) {
      %one = constant 1 : i32
      %k_2 = add %k_1, %one : i32
      %f = convert %k_2 : f64
      %v = broadcast %f, dims=[] : f64[3]
      %next = add %h_1, %v : f64[3]
      yield %next, %k_2, %next, %h_1, %next
    }
  return %h, %a, %b, %c, %n
}
";

/// A loop in a loop, of one state.
pub const NESTED: &str = "func @f(%w: f32[3], %h0: f32[3], %x: f32[4,5,3]) -> (f32[3], f32[4,5,3], f32[4,3]) {
  %h, %ys, %zs = scan %w, %h0, %x, length=4, consts=1, carry=1, reverse=true : f32[3], f32[4,5,3], f32[4,3]
    body(%w_1: f32[3], %h_1: f32[3], %x_1: f32[5,3]) {
      %g, %gs = scan %w_1, %h_1, %x_1, length=5, consts=1, carry=1 : f32[3], f32[5,3]
        body(%w_2: f32[3], %h_2: f32[3], %x_2: f32[3]) {
          %0 = mul %w_2, %h_2 : f32[3]
          %1 = add %0, %x_2 : f32[3]
          yield %1, %0
        }
      %z = sin %g : f32[3]
      yield %g, %gs, %z
    }
  return %h, %ys, %zs
}
";

/// A loop that doubles while it is below a limit.
pub fn doubling(bound: &str, start: &str) -> String {
    format!(
        "func @f(%x: f32[3]) -> (f32, f32[3], i32) {{
  %limit = constant 100.0 : f32
  %v0 = constant {start} : f32
  %n0 = constant 0 : i32
  %v, %y, %n = while %limit, %v0, %x, %n0, consts=1{bound} : f32, f32[3], i32
    cond(%l: f32, %v_1: f32, %y_1: f32[3], %n_1: i32) {{
      %go = compare lt %v_1, %l : bool
      yield %go
    }}
    body(%l_1: f32, %v_2: f32, %y_2: f32[3], %n_2: i32) {{
      %twice = add %v_2, %v_2 : f32
      %r = reverse %y_2, axes=[0] : f32[3]
      %one = constant 1 : i32
      %n_3 = add %n_2, %one : i32
      yield %twice, %r, %n_3
    }}
  return %v, %y, %n
}}
"
    )
}

/// A state that is the condition.
pub const FLAG: &str = "func @f(%p: bool, %q: bool) -> bool {
  %r = while %q, %p, consts=1 : bool
    cond(%q_1: bool, %p_1: bool) {
      yield %p_1
    }
    body(%q_2: bool, %p_2: bool) {
      %r_1 = constant false : bool
      yield %r_1
    }
  return %r
}
";

/// Two cases of three results, some of them operands; the selector is no constant for those who look.
pub fn cond(selector: bool) -> String {
    format!(
        "func @f(%x: f32[4], %y: f32[4]) -> (f32[4], f32[4], f32[4]) {{
  %s = constant {selector} : bool
  %e = compare eq %x, %x : bool[4]
  %t = reduce or %e, axes=[0] : bool
  %p = and %s, %t : bool
  %z = add %x, %y : f32[4]
  %a, %b, %c = cond %p, %x, %z : f32[4], f32[4], f32[4]
    then(%x_1: f32[4], %z_1: f32[4]) {{
      %u = sin %z_1 : f32[4]
      yield %x_1, %z_1, %u
    }}
    else(%x_2: f32[4], %z_2: f32[4]) {{
      %r = reverse %z_2, axes=[0] : f32[4]
      %m = mul %z_2, %x_2 : f32[4]
      yield %r, %m, %m
    }}
  return %a, %b, %c
}}
"
    )
}

/// One of three cases; the selector is no constant for those who look.
pub fn switch(selector: i32) -> String {
    format!(
        "func @f(%x: f32[4], %i0: i32) -> f32[4] {{
  %s = constant {selector} : i32
  %o = max %i0, %s : i32
  %i = min %o, %s : i32
  %a = switch %i, %x : f32[4]
    case(%x_1: f32[4]) {{
      yield %x_1
    }}
    case(%x_2: f32[4]) {{
      %n = neg %x_2 : f32[4]
      yield %n
    }}
    case(%x_3: f32[4]) {{
      %k = constant [1.0, 2.0, 3.0, 4.0] : f32[4]
      yield %k
    }}
  return %a
}}
"
    )
}

/// A row selects whether the state changes.
pub const UPDATES: &str = "func @f(%h0: f32[4], %x: f32[6,4], %p: bool[6]) -> (f32[4], f32[6]) {
  %h, %ys = scan %h0, %x, %p, length=6, consts=0, carry=1 : f32[4], f32[6]
    body(%h_1: f32[4], %x_1: f32[4], %p_1: bool) {
      %n = cond %p_1, %h_1, %x_1 : f32[4]
        then(%h_2: f32[4], %x_2: f32[4]) {
          %s = add %h_2, %x_2 : f32[4]
          yield %s
        }
        else(%h_3: f32[4], %x_3: f32[4]) {
          yield %h_3
        }
      %t = reduce add %n, axes=[0] : f32
      yield %n, %t
    }
  return %h, %ys
}
";

/// A loop of each kind in a branch.
pub const LOOPS_IN_CASES: &str = "func @f(%p: bool, %x: f32[4]) -> f32[4] {
  %h = cond %p, %x : f32[4]
    then(%a: f32[4]) {
      %r = scan %a, length=3, consts=0, carry=1 : f32[4]
        body(%b: f32[4]) {
          %c = cos %b : f32[4]
          yield %c
        }
      yield %r
    }
    else(%d: f32[4]) {
      %r_1, %i = while %d, %d, consts=0, bound=4 : f32[4], f32[4]
        cond(%e: f32[4], %e_1: f32[4]) {
          %s = reduce add %e, axes=[0] : f32
          %t = constant 50.0 : f32
          %go = compare lt %s, %t : bool
          yield %go
        }
        body(%f: f32[4], %g: f32[4]) {
          %u = add %f, %f : f32[4]
          yield %u, %f
        }
      yield %i
    }
  return %h
}
";

/// One kernel stores two states, the first where the second's operand is.
pub const EXCHANGED: &str = "func @f(%a0: f32[6], %b0: f32[6]) -> (f32[6], f32[6]) {
  %a, %b = scan %a0, %b0, length=3, consts=0, carry=2 : f32[6], f32[6]
    body(%a_1: f32[6], %b_1: f32[6]) {
      %t = tanh %b_1 : f32[6]
      %c = cos %t : f32[6]
      %s = add %t, %a_1 : f32[6]
      yield %c, %s
    }
  return %a, %b
}
";

/// An array of which each iteration changes a part: without a copy, if nobody reads what it was.
pub fn updates(read_again: bool) -> String {
    let (result, row) = if read_again { (", f32[5]", ", %old") } else { ("", "") };
    let (name, old) = if read_again { (", %d", "      %old = reduce add %a_1, axes=[0] : f32\n") } else { ("", "") };
    let late = if read_again { "      %all = sub %next, %a_1 : f32[40]\n" } else { "" };
    let kept = if read_again { "%all" } else { "%next" };
    let names = format!("%a, %n{name}");
    format!(
        "func @f(%x: f32[40], %u: f32[5,3]) -> (f32[40], i32{result}) {{
  %a0 = sin %x : f32[40]
  %n0 = constant -1 : i32
  {names} = scan %a0, %n0, %u, length=5, consts=0, carry=2 : f32[40], i32{result}
    body(%a_1: f32[40], %n_1: i32, %u_1: f32[3]) {{
      %next = dynamic_update_slice %a_1, %u_1, %n_1 : f32[40]
{late}{old}      %nine = constant 9 : i32
      %n_2 = add %n_1, %nine : i32
      yield {kept}, %n_2{row}
    }}
  return {names}
}}
"
    )
}

/// No iteration, and results that nobody reads.
pub const NO_ITERATION: &str = "func @f(%x: f32[0,3], %h0: f32[3], %e: f32[0]) -> (f32[3], f32[0,3], f32[0]) {
  %h, %ys, %d, %k = scan %h0, %x, %e, length=0, consts=0, carry=1 : f32[3], f32[0,3], f32[0,3], f32[0]
    body(%a: f32[3], %b: f32[3], %c: f32) {
      %s = add %a, %b : f32[3]
      yield %s, %s, %a, %c
    }
  return %h, %ys, %k
}
";

/// Values without elements.
pub const NO_ELEMENTS: &str = "func @f(%h0: f32[3], %e: f32[0], %unused: f32[9]) -> (f32[3], f32[5,0]) {
  %h, %g, %ys, %dead = scan %e, %h0, %e, length=5, consts=1, carry=2 : f32[3], f32[0], f32[5,0], f32[5,3]
    body(%q: f32[0], %a: f32[3], %b: f32[0]) {
      %s = neg %a : f32[3]
      %t = mul %b, %q : f32[0]
      yield %s, %t, %b, %a
    }
  return %h, %ys
}
";

/// A product for the packed kernel in every iteration.
pub const PRODUCTS: &str = "func @f(%w: f32[40,40], %h0: f32[32,40], %x: f32[3,32,40]) -> (f32[32,40], f32[3,32,40]) {
  %h, %ys = scan %w, %h0, %x, length=3, consts=1, carry=1 : f32[32,40], f32[3,32,40]
    body(%w_1: f32[40,40], %h_1: f32[32,40], %x_1: f32[32,40]) {
      %0 = dot %h_1, %w_1, contract=[1]x[0] : f32[32,40]
      %1 = add %0, %x_1 : f32[32,40]
      %2 = tanh %1 : f32[32,40]
      yield %2, %2
    }
  return %h, %ys
}
";

/// All programs.
pub fn programs() -> Vec<String> {
    let mut programs: Vec<String> = YIELDS.iter().map(|yields| states(yields)).collect();
    for length in [0, 1, 2, 7] {
        programs.extend(["", ", reverse=true"].map(|reverse| rows(length, reverse)));
    }
    for bound in ["", ", bound=0", ", bound=1", ", bound=3", ", bound=1000"] {
        programs.extend(["1.0", "99.0", "100.0"].map(|start| doubling(bound, start)));
    }
    programs.extend([false, true].map(cond));
    programs.extend([-5, 0, 1, 2, 7].map(switch));
    programs.extend([false, true].map(updates));
    let fixed = [SEVERAL, EXCHANGED, NESTED, FLAG, UPDATES, LOOPS_IN_CASES, NO_ITERATION, NO_ELEMENTS, PRODUCTS];
    programs.extend(fixed.map(String::from));
    programs
}
