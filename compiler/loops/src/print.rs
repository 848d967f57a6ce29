//! The text form of the loop IR, written.
//!
//! Variables and counters print under their numbers in order of definition, so that printing what was parsed gives the same text.
//!
//! ```text
//! program @f {
//!   buffer %x : f32[8] input 0
//!   buffer %y : f32[8] output 0
//!   arena 0
//!   kernel @y "2 mul at model.rs:3" {
//!     for i0 = 0 to 8 step 4 {
//!       v0 = load %x[i0] : f32x4
//!       v1 = mul v0, v0 : f32x4
//!       store %y[i0], v1
//!     }
//!   }
//! }
//! ```

use std::fmt::{self, Write};

use cranelift_entity::SecondaryMap;

use crate::program::{
    Affine, Buffer, Expr, For, Gemm, Index, Kernel, Matrix, Place, Program, Space, Stmt, Var, VarType,
};

impl fmt::Display for VarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lanes == 1 { write!(f, "{}", self.dtype) } else { write!(f, "{}x{}", self.dtype, self.lanes) }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program @{} {{", self.name)?;
        for buffer in self.buffers.values() {
            write!(f, "  buffer %{} : {}[{}] ", buffer.name, buffer.dtype, buffer.elements)?;
            match &buffer.space {
                Space::Input(position) => writeln!(f, "input {position}")?,
                Space::Output(position) => writeln!(f, "output {position}")?,
                Space::Arena(offset) => writeln!(f, "arena {offset}")?,
                Space::Constant(literal) => {
                    let elements: Vec<String> =
                        literal.to_elements().iter().map(|element| element.to_string()).collect();
                    writeln!(f, "constant [{}]", elements.join(", "))?;
                }
            }
        }
        writeln!(f, "  arena {}", self.arena_bytes)?;
        let mut printer = Printer {
            program: self,
            vars: SecondaryMap::new(),
            next_var: 0,
            indices: SecondaryMap::new(),
            next_index: 0,
        };
        for kernel in &self.kernels {
            f.write_str(&printer.kernel(kernel))?;
        }
        writeln!(f, "}}")
    }
}

/// Statements as they stand in the program's text, loops without their bodies; empty for `None`. The program need not be valid.
pub(crate) fn stmts_to_strings(program: &Program, stmts: &[Option<&Stmt>]) -> Vec<String> {
    if stmts.is_empty() {
        return Vec::new();
    }
    // Variables and counters have their numbers once everything was printed.
    let mut printer = Printer::new(program);
    for kernel in &program.kernels {
        let _ = printer.kernel(kernel);
    }
    stmts.iter().map(|stmt| stmt.map(|stmt| printer.head(stmt)).unwrap_or_default()).collect()
}

struct Printer<'a> {
    program: &'a Program,
    vars: SecondaryMap<Var, u32>,
    next_var: u32,
    indices: SecondaryMap<Index, u32>,
    next_index: u32,
}

