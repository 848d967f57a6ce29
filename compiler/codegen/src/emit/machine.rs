//! Machine code of functions, on several threads where that is worth it.
//!
//! Functions are compiled apart from the module, each by itself, and defined in their order afterwards: what is in memory, and where, does not depend on
//! the number of threads.

use std::cmp::Reverse;
use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, CompiledCode, FinalizedRelocTarget, verify_function};
use cranelift_module::{FuncId, ModuleError, ModuleReloc};
use pullback_runtime::pool;

use super::fold_loads::fold_loads;
use crate::error::Error;
use crate::wide;

/// The fewest instructions, those of the largest function not counted, that are worth another thread: they take a millisecond, where starting a thread takes
/// a tenth of one.
const MIN_INSTRUCTIONS: usize = 400;

/// A function to be compiled.
pub(super) struct Pending {
    pub(super) id: FuncId,
    pub(super) name: String,
    /// Where it came from, for people.
    pub(super) about: String,
    pub(super) function: Function,
    /// How long it took to make.
    pub(super) emit: Duration,
}

/// How functions are compiled.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) isa: &'a dyn TargetIsa,
    /// Whether by [`crate::wide`].
    pub(super) wide: bool,
    /// Whether to keep the disassembly.
    pub(super) asm: bool,
}

/// A compiled function.
pub(super) struct Machine {
    pub(super) code: Vec<u8>,
    pub(super) alignment: u64,
    pub(super) relocs: Vec<ModuleReloc>,
    /// The disassembly, if asked for.
    pub(super) asm: Option<String>,
    pub(super) compile: Duration,
}

/// Compiles functions on up to `threads` threads, 0 for as many as the machine runs at once; gives the code in their order.
pub(super) fn compile(how: How<'_>, functions: Vec<Pending>, threads: usize) -> Vec<(Pending, Result<Machine, Error>)> {
    let sizes = || functions.iter().map(|pending| pending.function.dfg.num_insts());
    let is_worth_threads = sizes().sum::<usize>() - sizes().max().unwrap_or(0) >= MIN_INSTRUCTIONS;
    // The runtime may have more threads than there are cores; compiling only suffers from that.
    let threads = if is_worth_threads { pool::workers(threads).min(pool::workers(0)).min(functions.len()) } else { 1 };
    let mut queue: Vec<(usize, Pending)> = functions.into_iter().enumerate().collect();
    // The largest first, so that none is left over for one thread at the end.
    queue.sort_by_key(|(_, pending)| Reverse(pending.function.dfg.num_insts()));
    let queue = Mutex::new(queue.into_iter());
    let work = || {
        let mut registers = regalloc2::Ctx::default();
        let mut done = Vec::new();
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((number, mut pending)) = next() {
            let machine = compile_one(how, &mut registers, &mut pending);
            done.push((number, (pending, machine)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // A thread that cannot be started is missed by nobody: the others empty the queue.
        let helpers: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|&(number, _)| number);
    done.into_iter().map(|(_, compiled)| compiled).collect()
}

fn compile_one(
    how: How<'_>,
    registers: &mut regalloc2::Ctx,
    Pending { id, name, function, .. }: &mut Pending,
) -> Result<Machine, Error> {
    let start = Instant::now();
    let failed = |error: CodegenError| Error::from_module(name, &ModuleError::Compilation(error));
    if !how.wide {
        fold_loads(function);
    }
    if how.isa.flags().enable_verifier() {
        verify_function(function, how.isa).map_err(|errors| failed(CodegenError::Verifier(errors)))?;
    }
    let mut machine = if how.wide {
        let wide = wide::compile(function, registers).map_err(|refused| Error::bug(&**name, refused))?;
        let asm = if how.asm { Some(disassembly(how.isa, &wide, name)?) } else { None };
        let wide::Machine { code, alignment, relocs, .. } = wide;
        Machine { code, alignment, relocs, asm, compile: Duration::ZERO }
    } else {
        through_cranelift(how, registers, function, (*id, name))?
    };
    machine.compile = start.elapsed();
    Ok(machine)
}

/// What `Context::compile` does without optimisation, but that it would remove the parameters which [`fold_loads`] makes.
fn through_cranelift(
    How { isa, asm, .. }: How<'_>,
    registers: &mut regalloc2::Ctx,
    function: &Function,
    (id, name): (FuncId, &str),
) -> Result<Machine, Error> {
    let flow = ControlFlowGraph::with_function(function);
    let dominators = DominatorTree::with_function(function, &flow);
    let code = isa.compile_function(function, &dominators, registers, asm, &mut ControlPlane::default());
    let failed = |error: CodegenError| Error::from_module(name, &ModuleError::Compilation(error));
    let code = code.map_err(failed)?.apply_params(&function.params);
    refuse_library_calls(name, &code)?;
    let text = || {
        let failed = |error: &dyn Display| Error::bug(name, format!("disassembly: {error}"));
        let capstone = isa.to_capstone().map_err(|error| failed(&error))?;
        code.disassemble(Some(&function.params), &capstone).map_err(|error| failed(&error))
    };
    let relocs = code.buffer.relocs().iter();
    Ok(Machine {
        code: code.code_buffer().to_vec(),
        alignment: u64::from(code.buffer.alignment),
        relocs: relocs.map(|reloc| ModuleReloc::from_mach_reloc(reloc, function, id)).collect(),
        asm: if asm { Some(text()?) } else { None },
        compile: Duration::ZERO,
    })
}

/// As Cranelift writes it, block by block.
fn disassembly(isa: &dyn TargetIsa, machine: &wide::Machine, name: &str) -> Result<String, Error> {
    let failed = |error: &dyn Display| Error::bug(name, format!("disassembly: {error}"));
    let capstone = isa.to_capstone().map_err(|error| failed(&error))?;
    let ends = machine.blocks.iter().skip(1).copied().chain([machine.code.len()]);
    let mut text = String::new();
    for (number, (&start, end)) in machine.blocks.iter().zip(ends).enumerate() {
        let _ = writeln!(text, "block{number}: ; offset 0x{start:x}");
        let instructions = capstone.disasm_all(&machine.code[start..end], start as u64);
        for instruction in instructions.map_err(|error| failed(&error))?.iter() {
            let (mnemonic, operands) = (instruction.mnemonic().unwrap_or(""), instruction.op_str().unwrap_or(""));
            let _ = writeln!(text, "  {}", format!("{mnemonic} {operands}").trim_end());
        }
    }
    Ok(text)
}

/// Everything emitted is an instruction of every supported target. A call of Cranelift's own library, which it makes where an
/// instruction is missing, would be slow and is not linked.
fn refuse_library_calls(name: &str, code: &CompiledCode) -> Result<(), Error> {
    for reloc in code.buffer.relocs() {
        if let FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) = &reloc.target {
            return Err(Error::bug(format!("function `{name}`"), format!("it needs the library function {call}")));
        }
    }
    Ok(())
}
