//! Machine code of functions, on several threads where that is worth it.
//!
//! Functions are compiled apart from the module, each by itself, and defined in their order afterwards: what is in memory, and where, does not depend on
//! the number of threads.

use std::cmp::Reverse;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use cranelift_module::{FuncId, ModuleError, ModuleReloc};
use pullback_runtime::pool;

use crate::error::Error;

/// The fewest functions that are compiled on several threads.
const MIN_FUNCTIONS: usize = 4;

/// The fewest instructions that are: they take some milliseconds, where starting a thread takes a tenth of one.
const MIN_INSTRUCTIONS: usize = 2000;

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
pub(super) fn compile(
    isa: &dyn TargetIsa,
    functions: Vec<Pending>,
    threads: usize,
    asm: bool,
) -> Vec<(Pending, Result<Machine, Error>)> {
    let sizes = functions.iter().map(|pending| pending.function.dfg.num_insts());
    let is_worth_threads = functions.len() >= MIN_FUNCTIONS && sizes.sum::<usize>() >= MIN_INSTRUCTIONS;
    // The runtime may have more threads than there are cores; compiling only suffers from that.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if is_worth_threads { pool::workers(threads).min(cores).min(functions.len()) } else { 1 };
    let mut queue: Vec<(usize, Pending)> = functions.into_iter().enumerate().collect();
    // The largest first, so that none is left over for one thread at the end.
    queue.sort_by_key(|(_, pending)| Reverse(pending.function.dfg.num_insts()));
    let queue = Mutex::new(queue.into_iter());
    let work = || {
        let mut context = Context::new();
        let mut done = Vec::new();
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((number, mut pending)) = next() {
            let machine = compile_one(isa, &mut context, &mut pending, asm);
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

fn compile_one(isa: &dyn TargetIsa, context: &mut Context, pending: &mut Pending, asm: bool) -> Result<Machine, Error> {
    let start = Instant::now();
    let (id, name) = (pending.id, &*pending.name);
    context.clear();
    std::mem::swap(&mut context.func, &mut pending.function);
    let compiled = context.compile(isa, &mut ControlPlane::default());
    compiled.map_err(|error| Error::from_module(name, &ModuleError::from(error)))?;
    let code = context.compiled_code().ok_or_else(|| Error::bug(name, "there is no machine code"))?;
    let compile = start.elapsed();
    refuse_library_calls(name, code)?;
    let relocs = code.buffer.relocs().iter();
    Ok(Machine {
        code: code.code_buffer().to_vec(),
        alignment: u64::from(code.buffer.alignment),
        relocs: relocs.map(|reloc| ModuleReloc::from_mach_reloc(reloc, &context.func, id)).collect(),
        asm: if asm { Some(disassembly(isa, context, code, name)?) } else { None },
        compile,
    })
}

fn disassembly(isa: &dyn TargetIsa, context: &Context, code: &CompiledCode, name: &str) -> Result<String, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::bug(name, format!("disassembly: {error}"));
    let capstone = isa.to_capstone().map_err(|error| failed(&error))?;
    code.disassemble(Some(&context.func.params), &capstone).map_err(|error| failed(&error))
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
