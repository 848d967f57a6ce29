//! The loops of a kernel while they are built.
//!
//! Open loops form a stack of frames; frame 0 is the kernel itself. An assignment goes to the frame of the innermost counter that it
//! depends on, directly or through its operands: it is in scope wherever it can be asked for again, and computed as rarely as possible.
//! What was evaluated is remembered per frame, so that a value asked for twice at one position is computed once.
//!
//! A position known at run time is a counter bound to a variable, in the frame of that variable; statements under a condition are a frame too.
//! For every variable and bound counter it is known which loop counters it depends on: what has to be a scalar must not depend on the counter that
//! runs over the lanes of vectors.

use std::collections::HashMap;

use pullback_interp::scalar::convert;
use pullback_ir::{DType, Scalar, Value};
use smallvec::SmallVec;

use super::buffers::Location;
use crate::call::RuntimeCall;
use crate::program::{Affine, Bind, Carried, Expr, For, If, Index, Place, Program, Stmt, Var, VarType};

/// A position of a tensor: one expression per axis.
pub(super) type Position = SmallVec<[Affine; 4]>;

/// The loop counters that something depends on, a bit for each in order of opening; the last bit stands for all from there on.
type Counters = u64;

/// An open loop or condition, or the kernel.
#[derive(Default)]
struct Frame {
    index: Option<Index>,
    condition: Option<Var>,
    extent: i64,
    step: i64,
    /// Parameter and initial value of what is carried.
    carried: Vec<(Var, Var)>,
    stmts: Vec<Stmt>,
    memo: HashMap<(Value, Position), Var>,
    splats: HashMap<(Var, u8), Var>,
    bound: HashMap<(Var, i64), Index>,
}

/// Loops set aside, and the vector counter among them.
pub(super) struct Hidden(Vec<Frame>, Option<(Index, u8)>);

/// What an evaluation touched, for choosing a schedule.
#[derive(Default)]
pub(super) struct Log {
    /// Positions in memory, and counters used as numbers.
    pub(super) accesses: Vec<Affine>,
    /// Those of the positions that are stored to.
    pub(super) stores: Vec<Affine>,
    /// What each variable depends on that has to be a scalar.
    scalars: Vec<Counters>,
    /// Element types of assignments, with the frame each is in, and a weight in units of simple arithmetic.
    pub(super) assigned: Vec<(DType, usize, u32)>,
}

/// What is known of a variable.
struct VarData {
    ty: VarType,
    /// The frame it is assigned in.
    depth: u32,
    depends: Counters,
    constant: Option<Scalar>,
}

/// What is known of a counter.
struct IndexData {
    /// The frame of its loop, or that it is bound in.
    depth: u32,
    depends: Counters,
}

/// A kernel being built.
pub(super) struct Nest {
    /// The number of the first variable and of the first counter: those before are other kernels' and of the loops around this one.
    first_var: u32,
    first_index: u32,
    vars: Vec<VarData>,
    indices: Vec<IndexData>,
    frames: Vec<Frame>,
    /// The counter whose neighbouring positions are the lanes of vectors, and how many.
    pub(super) vector: Option<(Index, u8)>,
    pub(super) log: Log,
}

impl Nest {
    /// Starts a kernel. Variables and counters continue the program's numbers.
    pub(super) fn new(program: &Program) -> Self {
        Self {
            first_var: program.vars.len() as u32,
            first_index: program.index_count,
            vars: Vec::new(),
            indices: Vec::new(),
            frames: vec![Frame::default()],
            vector: None,
            log: Log::default(),
        }
    }

    /// Ends the kernel; its variables become the program's.
    pub(super) fn finish(mut self, program: &mut Program) -> Vec<Stmt> {
        for var in &self.vars {
            program.vars.push(var.ty);
        }
        program.index_count += self.indices.len() as u32;
        std::mem::take(&mut self.frames[0].stmts)
    }

    fn new_var(&mut self, ty: VarType, depth: usize, depends: Counters) -> Var {
        let var = Var::from_u32(self.first_var + self.vars.len() as u32);
        self.vars.push(VarData { ty, depth: depth as u32, depends, constant: None });
        var
    }

