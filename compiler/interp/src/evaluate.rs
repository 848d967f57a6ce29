//! Evaluation of whole functions, instruction by instruction.
//!
//! Calls keep their own stack here rather than on the machine's, so that a long chain of calls cannot overflow it. An array is
//! dropped after its last use, and the arrays alive together stay below a limit. Instructions are limited as they are when calls
//! are inlined, so that what compiled code refuses does not run for ever here.

use std::collections::HashMap;

use pullback_ir::infer::infer;
use pullback_ir::rewrite::{InlinedSize, MAX_INLINED_INSTRUCTIONS, inlined_size};
use pullback_ir::{FuncId, Function, Module, Op, Scalar, Type, Value, Verified};

use crate::array::Array;
use crate::error::Error;
use crate::{contract, scalar, structured};

/// Limits of an evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most bytes that arrays alive at one time may have, copies of the inputs included; 8 GiB by default.
    pub memory_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_limit: 8 << 30 }
    }
}

/// The results of `func` on `inputs`, one array per parameter, under the default [`Options`].
///
/// # Errors
/// If the inputs do not fit the parameters, calls come to more than [`MAX_INLINED_INSTRUCTIONS`], or memory is short.
pub fn evaluate(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    evaluate_with(module, func, inputs, &Options::default())
}

/// As [`evaluate`], with a memory limit.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &Options,
) -> Result<Vec<Array>, Error> {
    if !module.has(func) {
        return Err(Error::NoFunction(func.as_u32()));
    }
    let function = module.function(func);
    check_inputs(function, inputs)?;
    // The depth of the calls does not matter here.
    let InlinedSize { instructions, depth: _ } = inlined_size(module, function);
    if instructions > MAX_INLINED_INSTRUCTIONS {
        return Err(Error::TooLarge { function: function.name.to_string(), instructions });
    }
    let mut memory = Memory { used: 0, limit: options.memory_limit };
    let inputs: Vec<&Array> = inputs.iter().collect();
    let mut stack = vec![Frame::enter(function, &inputs, &mut memory)?];
    // The loop ends with the outermost frame; the stack is never empty before.
    while let Some(frame) = stack.last_mut() {
        let Some(&inst) = frame.function.insts().get(frame.next) else {
            let results = frame.leave(&mut memory)?;
            stack.pop();
            match stack.last_mut() {
                None => return Ok(results),
                Some(caller) => caller.define(results, &mut memory),
            }
            continue;
        };
        let args = frame.args(frame.function.args(inst))?;
        if let Op::Call(callee) = frame.function.op(inst) {
            let callee = Frame::enter(module.function(*callee), &args, &mut memory)?;
            stack.push(callee);
            continue;
        }
        let op = frame.function.op(inst);
        let mut results = Vec::with_capacity(1);
        for &result in frame.function.inst_results(inst) {
            let ty = frame.function.ty(result);
            memory.charge(ty.bytes(), || format!("the result {ty} of {}", op.name()))?;
            results.push(evaluate_op(op, &args, ty)?);
        }
        frame.define(results, &mut memory);
    }
    Err(Error::NoFunction(func.as_u32()))
}

/// The result of one operation, which has the type `result`. Calls are not single operations and are refused.
///
/// # Errors
/// If operands and result type do not fit the operation, or memory is short.
pub fn evaluate_op(op: &Op, args: &[&Array], result: &Type) -> Result<Array, Error> {
    check_op(op, args, result)?;
    // The operands' number is checked, so these exist where the operation has them.
    let operand = |position: usize| {
        args.get(position).copied().ok_or_else(|| Error::Op { op: op.name(), message: "an operand is missing".into() })
    };
    match op {
        Op::Constant(literal) => Array::from_literal(literal),
        Op::Iota { axis, .. } => structured::iota(result, *axis),
        Op::Unary(unary) => elementwise(args, result, |x| scalar::unary(*unary, *x.first()?)),
        Op::Binary(binary) => elementwise(args, result, |x| scalar::binary(*binary, *x.first()?, *x.get(1)?)),
        Op::Compare(predicate) => {
            elementwise(args, result, |x| scalar::compare(*predicate, *x.first()?, *x.get(1)?).map(Scalar::Bool))
        }
        Op::IsFinite => elementwise(args, result, |x| scalar::is_finite(*x.first()?).map(Scalar::Bool)),
        Op::Select => elementwise(args, result, |x| scalar::select(*x.first()?, *x.get(1)?, *x.get(2)?)),
        Op::Clamp => elementwise(args, result, |x| scalar::clamp(*x.first()?, *x.get(1)?, *x.get(2)?)),
        Op::Convert(dtype) => elementwise(args, result, |x| Some(scalar::convert(*x.first()?, *dtype))),
        Op::Broadcast(spec) => structured::broadcast(operand(0)?, spec, result),
        Op::Reshape(_) => structured::reshape(operand(0)?, result),
        Op::Transpose(perm) => structured::transpose(operand(0)?, perm, result),
        Op::Reverse(axes) => structured::reverse(operand(0)?, axes, result),
        Op::Slice(spec) => structured::slice(operand(0)?, spec, result),
        Op::Pad(spec) => structured::pad(operand(0)?, operand(1)?, spec, result),
        Op::Concatenate { axis } => structured::concatenate(args, *axis, result),
        Op::Reduce { kind, axes } => contract::reduce(operand(0)?, *kind, axes, result),
        Op::Dot(dims) => contract::dot(operand(0)?, operand(1)?, dims, result),
        Op::Call(_) => Err(Error::Op { op: op.name(), message: "a call is evaluated with its module".into() }),
    }
}