impl<'a> Printer<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, vars: SecondaryMap::new(), next_var: 0, indices: SecondaryMap::new(), next_index: 0 }
    }

    fn kernel(&mut self, kernel: &Kernel) -> String {
        let about = kernel.about.replace(['"', '\\', '\n'], "'");
        let mut out = format!("\n  kernel @{} \"{about}\" {{\n", kernel.name);
        // Writing to a String cannot fail.
        let _ = self.stmts(&mut out, &kernel.body, 2);
        out.push_str("  }\n");
        out
    }

    fn define(&mut self, var: Var) -> String {
        if self.program.vars.is_valid(var) {
            self.vars[var] = self.next_var;
        }
        self.next_var += 1;
        self.var(var)
    }

    fn var(&self, var: Var) -> String {
        format!("v{}", self.vars[var])
    }

    fn ty(&self, var: Var) -> String {
        self.program.vars.get(var).map_or_else(|| "?".into(), VarType::to_string)
    }

    fn buffer(&self, buffer: Buffer) -> String {
        self.program.buffers.get(buffer).map_or_else(|| format!("?{buffer}"), |data| data.name.to_string())
    }

    /// A statement whose variables have their numbers, a loop without its body.
    fn head(&self, stmt: &Stmt) -> String {
        match stmt {
            Stmt::Let(var, expr) => format!("{} = {} : {}", self.var(*var), self.expr(expr), self.ty(*var)),
            Stmt::Store(place, var) => format!("store {}, {}", self.place(place), self.var(*var)),
            Stmt::For(inner) => {
                let For { index, extent, step, .. } = &**inner;
                format!("for i{} = 0 to {extent} step {step} {{", self.indices[*index])
            }
            Stmt::Gemm(gemm) => self.gemm(gemm),
        }
    }

    fn stmts(&mut self, out: &mut String, stmts: &[Stmt], depth: usize) -> fmt::Result {
        for stmt in stmts {
            out.push_str(&"  ".repeat(depth));
            match stmt {
                Stmt::Let(var, expr) => {
                    let expr = self.expr(expr);
                    let name = self.define(*var);
                    writeln!(out, "{name} = {expr} : {}", self.ty(*var))?;
                }
                Stmt::Store(place, var) => writeln!(out, "store {}, {}", self.place(place), self.var(*var))?,
                Stmt::For(inner) => self.for_loop(out, inner, depth)?,
                Stmt::Gemm(gemm) => writeln!(out, "{}", self.gemm(gemm))?,
            }
        }
        Ok(())
    }

    fn for_loop(&mut self, out: &mut String, inner: &For, depth: usize) -> fmt::Result {
        // The results are defined after the body in the numbering, though they stand before it.
        let mut head = String::new();
        let inits: Vec<String> = inner.carried.iter().map(|carried| self.var(carried.init)).collect();
        let index = self.next_index;
        self.next_index += 1;
        if inner.index.as_u32() < self.program.index_count {
            self.indices[inner.index] = index;
        }
        write!(head, "for i{index} = 0 to {} step {}", inner.extent, inner.step)?;
        let mut carry = Vec::new();
        for (carried, init) in inner.carried.iter().zip(inits) {
            carry.push(format!("{} = {init} : {}", self.define(carried.param), self.ty(carried.param)));
        }
        if !carry.is_empty() {
            write!(head, " carry ({})", carry.join(", "))?;
        }
        let mut body = String::new();
        self.stmts(&mut body, &inner.body, depth + 1)?;
        if !inner.carried.is_empty() {
            let nexts: Vec<String> = inner.carried.iter().map(|carried| self.var(carried.next)).collect();
            writeln!(body, "{}yield {}", "  ".repeat(depth + 1), nexts.join(", "))?;
        }
        let results: Vec<String> = inner.carried.iter().map(|carried| self.define(carried.result)).collect();
        if !results.is_empty() {
            write!(out, "{} = ", results.join(", "))?;
        }
        writeln!(out, "{head} {{\n{body}{}}}", "  ".repeat(depth))
    }

    fn expr(&self, expr: &Expr) -> String {
        let v = |var: &Var| self.var(*var);
        match expr {
            Expr::Const(scalar) => format!("const {scalar}"),
            Expr::Position { index, lane_stride } => format!("position {}{}", self.affine(index), stride(*lane_stride)),
            Expr::Load(place) => format!("load {}", self.place(place)),
            Expr::Splat(x) => format!("splat {}", v(x)),
            Expr::Unary(op, x) => format!("{} {}", op.info().name, v(x)),
            Expr::Binary(op, x, y) => format!("{} {}, {}", op.info().name, v(x), v(y)),
            Expr::MulAdd(x, y, z) => format!("mul_add {}, {}, {}", v(x), v(y), v(z)),
            Expr::Compare(predicate, x, y) => format!("compare {} {}, {}", predicate.name(), v(x), v(y)),
            Expr::IsFinite(x) => format!("is_finite {}", v(x)),
            Expr::Select(x, y, z) => format!("select {}, {}, {}", v(x), v(y), v(z)),
            Expr::Convert(x) => format!("convert {}", v(x)),
            Expr::ReduceLanes(kind, x) => format!("reduce_lanes {} {}", kind.kind_name(), v(x)),
        }
    }

    fn place(&self, place: &Place) -> String {
        let name = self.buffer(place.buffer);
        format!("%{name}[{}]{}", self.affine(&place.index), stride(place.lane_stride))
    }

    fn matrix(&self, matrix: &Matrix) -> String {
        let name = self.buffer(matrix.buffer);
        format!("%{name}[{}; {}, {}]", self.affine(&matrix.index), matrix.row_stride, matrix.column_stride)
    }

    fn gemm(&self, gemm: &Gemm) -> String {
        let Gemm { dtype, m, n, k, .. } = gemm;
        let assign = if gemm.accumulate { "+=" } else { "=" };
        let (out, lhs, rhs) = (self.matrix(&gemm.out), self.matrix(&gemm.lhs), self.matrix(&gemm.rhs));
        format!("gemm {dtype} {m}x{n}x{k} {out} {assign} {lhs} * {rhs}")
    }

    fn affine(&self, affine: &Affine) -> String {
        let mut out = String::new();
        // In the order that the text gives the counters, so that reading it back gives the same text.
        let mut terms: Vec<(u32, i64)> = affine.terms.iter().map(|&(index, by)| (self.indices[index], by)).collect();
        terms.sort_unstable();
        for (number, coefficient) in terms {
            let factor = coefficient.unsigned_abs();
            let term = if factor == 1 { format!("i{number}") } else { format!("{factor}*i{number}") };
            match (out.is_empty(), coefficient < 0) {
                (true, false) => out.push_str(&term),
                (true, true) => out = format!("-{term}"),
                (false, negative) => out.push_str(&format!(" {} {term}", if negative { '-' } else { '+' })),
            }
        }
        match (out.is_empty(), affine.offset) {
            (true, offset) => offset.to_string(),
            (false, 0) => out,
            (false, offset) => format!("{out} {} {}", if offset < 0 { '-' } else { '+' }, offset.unsigned_abs()),
        }
    }
}

/// How lanes are apart, unless they are neighbours.
fn stride(lane_stride: i64) -> String {
    if lane_stride == 1 { String::new() } else { format!(" stride {lane_stride}") }
}