    fn new_index(&mut self, depth: usize, depends: Counters) -> Index {
        let index = Index::from_u32(self.first_index + self.indices.len() as u32);
        self.indices.push(IndexData { depth: depth as u32, depends });
        index
    }

    /// `None` for the counters of loops around the kernel, which stay the same in all of it.
    fn index_data(&self, index: Index) -> Option<&IndexData> {
        self.indices.get(index.as_u32().checked_sub(self.first_index)? as usize)
    }

    /// The loop counter by itself.
    fn bit(&self, index: Index) -> Counters {
        1 << index.as_u32().saturating_sub(self.first_index).min(Counters::BITS - 1)
    }

    fn data(&self, var: Var) -> &VarData {
        &self.vars[(var.as_u32() - self.first_var) as usize]
    }

    fn depth_of_var(&self, var: Var) -> usize {
        self.data(var).depth as usize
    }

    /// The number of open loops.
    pub(super) fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// Opens a loop over `0, step, …` below `extent`; gives the counter and the carried values inside.
    pub(super) fn open(&mut self, extent: usize, step: usize, inits: &[Var]) -> (Index, Vec<Var>) {
        let depth = self.frames.len();
        let index = self.new_index(depth, 0);
        let own = self.bit(index);
        if let Some(data) = self.indices.last_mut() {
            data.depends = own;
        }
        let mut carried = Vec::with_capacity(inits.len());
        for &init in inits {
            let param = self.new_var(self.ty(init), depth, self.data(init).depends | own);
            carried.push((param, init));
        }
        let params = carried.iter().map(|pair| pair.0).collect();
        let (extent, step) = (extent as i64, step as i64);
        self.frames.push(Frame { index: Some(index), extent, step, carried, ..Frame::default() });
        (index, params)
    }

    /// Closes the innermost loop; gives the carried values after it.
    pub(super) fn close(&mut self, nexts: &[Var]) -> Vec<Var> {
        let Some(frame) = self.frames.pop() else { return Vec::new() };
        let depth = self.depth();
        let mut carried = Vec::with_capacity(nexts.len());
        let mut results = Vec::with_capacity(nexts.len());
        for (&(param, init), &next) in frame.carried.iter().zip(nexts) {
            // What the loop's own counter decides is the same after every run of it; the last bit stands for other loops too.
            let own = frame.index.map_or(0, |index| self.bit(index)) & !(1 << (Counters::BITS - 1));
            let depends = (self.data(init).depends | self.data(next).depends) & !own;
            let result = self.new_var(self.ty(init), depth, depends);
            results.push(result);
            carried.push(Carried { param, init, next, result });
        }
        if let (Some(index), Some(parent)) = (frame.index, self.frames.last_mut()) {
            let body = frame.stmts;
            parent.stmts.push(Stmt::For(Box::new(For {
                index,
                extent: frame.extent,
                step: frame.step,
                carried,
                body,
            })));
        }
        results
    }

    /// Says that a variable must not become a vector.
    pub(super) fn require_scalar(&mut self, var: Var) {
        self.log.scalars.push(self.data(var).depends);
    }

    /// Begins statements that run if a scalar `bool` holds.
    pub(super) fn open_condition(&mut self, condition: Var) {
        self.require_scalar(condition);
        self.frames.push(Frame { condition: Some(condition), ..Frame::default() });
    }

    /// Ends them.
    pub(super) fn close_condition(&mut self) {
        let Some(Frame { condition, stmts: body, .. }) = self.frames.pop() else { return };
        if let (Some(condition), Some(parent)) = (condition, self.frames.last_mut()) {
            parent.stmts.push(Stmt::If(Box::new(If { condition, body })));
        }
    }

