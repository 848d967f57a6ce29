//! The text form, read: the exact inverse of [`print`](mod@crate::print).
//!
//! Three layers: `cursor` reads words, names and numbers at a place in the text; `expr` what stands behind `=`; here programs, buffers,
//! kernels and statements. There is one way to write everything, so there is nothing to look ahead for but the next word.
//!
//! The parser judges the language alone: buffers, variables and counters are defined once and before use, in the order of the
//! text. Types, scopes and bounds are the verifier's question. Reading stops at the first mistake: the text is made by tools, and what is
//! behind a mistake in a list of numbered variables means little.
//!
//! Variables and counters get their numbers in the order in which the printer defines them, whatever they are called in the text.

mod cursor;
mod expr;
mod step;

use std::collections::HashMap;
use std::sync::Arc;

use pullback_ir::parse::parse_literal;
use pullback_ir::{DType, Literal, ParseError, Scalar, Type};

use crate::program::{Bind, Buffer, BufferData, Carried, For, If, Index, Program, Space, Stmt, Var, VarType};
use crate::verify::MAX_DEPTH;
use cursor::Cursor;

/// Reads a program.
///
/// # Errors
/// The first mistake, with its line and column.
pub fn parse_program(text: &str) -> Result<Program, ParseError> {
    let mut parser = Parser {
        cursor: Cursor::new(text),
        program: Program::default(),
        buffers: HashMap::new(),
        vars: HashMap::new(),
        counters: HashMap::new(),
    };
    parser.read_program()?;
    Ok(parser.program)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    program: Program,
    buffers: HashMap<&'a str, Buffer>,
    /// By their numbers in the text.
    vars: HashMap<u32, Var>,
    counters: HashMap<u32, Index>,
}

/// What ends a list of statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Brace,
    Yield,
}

impl<'a> Parser<'a> {
    fn read_program(&mut self) -> Result<(), ParseError> {
        self.cursor.keyword("program")?;
        self.program.name = self.cursor.name('@')?.into();
        self.cursor.expect("{")?;
        while self.cursor.eat_word("buffer") {
            self.buffer()?;
        }
        self.cursor.keyword("arena")?;
        self.program.arena_bytes = self.cursor.size()?;
        if self.cursor.eat_word("local") {
            self.program.local_bytes = self.cursor.size()?;
        }
        self.program.body = self.steps(0)?;
        self.cursor.end()
    }

    /// `%name : dtype[elements] space`, and `donated` behind an output that holds an argument.
    fn buffer(&mut self) -> Result<(), ParseError> {
        let start = self.cursor.start();
        let name = self.cursor.name('%')?;
        self.cursor.expect(":")?;
        let dtype = self.dtype()?;
        self.cursor.expect("[")?;
        let elements = self.cursor.size()?;
        self.cursor.expect("]")?;
        let space = self.space(dtype, elements)?;
        let is_donated = matches!(space, Space::Output(_)) && self.cursor.eat_word("donated");
        let buffer = self.program.buffers.push(BufferData { name: name.into(), dtype, elements, space });
        if is_donated {
            self.program.donated.insert(buffer);
        }
        if self.buffers.insert(name, buffer).is_some() {
            return Err(self.cursor.fail_at(start, format!("a second buffer %{name}, expected different names")));
        }
        Ok(())
    }

    fn space(&mut self, dtype: DType, elements: usize) -> Result<Space, ParseError> {
        let start = self.cursor.start();
        match self.cursor.word() {
            "input" => Ok(Space::Input(self.cursor.size()?)),
            "output" => Ok(Space::Output(self.cursor.size()?)),
            "arena" => Ok(Space::Arena(self.cursor.size()?)),
            "local" => Ok(Space::Local(self.cursor.size()?)),
            "constant" => {
                let (place, text) = self.cursor.list()?;
                let ty = Type::new(dtype, &[elements]);
                let ty = ty.map_err(|error| self.cursor.fail_at(start, error.to_string()))?;
                Ok(Space::Constant(Arc::new(self.literal(place, text, &ty)?)))
            }
            found => {
                let message = format!("found `{found}`, expected `input`, `output`, `constant`, `arena` or `local`");
                Err(self.cursor.fail_at(start, message))
            }
        }
    }

    /// A literal of the tensor IR that stands at `place`.
    fn literal(&self, place: usize, text: &str, ty: &Type) -> Result<Literal, ParseError> {
        parse_literal(text, ty).map_err(|errors| match errors.0.into_iter().next() {
            Some(error) => self.cursor.fail_at(place + error.span.start, error.message),
            None => self.cursor.fail_at(place, format!("expected elements of {}", ty.dtype)),
        })
    }

