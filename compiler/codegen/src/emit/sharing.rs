//! Kernels that do the same become one function, which is called with pointers to their buffers.
//!
//! A program that is written out step by step has the same few kernels again and again. Two kernels do the same if other names for variables, counters and
//! buffers make one of the other, where every access to a buffer may be the same number of elements further on: a slice at another position is a
//! slice. So each kernel is brought into a [`Form`] that says nothing of names and positions, beside a list of what it uses of which buffer ([`Use`]); kernels of
//! equal forms are a [`Group`].
//!
//! What generated code relies on is asked of every kernel of a group by itself: that it stays inside its buffers, and stores to none that is read only. One that
//! does not is left alone, for emission to refuse. A pointer counts as one to memory that nothing stores to only if it is that for all of the group. That
//! two pointers are to different memory is assumed nowhere.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use pullback_ir::DType;
use pullback_loops::{
    Access, Affine, Bind, Buffer, Expr, For, Index, Kernel, Matrix, Packed, Place, Program, Rhs, Space, Stmt, Var,
    VarType, packed_elements,
};

use super::entry::Surrounded;

/// An element of a buffer, that a pointer is to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pointer {
    pub(super) buffer: Buffer,
    pub(super) element: i64,
}

/// Kernels that do the same.
pub(super) struct Group {
    /// The numbers of the kernels, at least one, in order; each with the pointers that it is called with.
    pub(super) members: Vec<(usize, Arc<[Pointer]>)>,
    /// For each pointer, whether nothing stores to what it is to, in any of the kernels.
    pub(super) readonly: Vec<bool>,
}

/// Puts kernels together that do the same, in the order of the first of each group.
pub(super) fn groups(program: &Program, kernels: &[Surrounded<'_, Kernel>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut forms: HashMap<u64, Vec<(Form, usize)>> = HashMap::new();
    for (number, kernel) in kernels.iter().enumerate() {
        let Some((fingerprint, form, uses)) = Form::of(program, kernel) else {
            groups.push(Group { members: vec![(number, Arc::new([]))], readonly: Vec::new() });
            continue;
        };
        let member = (number, uses.iter().map(|used| used.pointer).collect());
        let readonly = uses.iter().map(|used| is_readonly(program, used.pointer.buffer));
        let alike = forms.entry(fingerprint).or_default();
        match alike.iter().find(|(other, _)| *other == form) {
            Some(&(_, group)) => {
                let group = &mut groups[group];
                group.members.push(member);
                group.readonly.iter_mut().zip(readonly).for_each(|(all, one)| *all &= one);
            }
            None => {
                alike.push((form, groups.len()));
                groups.push(Group { members: vec![member], readonly: readonly.collect() });
            }
        }
    }
    groups
}

/// Whether nothing stores to a buffer during a call.
pub(super) fn is_readonly(program: &Program, buffer: Buffer) -> bool {
    match program.buffers[buffer].space {
        Space::Input(_) | Space::Constant(_) => true,
        Space::Output(_) | Space::Arena(_) | Space::Local(_) => false,
    }
}

/// A kernel but for names and positions: variables, counters and buffers have the numbers in which they occur, the counters of the loops around first, and what is at
/// the first access to a buffer is its element 0.
#[derive(PartialEq, Eq)]
struct Form {
    body: Vec<Stmt>,
    vars: Vec<VarType>,
    dtypes: Vec<DType>,
    /// The number of iterations of the loops around.
    around: Vec<i64>,
    in_parallel: bool,
}

/// What a kernel uses of a buffer.
struct Use {
    /// The first access, at the first iteration of all loops.
    pointer: Pointer,
    /// The least and the greatest element that is touched.
    range: (i128, i128),
    is_stored: bool,
}

impl Form {
    /// The form of a kernel, a number that is the same for equal forms, and the buffers used; `None` for a kernel that breaks a rule.
    fn of(program: &Program, kernel: &Surrounded<'_, Kernel>) -> Option<(u64, Self, Vec<Use>)> {
        let mut naming = Naming::new(program);
        for &(index, extent) in &kernel.around {
            naming.counter(index, extent - 1);
        }
        let mut body = kernel.inner.body.clone();
        naming.body(&mut body)?;
        let Naming { types, uses, hasher, .. } = naming;
        for used in &uses {
            let data = &program.buffers[used.pointer.buffer];
            let is_inside = used.range.0 >= 0 && used.range.1 < data.elements as i128;
            if !is_inside || (used.is_stored && is_readonly(program, used.pointer.buffer)) {
                return None;
            }
        }
        let dtypes = uses.iter().map(|used| program.buffers[used.pointer.buffer].dtype).collect();
        let around = kernel.around.iter().map(|&(_, extent)| extent).collect();
        let form = Self { body, vars: types, dtypes, around, in_parallel: kernel.in_parallel };
        Some((hasher.finish(), form, uses))
    }
}

/// New names, given in the order of occurrence.
struct Naming<'a> {
    program: &'a Program,
    vars: HashMap<Var, Var>,
    types: Vec<VarType>,
    /// The new name and the greatest value of a counter.
    counters: HashMap<Index, (Index, i64)>,
    counter_count: u32,
    buffers: HashMap<Buffer, Buffer>,
    uses: Vec<Use>,
    /// Of everything named, and of the positions and kinds of what is around it: enough to tell most forms apart.
    hasher: DefaultHasher,
}