    /// The position that a variable holds, moved to the nearest of `0, …, count - 1`; `None` for a vector.
    pub(super) fn bind(&mut self, var: Var, count: usize) -> Option<Affine> {
        let extent = count.max(1) as i64;
        let VarData { ty, depth, depends, constant } = *self.data(var);
        if let Some(constant) = constant {
            let value = if let Scalar::I64(value) = convert(constant, DType::I64) { value } else { 0 };
            return Some(Affine::constant(value.min(extent - 1).max(0)));
        }
        if extent == 1 {
            return Some(Affine::default());
        }
        self.require_scalar(var);
        if ty.lanes > 1 {
            return None;
        }
        let depth = depth as usize;
        if let Some(&index) = self.frames[depth].bound.get(&(var, extent)) {
            return Some(Affine::counter(index));
        }
        let index = self.new_index(depth, depends);
        self.frames[depth].stmts.push(Stmt::Bind(Bind { index, var, extent }));
        self.frames[depth].bound.insert((var, extent), index);
        Some(Affine::counter(index))
    }

    /// Whether something that has to be a scalar depends on one of these counters.
    pub(super) fn needs_scalars(&self, counters: impl Iterator<Item = Index>) -> bool {
        let counters = counters.fold(0, |all, index| all | self.bit(index));
        self.log.scalars.iter().any(|depends| depends & counters != 0)
    }

    /// Sets aside the loops inside the outer `depth`: what is built until [`Nest::restore`] stands before them.
    pub(super) fn hide(&mut self, depth: usize) -> Hidden {
        Hidden(self.frames.split_off(depth + 1), self.vector.take())
    }

    /// Brings back what [`Nest::hide`] set aside.
    pub(super) fn restore(&mut self, hidden: Hidden) {
        self.frames.extend(hidden.0);
        self.vector = hidden.1;
    }

    /// The number of loops open around the innermost counter of an expression.
    pub(super) fn depth_of(&self, affine: &Affine) -> usize {
        affine
            .terms
            .iter()
            .map(|&(index, _)| self.index_data(index).map_or(0, |data| data.depth as usize))
            .max()
            .unwrap_or(0)
    }

    fn depends_of(&self, affine: &Affine) -> Counters {
        affine.terms.iter().fold(0, |all, &(index, _)| all | self.index_data(index).map_or(0, |data| data.depends))
    }

    /// As [`Nest::depth_of`], over all axes.
    pub(super) fn depth_of_position(&self, position: &Position) -> usize {
        position.iter().map(|affine| self.depth_of(affine)).max().unwrap_or(0)
    }

    /// The type of a variable.
    pub(super) fn ty(&self, var: Var) -> VarType {
        self.data(var).ty
    }

    /// Lanes of what is read at `affine`, and elements from lane to lane.
    pub(super) fn lanes_of(&self, affine: &Affine) -> (u8, i64) {
        match self.vector {
            Some((index, lanes)) if affine.coefficient(index) != 0 => (lanes, affine.coefficient(index)),
            Some(_) | None => (1, 1),
        }
    }

    fn push(&mut self, ty: VarType, expr: Expr, (depth, depends): (usize, Counters), weight: u32) -> Var {
        let var = self.new_var(ty, depth, depends);
        self.log.assigned.push((ty.dtype, depth, weight));
        self.frames[depth].stmts.push(Stmt::Let(var, expr));
        var
    }

    /// A constant scalar.
    pub(super) fn constant(&mut self, value: Scalar) -> Var {
        let var = self.push(VarType::scalar(value.dtype()), Expr::Const(value), (0, 0), 0);
        self.vars[(var.as_u32() - self.first_var) as usize].constant = Some(value);
        var
    }

    /// A scalar in the innermost open loop that depends on a position, without an assignment: for an evaluation on paper.
    pub(super) fn stand_in(&mut self, dtype: DType, position: &Position) -> Var {
        self.log.assigned.push((dtype, self.depth(), 1));
        let depends = position.iter().fold(0, |all, affine| all | self.depends_of(affine));
        self.new_var(VarType::scalar(dtype), self.depth(), depends)
    }

    /// The value of an affine expression as a number.
    pub(super) fn position(&mut self, dtype: DType, index: Affine) -> Var {
        let place = (self.depth_of(&index), self.depends_of(&index));
        let (lanes, lane_stride) = self.lanes_of(&index);
        self.log.accesses.push(index.clone());
        self.push(VarType { dtype, lanes }, Expr::Position { index, lane_stride }, place, 1)
    }

