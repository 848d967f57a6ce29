//! Which buffer holds which value.
//!
//! Parameters are input buffers. A value that a region stores has a buffer in the arena, or, if the function returns it, the caller's
//! result buffer itself. A reshape that is an alias shares its operand's buffer. What the function returns but no
//! region stores (a parameter, a constant, a value returned twice) is copied at the end.

use std::collections::HashSet;
use std::sync::Arc;

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use pullback_ir::{Function, Op, Value};
use pullback_optimize::fuse::{Plan, Role, role};

use crate::error::Error;
use crate::program::{Buffer, BufferData, Program, Space};

/// A result that is not computed in place.
pub(super) struct Copy {
    pub(super) from: Buffer,
    pub(super) to: Buffer,
    pub(super) elements: usize,
}

/// The buffers of a function's values.
pub(super) struct Buffers {
    of: SecondaryMap<Value, PackedOption<Buffer>>,
    pub(super) copies: Vec<Copy>,
    names: HashSet<Arc<str>>,
}

impl Buffers {
    /// Makes the buffers: inputs, results, constants, then the rest in the arena (offsets are given by the memory plan).
    pub(super) fn assign(function: &Function, plan: &Plan, program: &mut Program) -> Result<Self, Error> {
        let mut buffers = Self { of: SecondaryMap::new(), copies: Vec::new(), names: HashSet::new() };
        for (position, &param) in function.params().iter().enumerate() {
            buffers.add(function, program, param, Space::Input(position), position);
        }
        let in_place = buffers.results(function, plan, program);
        for &inst in function.insts() {
            let &[value] = function.inst_results(inst) else { continue };
            match (role(function, inst), function.op(inst)) {
                (Role::Alias, _) => buffers.of[value] = buffers.of[function.args(inst)[0]],
                (Role::Array, Op::Constant(literal)) => {
                    buffers.add(function, program, value, Space::Constant(literal.clone()), value.as_u32() as usize);
                }
                (_, _) if plan.stored.contains(value) && buffers.of[value].is_none() => {
                    buffers.add(function, program, value, Space::Arena(0), value.as_u32() as usize);
                }
                (_, _) => {}
            }
        }
        for (position, &result) in function.results().iter().enumerate() {
            if in_place[position].is_none() {
                buffers.copy_result(function, program, position, result)?;
            }
        }
        Ok(buffers)
    }

    /// Gives stored values that are returned, under whatever shape, the result's buffer. Each stored value once.
    fn results(&mut self, function: &Function, plan: &Plan, program: &mut Program) -> Vec<Option<Buffer>> {
        let mut in_place = Vec::new();
        for (position, &result) in function.results().iter().enumerate() {
            let mut root = result;
            while let Some(inst) = function.def_inst(root)
                && role(function, inst) == Role::Alias
            {
                root = function.args(inst)[0];
            }
            let free = plan.stored.contains(root) && self.of[root].is_none();
            in_place.push(free.then(|| self.add(function, program, root, Space::Output(position), position)));
        }
        in_place
    }

    fn copy_result(
        &mut self,
        f: &Function,
        program: &mut Program,
        position: usize,
        result: Value,
    ) -> Result<(), Error> {
        let message = || Error::Bug { stage: "lower", message: format!("result {position} is not in memory") };
        let from = self.of[result].expand().ok_or_else(message)?;
        let ty = f.ty(result);
        let to = program.buffers.push(BufferData {
            name: self.unique(&format!("result{position}")),
            dtype: ty.dtype,
            elements: ty.elements(),
            space: Space::Output(position),
        });
        self.copies.push(Copy { from, to, elements: ty.elements() });
        Ok(())
    }

    fn add(&mut self, f: &Function, program: &mut Program, value: Value, space: Space, number: usize) -> Buffer {
        let ty = f.ty(value);
        let name = f.value_name(value).map_or_else(|| format!("t{number}"), |name| name.to_string());
        let name = self.unique(&name);
        let buffer = program.buffers.push(BufferData { name, dtype: ty.dtype, elements: ty.elements(), space });
        self.of[value] = buffer.into();
        buffer
    }

    /// Values without a name are called by their number, which a value's name may be by chance.
    fn unique(&mut self, base: &str) -> Arc<str> {
        let mut name: Arc<str> = base.into();
        while !self.names.insert(name.clone()) {
            name = format!("{name}_").into();
        }
        name
    }

    /// The buffer of a value, if it is in memory.
    pub(super) fn get(&self, value: Value) -> Option<Buffer> {
        self.of[value].expand()
    }
}