impl<'a> Naming<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            vars: HashMap::new(),
            types: Vec::new(),
            counters: HashMap::new(),
            counter_count: 0,
            buffers: HashMap::new(),
            uses: Vec::new(),
            hasher: DefaultHasher::new(),
        }
    }

    fn var(&mut self, var: &mut Var) -> Option<()> {
        let next = Var::from_u32(self.types.len() as u32);
        *var = match self.vars.entry(*var) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.types.push(*self.program.vars.get(*var)?);
                *new.insert(next)
            }
        };
        var.hash(&mut self.hasher);
        Some(())
    }

    fn vars<'v>(&mut self, vars: impl IntoIterator<Item = &'v mut Var>) -> Option<()> {
        vars.into_iter().try_for_each(|var| self.var(var))
    }

    fn counter(&mut self, index: Index, last: i64) -> Index {
        let name = Index::from_u32(self.counter_count);
        self.counter_count += 1;
        self.counters.insert(index, (name, last));
        (name, last).hash(&mut self.hasher);
        name
    }

    /// Names the counters; gives the least and the greatest value.
    fn affine(&mut self, index: &mut Affine) -> Option<(i128, i128)> {
        let (mut low, mut high) = (i128::from(index.offset), i128::from(index.offset));
        for (counter, coefficient) in &mut index.terms {
            let &(name, last) = self.counters.get(counter)?;
            let reach = i128::from(last) * i128::from(*coefficient);
            (low, high) = (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)));
            *counter = name;
        }
        index.terms.hash(&mut self.hasher);
        Some((low, high))
    }

    /// Names the buffer of an access to an element and to those that `count` steps of `stride` reach from there, along each of the given directions.
    fn access(
        &mut self,
        buffer: &mut Buffer,
        index: &mut Affine,
        steps: &[(i64, usize)],
        is_stored: bool,
    ) -> Option<()> {
        self.program.buffers.get(*buffer)?;
        let (mut low, mut high) = self.affine(index)?;
        for &(stride, count) in steps {
            let reach = i128::from(stride) * (count as i128 - 1);
            (low, high) = (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)));
        }
        let next = Buffer::from_u32(self.uses.len() as u32);
        let name = *self.buffers.entry(*buffer).or_insert(next);
        if name == next {
            let pointer = Pointer { buffer: *buffer, element: index.offset };
            self.uses.push(Use { pointer, range: (low, high), is_stored });
        }
        let used = &mut self.uses[name.as_u32() as usize];
        used.range = (used.range.0.min(low), used.range.1.max(high));
        used.is_stored |= is_stored;
        index.offset = index.offset.checked_sub(used.pointer.element)?;
        *buffer = name;
        (name, index.offset).hash(&mut self.hasher);
        Some(())
    }

    fn place(&mut self, place: &mut Place, ty: VarType, is_stored: bool) -> Option<()> {
        let steps = [(place.lane_stride, usize::from(ty.lanes))];
        self.access(&mut place.buffer, &mut place.index, &steps, is_stored)
    }

    fn matrix(&mut self, matrix: &mut Matrix, (rows, columns): (usize, usize), is_stored: bool) -> Option<()> {
        let steps = [(matrix.row_stride, rows), (matrix.column_stride, columns)];
        self.access(&mut matrix.buffer, &mut matrix.index, &steps, is_stored)
    }

    fn packed(&mut self, packed: &mut Packed, (rows, columns): (usize, usize), is_stored: bool) -> Option<()> {
        self.access(&mut packed.buffer, &mut packed.index, &[(1, packed_elements(rows, columns))], is_stored)
    }

    fn body(&mut self, body: &mut [Stmt]) -> Option<()> {
        body.len().hash(&mut self.hasher);
        body.iter_mut().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &mut Stmt) -> Option<()> {
        discriminant(stmt).hash(&mut self.hasher);
        match stmt {
            Stmt::Let(var, expr) => {
                self.expr(expr, *self.program.vars.get(*var)?)?;
                self.var(var)
            }
            Stmt::Store(place, var) => {
                self.place(place, *self.program.vars.get(*var)?, true)?;
                self.var(var)
            }
            Stmt::For(nest) => self.nest(nest),
            Stmt::Gemm(gemm) => {
                let (m, n, k) = (gemm.m, gemm.n, gemm.k);
                (m, n, k).hash(&mut self.hasher);
                self.matrix(&mut gemm.out, (m, n), true)?;
                self.matrix(&mut gemm.lhs, (m, k), false)?;
                match &mut gemm.rhs {
                    Rhs::Matrix(matrix) => self.matrix(matrix, (k, n), false),
                    Rhs::Packed(packed) => self.packed(packed, (k, n), false),
                }
            }
            Stmt::Pack(pack) => {
                let (k, n) = (pack.k, pack.n);
                (k, n).hash(&mut self.hasher);
                self.matrix(&mut pack.from, (k, n), false)?;
                self.packed(&mut pack.to, (k, n), true)
            }
            Stmt::Bind(Bind { index, var, extent }) => {
                *index = self.counter(*index, *extent - 1);
                self.var(var)
            }
            Stmt::If(inner) => {
                self.var(&mut inner.condition)?;
                self.body(&mut inner.body)
            }
            Stmt::Call(call) => {
                for (view, access) in call.views.iter_mut().zip(call.routine.accesses()) {
                    let steps: Vec<(i64, usize)> = view.axes.iter().map(|axis| (axis.stride, axis.extent)).collect();
                    self.access(&mut view.buffer, &mut view.index, &steps, *access != Access::Read)?;
                }
                Some(())
            }
        }
    }

    fn nest(&mut self, nest: &mut For) -> Option<()> {
        self.vars(nest.carried.iter_mut().map(|carried| &mut carried.init))?;
        nest.index = self.counter(nest.index, nest.extent.checked_sub(nest.step)?);
        self.vars(nest.carried.iter_mut().map(|carried| &mut carried.param))?;
        self.body(&mut nest.body)?;
        self.vars(nest.carried.iter_mut().map(|carried| &mut carried.next))?;
        self.vars(nest.carried.iter_mut().map(|carried| &mut carried.result))
    }

    /// An expression for a variable of type `ty`.
    fn expr(&mut self, expr: &mut Expr, ty: VarType) -> Option<()> {
        discriminant(expr).hash(&mut self.hasher);
        match expr {
            Expr::Const(scalar) => {
                scalar.bits().hash(&mut self.hasher);
                Some(())
            }
            Expr::Position { index, .. } => {
                index.offset.hash(&mut self.hasher);
                self.affine(index).map(|_| ())
            }
            Expr::Load(place) => self.place(place, ty, false),
            Expr::Unary(op, x) => {
                discriminant(op).hash(&mut self.hasher);
                self.var(x)
            }
            Expr::Binary(op, x, y) => {
                discriminant(op).hash(&mut self.hasher);
                self.vars([x, y])
            }
            Expr::Splat(x) | Expr::IsFinite(x) | Expr::Convert(x) | Expr::Bitcast(x) | Expr::ReduceLanes(_, x) => {
                self.var(x)
            }
            Expr::Compare(_, x, y) => self.vars([x, y]),
            Expr::MulAdd(x, y, z) | Expr::Select(x, y, z) => self.vars([x, y, z]),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use pullback_loops::{parse_program, step};

    use super::*;

    /// The numbers of the kernels of each group, and which of its pointers are to what nothing stores to. `%x` has 8 elements and is read only.
    fn grouped(kernels: &[&str]) -> Vec<(Vec<usize>, Vec<bool>)> {
        let buffers = "buffer %x : f32[8] input 0 buffer %y : f32[9] output 0 buffer %a : f32[10] arena 0 buffer %d : f64[11] arena 64";
        let kernels: Vec<String> =
            kernels.iter().enumerate().map(|(number, body)| format!("kernel @k{number} \"\" {{ {body} }}")).collect();
        let text = format!("program @f {{ {buffers} arena 192 {} }}", kernels.join(" "));
        let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let surround = |inner| Surrounded { inner, around: Vec::new(), in_parallel: false };
        let kernels: Vec<_> = step::kernels(&program.body).into_iter().map(surround).collect();
        let groups = groups(&program, &kernels).into_iter();
        groups.map(|group| (group.members.iter().map(|member| member.0).collect(), group.readonly)).collect()
    }

    #[test]
    fn names_and_positions_make_no_difference() {
        let found = grouped(&[
            "v0 = load %x[0] : f32 v1 = neg v0 : f32 store %y[0], v1",
            "v2 = load %x[5] : f32 v3 = neg v2 : f32 store %a[3], v3",
            "v4 = load %a[0] : f32 v5 = neg v4 : f32 store %a[3], v5",
        ]);
        // The last reads and stores one buffer, which is one pointer.
        assert_eq!(found, [(vec![0, 1], vec![true, false]), (vec![2], vec![false])]);
    }

    #[test]
    fn one_kernel_that_may_read_what_is_stored_to_makes_all_that() {
        let found = grouped(&["v0 = load %x[0] : f32 store %y[0], v0", "v1 = load %a[0] : f32 store %y[1], v1"]);
        assert_eq!(found, [(vec![0, 1], vec![false, false])]);
    }

    #[test]
    fn what_is_computed_and_how_far_apart_makes_a_difference() {
        let found = grouped(&[
            "v0 = load %x[0] : f32 v1 = load %x[1] : f32 v2 = add v0, v1 : f32 store %y[0], v2",
            "v3 = load %x[0] : f32 v4 = load %x[2] : f32 v5 = add v3, v4 : f32 store %y[0], v5",
            "v6 = load %x[0] : f32 v7 = load %x[1] : f32 v8 = sub v6, v7 : f32 store %y[0], v8",
            "v9 = load %x[0] : f32 v10 = load %x[1] : f32 v11 = add v9, v9 : f32 store %y[0], v11",
            "v12 = const 1.0 : f32 store %a[0], v12",
            "v13 = const 2.0 : f32 store %a[0], v13",
            "v14 = const 1.0 : f64 store %d[0], v14",
        ]);
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn each_kernel_has_to_stay_inside_its_own_buffers() {
        let loads = |index: u32, from: u32| {
            format!(
                "for i{index} = 0 to 4 step 1 {{ v{index} = load %x[i{index} + {from}] : f32 store %y[0], v{index} }}"
            )
        };
        let (first, second, third) = (loads(0, 0), loads(1, 4), loads(2, 5));
        let found = grouped(&[&first, &second, &third]);
        assert_eq!(found, [(vec![0, 1], vec![true, false]), (vec![2], vec![])]);
        // Nor may it store to what is read only.
        let found = grouped(&["v0 = const 1.0 : f32 store %y[0], v0", "v1 = const 1.0 : f32 store %x[0], v1"]);
        assert_eq!(found, [(vec![0], vec![false]), (vec![1], vec![])]);
    }
}
