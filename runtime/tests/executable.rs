//! Executables around functions written in Rust: what the runtime promises whatever made the machine code.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pullback_runtime::memory::{ALIGNMENT, AlignedBytes};
use pullback_runtime::{ArgMut, ArgRef, CallError, DType, Executable, Parameter, Parts, Signature};

/// `y[0] = x[0] + c[0] + address of the arena mod 64`, and counts calls in `y[1]`.
unsafe extern "C" fn program(table: *const *mut u8) {
    // SAFETY: called with a table of input, output, constant and arena, of the sizes below.
    unsafe {
        let (x, y, c) =
            (*table.cast::<*const i64>(), *table.add(1).cast::<*mut i64>(), *table.add(2).cast::<*const i64>());
        let arena = *table.add(3);
        arena.write_bytes(0xff, 64);
        *y = *x + *c + (arena as usize % ALIGNMENT) as i64;
        *y.add(1) += 1;
    }
}

/// Counts the times it is dropped.
struct Code(Arc<AtomicUsize>);

impl Drop for Code {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn executable(dropped: &Arc<AtomicUsize>) -> Executable {
    let parameter = |name: &str, extent| Parameter { name: name.to_owned(), dtype: DType::I64, shape: vec![extent] };
    let signature = Signature {
        name: "sum".to_owned(),
        inputs: vec![parameter("x", 1)],
        outputs: vec![parameter("y", 2)],
        donated: vec![],
    };
    let constants = vec![AlignedBytes::copy_of(&[1000i64], "a constant").unwrap()];
    let code = Box::new(Code(Arc::clone(dropped)));
    // SAFETY: `program` is always there, and uses buffers as they are described here.
    unsafe { Executable::from_parts(Parts { signature, entry: program, code, constants, arena_bytes: 64 }) }
}

#[test]
fn code_is_dropped_with_the_last_clone_and_not_before() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let first = executable(&dropped);
    let second = first.clone();
    let mut y = [0i64; 2];
    let mut bound = first.bind(&[ArgRef::new(&[1i64], &[1])], vec![ArgMut::from(&mut y[..])]).unwrap();
    drop(first);
    drop(second);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    bound.run();
    drop(bound);
    assert_eq!((dropped.load(Ordering::SeqCst), y), (1, [1001, 1]));
}

#[test]
fn the_program_finds_inputs_outputs_constants_and_an_aligned_arena() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let executable = executable(&dropped);
    let results = executable.run(&[ArgRef::new(&[41i64], &[1])]).unwrap();
    assert_eq!(results[0].as_slice::<i64>().unwrap(), [1041, 1]);
    assert_eq!((executable.arena_bytes(), executable.constant_bytes()), (64, 8));
    assert_eq!(executable.signature().name, "sum");
}

#[test]
fn a_refused_call_does_not_run_the_program() {
    let executable = executable(&Arc::new(AtomicUsize::new(0)));
    let mut y = [7i64; 2];
    let error = executable.call(&[ArgRef::new(&[1i64, 2], &[2])], &mut [ArgMut::from(&mut y[..])]).unwrap_err();
    assert!(matches!(error, CallError::Shape { role: "argument", index: 0, .. }), "{error}");
    let error = executable.call(&[ArgRef::new(&[1i64], &[1])], &mut [ArgMut::from(&mut y[..1])]).unwrap_err();
    assert!(matches!(error, CallError::Elements { role: "result", expected: 2, found: 1, .. }), "{error}");
    assert_eq!(y, [7; 2]);
}
