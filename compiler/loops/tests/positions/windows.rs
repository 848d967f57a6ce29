//! Windows, overlap-add, prefix combinations, and bits.

use pullback_ir::{Binary, Cumulation, DType, Unary};

use super::{Program, close, exact, single, special};

pub fn programs() -> Vec<Program> {
    let mut programs = views();
    programs.extend(prefixes());
    programs.extend(bits());
    programs
}

/// Shapes of a tensor and of its windows, and the windows.
const WINDOWS: [(&str, &str, &str); 8] = [
    ("17", "15,3", "axes=[0], size=[3]"),
    ("17", "5,5", "axes=[0], size=[5], stride=[3]"),
    ("20", "4,3", "axes=[0], size=[3], stride=[5], dilation=[2]"),
    ("3,12", "3,9,4", "axes=[1], size=[4]"),
    ("12,5", "6,5,2", "axes=[0], size=[2], stride=[2]"),
    ("9,10,2", "4,3,2,3,2", "axes=[0,1], size=[3,2], stride=[2,3], dilation=[1,3]"),
    ("4", "0,7", "axes=[0], size=[7]"),
    ("0,3", "0,2,2", "axes=[1], size=[2]"),
];

fn views() -> Vec<Program> {
    let mut programs = Vec::new();
    for (x, w, spec) in WINDOWS {
        for dtype in DType::ALL {
            let (from, to) = (format!("{dtype}[{x}]"), format!("{dtype}[{w}]"));
            programs.push(exact(single(&format!("%x: {from}"), &format!("windows %x, {spec}"), &to)));
            if dtype != DType::Bool {
                programs.push(exact(single(&format!("%w: {to}"), &format!("overlap_add %w, {spec}"), &from)));
            }
        }
        let last = w.split(',').count() - 1;
        let mut kept: Vec<&str> = w.split(',').collect();
        kept.pop();
        let kept = kept.join(",");
        programs.push(exact(format!(
            "func @f(%x: f32[{x}], %k: f32[{w}]) -> (f32[{kept}], f32[{kept}], f32[{x}]) {{
               %y = neg %x : f32[{x}]
               %v = windows %y, {spec} : f32[{w}]
               %m = reduce max %v, axes=[{last}] : f32[{kept}]
               %p = mul %v, %k : f32[{w}]
               %c = reduce add %p, axes=[{last}] : f32[{kept}]
               %o = overlap_add %p, {spec} : f32[{x}]
               %r = add %o, %y : f32[{x}]
               return %m, %c, %r
             }}"
        )));
    }
    programs
}

fn prefixes() -> Vec<Program> {
    let mut programs = Vec::new();
    for kind in Cumulation::ALL {
        let name = kind.info().name;
        for dtype in DType::ALL.into_iter().filter(|&dtype| kind.info().domain.contains(dtype)) {
            for extents in ["7", "1", "0", "3,70", "70,3", "130,9", "2,5,9", "3,0"] {
                for axis in 0..extents.split(',').count() {
                    for reverse in ["", ", reverse=true"] {
                        let ty = format!("{dtype}[{extents}]");
                        let text = single(&format!("%x: {ty}"), &format!("{name} %x, axis={axis}{reverse}"), &ty);
                        let tolerance = match kind {
                            // Products of more than a few quarters are rounded.
                            Cumulation::Mul | Cumulation::LogSumExp => 1e-14,
                            Cumulation::Add | Cumulation::Max | Cumulation::Min => 0.0,
                        };
                        if dtype.is_float() {
                            programs.push(Program { special: true, ..close(text.clone(), tolerance) });
                        }
                        programs.push(close(text, tolerance));
                    }
                }
            }
        }
    }
    for (extents, axis) in [("5000", 0), ("4500,6", 0), ("3,4097", 1)] {
        programs.push(close(
            format!(
                "func @f(%x: f32[{extents}], %y: f32[{extents}]) -> (f32[{extents}], f32[{extents}]) {{
                   %p = mul %x, %y : f32[{extents}]
                   %q = logistic %p : f32[{extents}]
                   %a = cumulative add %q, axis={axis} : f32[{extents}]
                   %b = neg %a : f32[{extents}]
                   %c = cumulative add %b, axis={axis}, reverse=true : f32[{extents}]
                   return %b, %c
                 }}"
            ),
            1e-15,
        ));
    }
    programs
}

fn bits() -> Vec<Program> {
    let mut programs = Vec::new();
    for dtype in [DType::I32, DType::I64, DType::U8] {
        let ty = format!("{dtype}[37]");
        for op in
            [Binary::And, Binary::Or, Binary::Xor, Binary::ShiftLeft, Binary::ShiftRight, Binary::ShiftRightLogical]
        {
            let name = op.info().name;
            programs.push(exact(single(&format!("%x: {ty}, %y: {ty}"), &format!("{name} %x, %y"), &ty)));
            for amount in [0i64, 1, 5, 7, 8, 31, 32, 63, 64, 200, -1, -64] {
                if dtype == DType::U8 && !(0..256).contains(&amount) {
                    continue;
                }
                programs.push(exact(format!(
                    "func @f(%x: {ty}) -> {ty} {{
                       %m = mul %x, %x : {ty}
                       %w = mul %m, %m : {ty}
                       %v = mul %w, %m : {ty}
                       %z = neg %v : {ty}
                       %n = constant {amount} : {dtype}
                       %y = broadcast %n, dims=[] : {ty}
                       %r = {name} %z, %y : {ty}
                       return %r
                     }}"
                )));
            }
        }
        for op in [Unary::Not, Unary::PopulationCount, Unary::StopGradient] {
            programs.push(exact(single(&format!("%x: {ty}"), &format!("{} %x", op.info().name), &ty)));
        }
    }
    for (from, to) in
        [("f32", "i32"), ("i32", "f32"), ("f64", "i64"), ("i64", "f64"), ("u8", "u8"), ("bool", "bool"), ("f32", "f32")]
    {
        programs.push(special(format!(
            "func @f(%x: {from}[9]) -> ({to}[9], {from}[9]) {{
               %r = bitcast %x : {to}[9]
               %s = bitcast %r : {from}[9]
               return %r, %s
             }}"
        )));
    }
    programs
}