    fn scalar(&self, place: usize, text: &str, dtype: DType) -> Result<Scalar, ParseError> {
        let literal = self.literal(place, text, &Type::scalar(dtype))?;
        literal.as_splat().ok_or_else(|| self.cursor.fail_at(place, format!("expected a number of type {dtype}")))
    }

    fn dtype(&mut self) -> Result<DType, ParseError> {
        let start = self.cursor.start();
        let found = self.cursor.word();
        let expected = || format!("found `{found}`, expected an element type");
        DType::from_name(found).ok_or_else(|| self.cursor.fail_at(start, expected()))
    }

    /// `f32`, or `f32x4`.
    fn var_type(&mut self) -> Result<VarType, ParseError> {
        let start = self.cursor.start();
        let found = self.cursor.word();
        let (dtype, lanes) = found.split_once('x').unwrap_or((found, "1"));
        let lanes = lanes.parse().ok().filter(|&lanes: &u8| lanes > 1 || !found.contains('x'));
        match (DType::from_name(dtype), lanes) {
            (Some(dtype), Some(lanes)) => Ok(VarType { dtype, lanes }),
            (_, _) => Err(self.cursor.fail_at(start, format!("found `{found}`, expected a type such as f32 or f32x4"))),
        }
    }

    /// Statements up to the end of their list, which is read too.
    fn statements(&mut self, stmts: &mut Vec<Stmt>, depth: usize) -> Result<End, ParseError> {
        loop {
            if self.cursor.eat("}") {
                return Ok(End::Brace);
            }
            let start = self.cursor.start();
            let stmt = match self.cursor.peek_word() {
                "yield" => {
                    self.cursor.word();
                    return Ok(End::Yield);
                }
                "for" => self.read_loop(Vec::new(), depth)?,
                "store" => {
                    self.cursor.word();
                    let place = self.place()?;
                    self.cursor.expect(",")?;
                    Stmt::Store(place, self.var()?)
                }
                "gemm" => {
                    self.cursor.word();
                    Stmt::Gemm(Box::new(self.gemm()?))
                }
                "pack" => {
                    self.cursor.word();
                    Stmt::Pack(Box::new(self.pack()?))
                }
                "bind" => {
                    self.cursor.word();
                    Stmt::Bind(self.bind()?)
                }
                "if" => self.conditional(depth)?,
                "call" => {
                    self.cursor.word();
                    Stmt::Call(Box::new(self.call()?))
                }
                word if word.starts_with('v') => self.assignment(depth)?,
                found => {
                    let rule = "an assignment, `store`, `for`, `gemm`, `pack`, `bind`, `if`, `call`, `yield` or `}`";
                    return Err(self.cursor.fail_at(start, format!("found `{found}`, expected {rule}")));
                }
            };
            stmts.push(stmt);
        }
    }

    /// `v1 = …`, or the results of a loop.
    fn assignment(&mut self, depth: usize) -> Result<Stmt, ParseError> {
        let mut names = vec![self.number('v', "a variable")?];
        while self.cursor.eat(",") {
            names.push(self.number('v', "a variable")?);
        }
        self.cursor.expect("=")?;
        if self.cursor.peek_word() == "for" {
            return self.read_loop(names, depth);
        }
        let &[name] = &names[..] else {
            return Err(self.cursor.fail("several results, expected them of a loop"));
        };
        let (expr, ty) = self.expr()?;
        Ok(Stmt::Let(self.define(name, ty)?, expr))
    }

