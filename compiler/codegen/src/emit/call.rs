//! Calls of the runtime's routines.

use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, InstBuilder, Signature, UserExternalName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_module::{FuncId, Linkage, Module, ModuleResult};
use pullback_ir::DType;
use pullback_loops::{Access, Routine, RuntimeCall, View};

use super::kernel::Emitter;
use crate::error::Error;

/// The routines' symbols, each with the number of its parameters; all are integers or pointers.
pub(super) const SYMBOLS: [(&str, usize); 10] = [
    ("pb_argsort_f32", 8),
    ("pb_argsort_f64", 8),
    ("pb_argsort_i32", 8),
    ("pb_argsort_i64", 8),
    ("pb_argsort_u8", 8),
    ("pb_argsort_bool", 8),
    ("pb_cholesky_f32", 7),
    ("pb_cholesky_f64", 7),
    ("pb_triangular_solve_f32", 10),
    ("pb_triangular_solve_f64", 10),
];

/// The symbol of the routine for an element type: of the keys, or of the matrices.
fn symbol(routine: Routine, dtype: DType) -> String {
    let name = match routine {
        Routine::Argsort { .. } => "argsort",
        Routine::Cholesky => "cholesky",
        Routine::TriangularSolve { .. } => "triangular_solve",
    };
    format!("pb_{name}_{}", dtype.name())
}

/// Functions of the runtime as imports of one module.
pub(super) struct Routines {
    convention: CallConv,
    /// Each with the number of its parameters.
    symbols: &'static [(&'static str, usize)],
    ids: Vec<FuncId>,
}

fn signature(convention: CallConv, params: usize) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); params];
    signature
}

impl Routines {
    /// Declares them all.
    #[allow(clippy::result_large_err, reason = "the module's own error type")]
    pub(super) fn declare(module: &mut dyn Module, symbols: &'static [(&'static str, usize)]) -> ModuleResult<Self> {
        let convention = module.isa().default_call_conv();
        let declare = |&(name, params): &(&str, usize)| {
            module.declare_function(name, Linkage::Import, &signature(convention, params))
        };
        let ids = symbols.iter().map(declare).collect::<ModuleResult<_>>()?;
        Ok(Self { convention, symbols, ids })
    }

    /// The reference by which a function calls a routine with so many arguments.
    pub(super) fn reference(&self, func: &mut Function, symbol: &str, arguments: usize) -> Option<FuncRef> {
        let position = self.symbols.iter().position(|&(name, params)| name == symbol && params == arguments)?;
        // What `Module::declare_func_in_func` does for an import; it may be anywhere in the address space.
        let signature = func.import_signature(signature(self.convention, arguments));
        let index = self.ids.get(position)?.as_u32();
        let name = func.declare_imported_user_function(UserExternalName { namespace: 0, index });
        let name = ExternalName::user(name);
        Some(func.import_function(ExtFuncData { name, signature, colocated: false, patchable: false }))
    }
}

impl Emitter<'_, '_> {
    pub(super) fn call(&mut self, call: &RuntimeCall) -> Result<(), Error> {
        let program = self.env.program;
        if let Some(view) = call.views.iter().find(|view| program.buffers.get(view.buffer).is_none()) {
            return self.bug(format!("there is no buffer {}", view.buffer));
        }
        if let Some(problem) = call.problem(|buffer| program.buffers[buffer].dtype) {
            return self.bug(format!("a call of {}: {problem}", call.routine.words().join(" ")));
        }
        for (number, (view, access)) in call.operands().enumerate() {
            let shared = call.views.iter().enumerate().any(|(other, v)| other != number && v.buffer == view.buffer);
            if access != Access::Read && (shared || self.base(view.buffer)?.readonly) {
                return self.bug(format!("a call that stores to {}, an operand or read only", view.buffer));
            }
        }
        let extent = |view: usize, axis: usize| call.views[view].axes[axis].extent as i64;
        let mut arguments = Vec::new();
        match call.routine {
            Routine::Argsort { descending, refine } => {
                arguments.push(self.number(extent(2, 0)));
                arguments.extend(self.view(&call.views[0])?);
                // Contiguous, so without its stride.
                arguments.extend(self.view(&call.views[1])?.into_iter().take(1));
                arguments.extend(self.view(&call.views[2])?);
                arguments.extend([descending, refine].map(|flag| self.number(i64::from(flag))));
            }
            Routine::Cholesky => {
                arguments.push(self.number(extent(1, 0)));
                for view in &call.views {
                    arguments.extend(self.view(view)?);
                }
            }
            Routine::TriangularSolve { lower, unit } => {
                arguments.extend([extent(0, 0), extent(0, 1)].map(|extent| self.number(extent)));
                for view in &call.views {
                    arguments.extend(self.view(view)?);
                }
                arguments.extend([lower, unit].map(|flag| self.number(i64::from(flag))));
            }
        }
        let dtype = call.views.last().map_or(DType::F32, |view| program.buffers[view.buffer].dtype);
        let symbol = symbol(call.routine, dtype);
        match self.env.imports.routines.reference(self.builder.func, &symbol, arguments.len()) {
            Some(routine) => {
                self.builder.ins().call(routine, &arguments);
                Ok(())
            }
            None => self.bug(format!("there is no routine {symbol} of {} arguments", arguments.len())),
        }
    }

    pub(super) fn number(&mut self, number: i64) -> Value {
        self.builder.ins().iconst(types::I64, number)
    }

    /// Pointer and strides.
    fn view(&mut self, view: &View) -> Result<Vec<Value>, Error> {
        let steps: Vec<(i64, usize)> = view.axes.iter().map(|axis| (axis.stride, axis.extent)).collect();
        self.check_inside(view.buffer, &view.index, &steps)?;
        let dtype = self.env.program.buffers[view.buffer].dtype;
        let (pointer, offset, _) = self.address(view.buffer, &view.index, dtype)?;
        let mut values = vec![self.builder.ins().iadd_imm_s(pointer, i64::from(offset))];
        for axis in &view.axes {
            values.push(self.number(axis.stride));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_one_of_the_runtime() {
        let found: Vec<&str> = pullback_runtime::kernels::symbols().into_iter().map(|symbol| symbol.0).collect();
        assert_eq!(found, SYMBOLS.map(|symbol| symbol.0));
        for routine in Routine::all() {
            let sorts = matches!(routine, Routine::Argsort { .. });
            for dtype in DType::ALL.into_iter().filter(|dtype| sorts || dtype.is_float()) {
                assert!(found.contains(&symbol(routine, dtype).as_str()), "{routine:?} of {dtype}");
            }
        }
    }
}