/// Applies `f` to the operands' elements at each position.
fn elementwise(args: &[&Array], result: &Type, f: impl Fn(&[Scalar]) -> Option<Scalar>) -> Result<Array, Error> {
    let mut position = 0;
    let mut elements = Vec::with_capacity(args.len());
    Array::build(result, |_| {
        elements.clear();
        elements.extend(args.iter().filter_map(|arg| arg.get(position)));
        position += 1;
        f(&elements)
    })
}

fn check_op(op: &Op, args: &[&Array], result: &Type) -> Result<(), Error> {
    for arg in args {
        arg.check()?;
    }
    let types: Vec<Type> = args.iter().map(|arg| arg.ty()).collect();
    let types: Vec<&Type> = types.iter().collect();
    let fail = |message| Error::Op { op: op.name(), message };
    // A module without functions: calls are refused here.
    let inferred = infer(&Module::new(), op, &types).map_err(fail)?;
    match &inferred[..] {
        [ty] if ty == result => Ok(()),
        _ => Err(fail(format!("the result is declared {result}, expected {inferred:?}"))),
    }
}

fn check_inputs(function: &Function, inputs: &[Array]) -> Result<(), Error> {
    let params = function.params();
    if params.len() != inputs.len() {
        return Err(Error::InputCount {
            function: function.name.to_string(),
            expected: params.len(),
            found: inputs.len(),
        });
    }
    for (position, (&param, input)) in params.iter().zip(inputs).enumerate() {
        input.check()?;
        if input.ty() != *function.ty(param) {
            return Err(Error::InputType {
                function: function.name.to_string(),
                name: function.value_name(param).map_or_else(|| position.to_string(), ToString::to_string),
                position,
                expected: function.ty(param).clone().into(),
                found: input.ty().into(),
            });
        }
    }
    Ok(())
}

/// Bytes of the arrays alive.
struct Memory {
    used: usize,
    limit: usize,
}

impl Memory {
    fn charge(&mut self, needed: usize, what: impl FnOnce() -> String) -> Result<(), Error> {
        match self.used.checked_add(needed) {
            Some(used) if used <= self.limit => {
                self.used = used;
                Ok(())
            }
            _ => Err(Error::Memory { what: what(), needed, used: self.used, limit: self.limit }),
        }
    }

    const fn release(&mut self, bytes: usize) {
        self.used -= bytes;
    }
}

/// A function being evaluated. What it holds is charged to [`Memory`].
struct Frame<'m> {
    function: &'m Function,
    /// The index of the next instruction, or of the call that is being evaluated.
    next: usize,
    values: HashMap<Value, Array>,
    /// For each value the index of the last instruction that uses it; results of the function are used at the end.
    last_use: HashMap<Value, usize>,
}

impl<'m> Frame<'m> {
    fn enter(function: &'m Function, inputs: &[&Array], memory: &mut Memory) -> Result<Self, Error> {
        let mut last_use = HashMap::new();
        for (index, &inst) in function.insts().iter().enumerate() {
            last_use.extend(function.args(inst).iter().map(|&arg| (arg, index)));
        }
        last_use.extend(function.results().iter().map(|&result| (result, function.insts().len())));
        let mut values = HashMap::new();
        for (&param, input) in function.params().iter().zip(inputs) {
            if last_use.contains_key(&param) {
                memory.charge(input.bytes(), || format!("a copy of the input {}", input.ty()))?;
                values.insert(param, input.try_clone()?);
            }
        }
        Ok(Self { function, next: 0, values, last_use })
    }

    fn args(&self, args: &[Value]) -> Result<Vec<&Array>, Error> {
        let found: Option<Vec<&Array>> = args.iter().map(|arg| self.values.get(arg)).collect();
        found.ok_or_else(|| Error::Op { op: "use", message: "a value is used before it is defined".into() })
    }

    /// Takes the results of the next instruction, which are charged already, and drops what it used last.
    fn define(&mut self, results: Vec<Array>, memory: &mut Memory) {
        let Some(&inst) = self.function.insts().get(self.next) else { return };
        for (&value, array) in self.function.inst_results(inst).iter().zip(results) {
            if self.last_use.contains_key(&value) {
                self.values.insert(value, array);
            } else {
                memory.release(array.bytes());
            }
        }
        for arg in self.function.args(inst) {
            if self.last_use.get(arg) == Some(&self.next)
                && let Some(array) = self.values.remove(arg)
            {
                memory.release(array.bytes());
            }
        }
        self.next += 1;
    }

    /// Copies of the results, charged; everything else is dropped.
    fn leave(&mut self, memory: &mut Memory) -> Result<Vec<Array>, Error> {
        let mut results = Vec::new();
        for array in self.args(self.function.results())? {
            memory.charge(array.bytes(), || format!("a copy of the result {}", array.ty()))?;
            results.push(array.try_clone()?);
        }
        for array in self.values.values() {
            memory.release(array.bytes());
        }
        self.values.clear();
        Ok(results)
    }
}