    /// `for i0 = 0 to 8 step 4 carry (v1 = v0 : f32) { … yield v2 }`.
    fn read_loop(&mut self, results: Vec<(usize, u32)>, depth: usize) -> Result<Stmt, ParseError> {
        let start = self.cursor.start();
        if depth == MAX_DEPTH {
            return Err(self.cursor.fail(format!("loops nested more than {MAX_DEPTH} deep")));
        }
        self.cursor.keyword("for")?;
        let (index, extent) = self.counter()?;
        self.cursor.keyword("step")?;
        let step = self.cursor.integer()?;
        let carried = self.carried()?;
        if carried.len() != results.len() {
            let message = format!("{} results of a loop that carries {}", results.len(), carried.len());
            return Err(self.cursor.fail_at(start, message));
        }
        self.cursor.expect("{")?;
        let mut body = Vec::new();
        let body_start = self.cursor.start();
        let end = self.statements(&mut body, depth + 1)?;
        if (end == End::Yield) == carried.is_empty() {
            let message = "expected a `yield` at the end of a loop that carries values, and of no other";
            return Err(self.cursor.fail_at(body_start, message));
        }
        let mut slots = Vec::with_capacity(carried.len());
        for (number, ((param, init), name)) in carried.into_iter().zip(results).enumerate() {
            if number > 0 {
                self.cursor.expect(",")?;
            }
            slots.push((param, init, self.var()?, name));
        }
        if end == End::Yield {
            self.cursor.expect("}")?;
        }
        let mut carried = Vec::with_capacity(slots.len());
        for (param, init, next, name) in slots {
            let result = self.define(name, self.program.vars[param])?;
            carried.push(Carried { param, init, next, result });
        }
        Ok(Stmt::For(Box::new(For { index, extent, step, carried, body })))
    }

    /// `i0 = v1 below 7`.
    fn bind(&mut self) -> Result<Bind, ParseError> {
        let index = self.new_counter()?;
        self.cursor.expect("=")?;
        let var = self.var()?;
        self.cursor.keyword("below")?;
        Ok(Bind { index, var, extent: self.cursor.integer()? })
    }

    /// `if v0 { … }`.
    fn conditional(&mut self, depth: usize) -> Result<Stmt, ParseError> {
        if depth == MAX_DEPTH {
            return Err(self.cursor.fail(format!("loops nested more than {MAX_DEPTH} deep")));
        }
        self.cursor.keyword("if")?;
        let condition = self.var()?;
        self.cursor.expect("{")?;
        let mut body = Vec::new();
        let start = self.cursor.start();
        match self.statements(&mut body, depth + 1)? {
            End::Brace => Ok(Stmt::If(Box::new(If { condition, body }))),
            End::Yield => Err(self.cursor.fail_at(start, "a `yield` under a condition, expected one in a loop")),
        }
    }

    /// A counter that is not there yet.
    fn new_counter(&mut self) -> Result<Index, ParseError> {
        let (place, number) = self.number('i', "a counter")?;
        let index = self.program.index();
        match self.counters.insert(number, index) {
            None => Ok(index),
            Some(_) => Err(self.cursor.fail_at(place, format!("a second loop with the counter i{number}"))),
        }
    }

    /// `i0 = 0 to 8`.
    fn counter(&mut self) -> Result<(Index, i64), ParseError> {
        let index = self.new_counter()?;
        self.cursor.expect("=")?;
        let zero = self.cursor.start();
        if self.cursor.integer()? != 0 {
            return Err(self.cursor.fail_at(zero, "expected 0, where every counter begins"));
        }
        self.cursor.keyword("to")?;
        Ok((index, self.cursor.integer()?))
    }

    /// `carry (v1 = v0 : f32, …)`: inside and initial values.
    fn carried(&mut self) -> Result<Vec<(Var, Var)>, ParseError> {
        let mut carried = Vec::new();
        if !self.cursor.eat_word("carry") {
            return Ok(carried);
        }
        self.cursor.expect("(")?;
        loop {
            let name = self.number('v', "a variable")?;
            self.cursor.expect("=")?;
            let init = self.var()?;
            self.cursor.expect(":")?;
            let ty = self.var_type()?;
            carried.push((self.define(name, ty)?, init));
            if !self.cursor.eat(",") {
                self.cursor.expect(")")?;
                return Ok(carried);
            }
        }
    }

    /// The number of a name such as `v12`, and where it stands.
    fn number(&mut self, letter: char, what: &str) -> Result<(usize, u32), ParseError> {
        let start = self.cursor.start();
        let found = self.cursor.word();
        let digits = found.strip_prefix(letter).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok((start, number)),
            None => Err(self.cursor.fail_at(start, format!("found `{found}`, expected {what} such as {letter}0"))),
        }
    }

    fn define(&mut self, (place, number): (usize, u32), ty: VarType) -> Result<Var, ParseError> {
        let var = self.program.var(ty);
        match self.vars.insert(number, var) {
            None => Ok(var),
            Some(_) => Err(self.cursor.fail_at(place, format!("v{number} is assigned a second time"))),
        }
    }

    fn var(&mut self) -> Result<Var, ParseError> {
        let (place, number) = self.number('v', "a variable")?;
        let missing = || self.cursor.fail_at(place, format!("v{number} is used before it is assigned"));
        self.vars.get(&number).copied().ok_or_else(missing)
    }
}
