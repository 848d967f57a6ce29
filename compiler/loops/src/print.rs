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
//!
//! Positions known at run time, statements under a condition, and calls of the runtime:
//!
//! ```text
//! bind i1 = v3 below 7
//! if v4 { … }
//! call argsort descending %order[8*i0; 8 by 1], %scratch[0; 8 by 1], %x[8*i0; 8 by 1]
//! ```
//!
//! Products of matrices, by one that is packed and by one as it lies:
//!
//! ```text
//! pack f32 3x70 %p[0] = %w[0; 70, 1]
//! gemm f32 2x70x3 %y[0; 70, 1] = %x[0; 3, 1] * packed %p[0]
//! gemm f32 2x70x3 %y[0; 70, 1] += %x[0; 3, 1] * %w[0; 70, 1]
//! ```
//!
//! Buffers that each worker of a parallel loop has of its own are `local`, at an offset; how large that memory is stands behind the arena's size,
//! unless there is none: `arena 128 local 64`.
//!
//! Control flow around kernels, `…` standing for more of it and for kernels:
//!
//! ```text
//! loop i0 = 0 to 10 { … }
//! parallel loop i0 = 0 to 10 { … }
//! while bound 100 { condition %go[0] { … } body { … } }
//! branch %p[i0] { case { … } case { … } }
//! ```

use std::fmt::{self, Write};

use cranelift_entity::SecondaryMap;

use crate::call::{RuntimeCall, View};
use crate::program::{
    Affine, Bind, Buffer, Expr, For, Gemm, Index, Matrix, Pack, Packed, Place, Program, Rhs, Space, Stmt, Var, VarType,
};
use crate::step::Step;

impl fmt::Display for VarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lanes == 1 { write!(f, "{}", self.dtype) } else { write!(f, "{}x{}", self.dtype, self.lanes) }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program @{} {{", self.name)?;
        for (number, buffer) in self.buffers.iter() {
            write!(f, "  buffer %{} : {}[{}] ", buffer.name, buffer.dtype, buffer.elements)?;
            match &buffer.space {
                Space::Input(position) => writeln!(f, "input {position}")?,
                Space::Output(position) if self.donated.contains(number) => writeln!(f, "output {position} donated")?,
                Space::Output(position) => writeln!(f, "output {position}")?,
                Space::Arena(offset) => writeln!(f, "arena {offset}")?,
                Space::Local(offset) => writeln!(f, "local {offset}")?,
                Space::Constant(literal) => {
                    let elements: Vec<String> =
                        literal.to_elements().iter().map(|element| element.to_string()).collect();
                    writeln!(f, "constant [{}]", elements.join(", "))?;
                }
            }
        }
        write!(f, "  arena {}", self.arena_bytes)?;
        if self.local_bytes > 0 {
            write!(f, " local {}", self.local_bytes)?;
        }
        writeln!(f)?;
        let mut printer = Printer {
            program: self,
            vars: SecondaryMap::new(),
            next_var: 0,
            indices: SecondaryMap::new(),
            next_index: 0,
        };
        f.write_str(&printer.program_steps())?;
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
    let _ = printer.program_steps();
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

    fn program_steps(&mut self) -> String {
        let mut out = String::new();
        for step in &self.program.body {
            out.push('\n');
            // Writing to a String cannot fail.
            let _ = self.step(&mut out, step, 1);
        }
        out
    }