    /// A load, at a position in what is at `location`; nothing before it in the nest stores there.
    pub(super) fn load(&mut self, dtype: DType, location: &Location, index: Affine) -> Var {
        let depth = self.depth_of(&index);
        self.load_at(dtype, location, index, depth)
    }

    /// A load at this point of the innermost open loop, of what the stores before it left.
    pub(super) fn load_here(&mut self, dtype: DType, location: &Location, index: Affine) -> Var {
        self.load_at(dtype, location, index, self.depth())
    }

    fn load_at(&mut self, dtype: DType, location: &Location, index: Affine, depth: usize) -> Var {
        let (buffer, index) = (location.buffer, index.plus(&location.offset, 1));
        let depends = self.depends_of(&index);
        let (lanes, lane_stride) = self.lanes_of(&index);
        self.log.accesses.push(index.clone());
        self.push(VarType { dtype, lanes }, Expr::Load(Place { buffer, index, lane_stride }), (depth, depends), 1)
    }

    /// A store in the innermost open loop, at a position in what is at `location`.
    pub(super) fn store(&mut self, location: &Location, index: Affine, value: Var) {
        let (buffer, index) = (location.buffer, index.plus(&location.offset, 1));
        let (lanes, lane_stride) = self.lanes_of(&index);
        let value = self.widen(value, lanes);
        self.log.accesses.push(index.clone());
        self.log.stores.push(index.clone());
        self.log.assigned.push((self.ty(value).dtype, self.depth(), 1));
        if let Some(frame) = self.frames.last_mut() {
            frame.stmts.push(Stmt::Store(Place { buffer, index, lane_stride }, value));
        }
    }

    /// A call in the innermost open loop.
    pub(super) fn call(&mut self, call: RuntimeCall) {
        if let Some(frame) = self.frames.last_mut() {
            frame.stmts.push(Stmt::Call(Box::new(call)));
        }
    }

    /// An operation on operands that are given the same number of lanes first.
    pub(super) fn apply(&mut self, dtype: DType, args: &[Var], weight: u32, expr: impl FnOnce(&[Var]) -> Expr) -> Var {
        let lanes = args.iter().map(|&arg| self.ty(arg).lanes).max().unwrap_or(1);
        let args: SmallVec<[Var; 4]> = args.iter().map(|&arg| self.widen(arg, lanes)).collect();
        let depth = args.iter().map(|&arg| self.depth_of_var(arg)).max().unwrap_or(0);
        let depends = args.iter().fold(0, |all, &arg| all | self.data(arg).depends);
        self.push(VarType { dtype, lanes }, expr(&args), (depth, depends), weight)
    }

    /// All lanes of a vector combined to a scalar.
    pub(super) fn reduce_lanes(&mut self, kind: pullback_ir::Reduction, value: Var) -> Var {
        let VarData { ty, depth, depends, .. } = *self.data(value);
        self.push(VarType::scalar(ty.dtype), Expr::ReduceLanes(kind, value), (depth as usize, depends), 1)
    }

    /// A variable with that many lanes: a scalar is repeated.
    pub(super) fn widen(&mut self, var: Var, lanes: u8) -> Var {
        let VarType { dtype, lanes: found } = self.ty(var);
        if found == lanes {
            return var;
        }
        let depth = self.depth_of_var(var);
        if let Some(&wide) = self.frames[depth].splats.get(&(var, lanes)) {
            return wide;
        }
        let expr = self.data(var).constant.map_or(Expr::Splat(var), Expr::Const);
        let wide = self.push(VarType { dtype, lanes }, expr, (depth, self.data(var).depends), 0);
        self.frames[depth].splats.insert((var, lanes), wide);
        wide
    }

    /// What a value at a position was evaluated to, if it was and is in scope.
    pub(super) fn remembered(&self, key: &(Value, Position)) -> Option<Var> {
        self.frames.iter().rev().find_map(|frame| frame.memo.get(key).copied())
    }

    /// Remembers what a value at a position was evaluated to, as long as it is in scope.
    pub(super) fn remember(&mut self, key: (Value, Position), var: Var) {
        let depth = self.depth_of_var(var);
        self.frames[depth].memo.insert(key, var);
    }
}
