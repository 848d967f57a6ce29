//! The loops of a kernel while they are built.
//!
//! Open loops form a stack of frames; frame 0 is the kernel itself. An assignment goes to the frame of the innermost counter that it
//! depends on, directly or through its operands: it is in scope wherever it can be asked for again, and computed as rarely as possible.
//! What was evaluated is remembered per frame, so that a value asked for twice at one position is computed once.

use std::collections::HashMap;

use pullback_ir::{DType, Scalar, Value};
use smallvec::SmallVec;

use crate::program::{Affine, Buffer, Carried, Expr, For, Index, Place, Program, Stmt, Var, VarType};

/// A position of a tensor: one expression per axis.
pub(super) type Position = SmallVec<[Affine; 4]>;

/// An open loop, or the kernel.
#[derive(Default)]
struct Frame {
    index: Option<Index>,
    extent: i64,
    step: i64,
    /// Parameter and initial value of what is carried.
    carried: Vec<(Var, Var)>,
    stmts: Vec<Stmt>,
    memo: HashMap<(Value, Position), Var>,
    splats: HashMap<(Var, u8), Var>,
}

/// Loops set aside, and the vector counter among them.
pub(super) struct Hidden(Vec<Frame>, Option<(Index, u8)>);

/// What an evaluation touched, for choosing a schedule.
#[derive(Default)]
pub(super) struct Log {
    /// Positions in memory, and counters used as numbers.
    pub(super) accesses: Vec<Affine>,
    /// Element types of assignments, with the frame each is in, and a weight in units of simple arithmetic.
    pub(super) assigned: Vec<(DType, usize, u32)>,
}

/// What is known of a variable.
struct VarData {
    ty: VarType,
    /// The frame it is assigned in.
    depth: u32,
    constant: Option<Scalar>,
}

/// A kernel being built.
pub(super) struct Nest {
    /// The number of the first variable and of the first counter: those before are other kernels'.
    first_var: u32,
    first_index: u32,
    vars: Vec<VarData>,
    /// The frame of each counter.
    indices: Vec<u32>,
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

    fn new_var(&mut self, ty: VarType, depth: usize) -> Var {
        let var = Var::from_u32(self.first_var + self.vars.len() as u32);
        self.vars.push(VarData { ty, depth: depth as u32, constant: None });
        var
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
        let index = Index::from_u32(self.first_index + self.indices.len() as u32);
        let depth = self.frames.len();
        self.indices.push(depth as u32);
        let mut carried = Vec::with_capacity(inits.len());
        for &init in inits {
            let param = self.new_var(self.ty(init), depth);
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
            let result = self.new_var(self.ty(init), depth);
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
            .map(|&(index, _)| self.indices[(index.as_u32() - self.first_index) as usize] as usize)
            .max()
            .unwrap_or(0)
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

    fn push(&mut self, ty: VarType, expr: Expr, depth: usize, weight: u32) -> Var {
        let var = self.new_var(ty, depth);
        self.log.assigned.push((ty.dtype, depth, weight));
        self.frames[depth].stmts.push(Stmt::Let(var, expr));
        var
    }

    /// A constant scalar.
    pub(super) fn constant(&mut self, value: Scalar) -> Var {
        let var = self.push(VarType::scalar(value.dtype()), Expr::Const(value), 0, 0);
        self.vars[(var.as_u32() - self.first_var) as usize].constant = Some(value);
        var
    }

    /// A scalar that depends on all open loops, without an assignment: for an evaluation on paper.
    pub(super) fn stand_in(&mut self, dtype: DType) -> Var {
        self.log.assigned.push((dtype, self.depth(), 1));
        self.new_var(VarType::scalar(dtype), self.depth())
    }

    /// The value of an affine expression as a number.
    pub(super) fn position(&mut self, dtype: DType, index: Affine) -> Var {
        let depth = self.depth_of(&index);
        let (lanes, lane_stride) = self.lanes_of(&index);
        self.log.accesses.push(index.clone());
        self.push(VarType { dtype, lanes }, Expr::Position { index, lane_stride }, depth, 1)
    }

    /// A load.
    pub(super) fn load(&mut self, dtype: DType, buffer: Buffer, index: Affine) -> Var {
        let depth = self.depth_of(&index);
        let (lanes, lane_stride) = self.lanes_of(&index);
        self.log.accesses.push(index.clone());
        self.push(VarType { dtype, lanes }, Expr::Load(Place { buffer, index, lane_stride }), depth, 1)
    }

    /// A store into the innermost open loop.
    pub(super) fn store(&mut self, buffer: Buffer, index: Affine, value: Var) {
        let (lanes, lane_stride) = self.lanes_of(&index);
        let value = self.widen(value, lanes);
        self.log.accesses.push(index.clone());
        self.log.assigned.push((self.ty(value).dtype, self.depth(), 1));
        if let Some(frame) = self.frames.last_mut() {
            frame.stmts.push(Stmt::Store(Place { buffer, index, lane_stride }, value));
        }
    }

    /// An operation on operands that are given the same number of lanes first.
    pub(super) fn apply(&mut self, dtype: DType, args: &[Var], weight: u32, expr: impl FnOnce(&[Var]) -> Expr) -> Var {
        let lanes = args.iter().map(|&arg| self.ty(arg).lanes).max().unwrap_or(1);
        let args: SmallVec<[Var; 4]> = args.iter().map(|&arg| self.widen(arg, lanes)).collect();
        let depth = args.iter().map(|&arg| self.depth_of_var(arg)).max().unwrap_or(0);
        self.push(VarType { dtype, lanes }, expr(&args), depth, weight)
    }

    /// All lanes of a vector combined to a scalar.
    pub(super) fn reduce_lanes(&mut self, kind: pullback_ir::Reduction, value: Var) -> Var {
        let depth = self.depth_of_var(value);
        self.push(VarType::scalar(self.ty(value).dtype), Expr::ReduceLanes(kind, value), depth, 1)
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
        let wide = self.push(VarType { dtype, lanes }, expr, depth, 0);
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