    fn step(&mut self, out: &mut String, step: &Step, depth: usize) -> fmt::Result {
        let blanks = "  ".repeat(depth);
        match step {
            Step::Kernel(kernel) => {
                let about = kernel.about.replace(['"', '\\', '\n'], "'");
                writeln!(out, "{blanks}kernel @{} \"{about}\" {{", kernel.name)?;
                self.stmts(out, &kernel.body, depth + 1)?;
            }
            Step::Loop(inner) => {
                let number = self.define_index(inner.index);
                let parallel = if inner.parallel { "parallel " } else { "" };
                writeln!(out, "{blanks}{parallel}loop i{number} = 0 to {} {{", inner.extent)?;
                self.steps(out, &inner.body, depth + 1)?;
            }
            Step::While(inner) => {
                let bound = inner.bound.map(|bound| format!(" bound {bound}")).unwrap_or_default();
                writeln!(out, "{blanks}while{bound} {{\n{blanks}  condition {} {{", self.place(&inner.condition))?;
                self.steps(out, &inner.before, depth + 2)?;
                writeln!(out, "{blanks}  }}\n{blanks}  body {{")?;
                self.steps(out, &inner.body, depth + 2)?;
                writeln!(out, "{blanks}  }}")?;
            }
            Step::Branch(inner) => {
                writeln!(out, "{blanks}branch {} {{", self.place(&inner.selector))?;
                for case in &inner.cases {
                    writeln!(out, "{blanks}  case {{")?;
                    self.steps(out, case, depth + 2)?;
                    writeln!(out, "{blanks}  }}")?;
                }
            }
        }
        writeln!(out, "{blanks}}}")
    }

    fn steps(&mut self, out: &mut String, steps: &[Step], depth: usize) -> fmt::Result {
        steps.iter().try_for_each(|step| self.step(out, step, depth))
    }

    fn define_index(&mut self, index: Index) -> u32 {
        let number = self.next_index;
        self.next_index += 1;
        if index.as_u32() < self.program.index_count {
            self.indices[index] = number;
        }
        number
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
            Stmt::Pack(pack) => self.pack(pack),
            Stmt::Bind(bind) => self.bind(bind),
            Stmt::If(inner) => format!("if {} {{", self.var(inner.condition)),
            Stmt::Call(call) => self.call(call),
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
                Stmt::Pack(pack) => writeln!(out, "{}", self.pack(pack))?,
                Stmt::Bind(bind) => {
                    self.define_index(bind.index);
                    writeln!(out, "{}", self.bind(bind))?;
                }
                Stmt::If(inner) => {
                    writeln!(out, "if {} {{", self.var(inner.condition))?;
                    self.stmts(out, &inner.body, depth + 1)?;
                    writeln!(out, "{}}}", "  ".repeat(depth))?;
                }
                Stmt::Call(call) => writeln!(out, "{}", self.call(call))?,
            }
        }
        Ok(())
    }

    fn for_loop(&mut self, out: &mut String, inner: &For, depth: usize) -> fmt::Result {
        // The results are defined after the body in the numbering, though they stand before it.
        let mut head = String::new();
        let inits: Vec<String> = inner.carried.iter().map(|carried| self.var(carried.init)).collect();
        let index = self.define_index(inner.index);
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
            Expr::Bitcast(x) => format!("bitcast {}", v(x)),
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
        let (out, lhs) = (self.matrix(&gemm.out), self.matrix(&gemm.lhs));
        let rhs = match &gemm.rhs {
            Rhs::Matrix(matrix) => self.matrix(matrix),
            Rhs::Packed(packed) => format!("packed {}", self.packed(packed)),
        };
        format!("gemm {dtype} {m}x{n}x{k} {out} {assign} {lhs} * {rhs}")
    }

    fn pack(&self, pack: &Pack) -> String {
        let Pack { dtype, k, n, from, to } = pack;
        format!("pack {dtype} {k}x{n} {} = {}", self.packed(to), self.matrix(from))
    }

    fn packed(&self, packed: &Packed) -> String {
        format!("%{}[{}]", self.buffer(packed.buffer), self.affine(&packed.index))
    }

    fn bind(&self, bind: &Bind) -> String {
        format!("bind i{} = {} below {}", self.indices[bind.index], self.var(bind.var), bind.extent)
    }

    fn call(&self, call: &RuntimeCall) -> String {
        let views: Vec<String> = call.views.iter().map(|view| self.view(view)).collect();
        format!("call {} {}", call.routine.words().join(" "), views.join(", "))
    }

    fn view(&self, view: &View) -> String {
        let axes: Vec<String> = view.axes.iter().map(|axis| format!("{} by {}", axis.extent, axis.stride)).collect();
        format!("%{}[{}; {}]", self.buffer(view.buffer), self.affine(&view.index), axes.join(", "))
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
