//! Stores that nobody reads, and buffers that nothing touches.
//!
//! Joining loops and promoting them pass on in variables what was stored and loaded again. The stores are left over, and so is the memory.

use cranelift_entity::{EntitySet, SecondaryMap};

use crate::program::{Buffer, Expr, Program, Space, Stmt};
use crate::promote::remove_unused;
use crate::step::{Step, for_each_kernel_mut};

/// Removes stores to buffers other than results that nothing reads, and what only they needed, until there are no more; then steps with nothing left in them.
pub(crate) fn remove_dead_stores(program: &mut Program) {
    loop {
        let mut read = EntitySet::new();
        steps_read(&program.body, &mut read);
        let buffers = &program.buffers;
        let is_dead = |buffer: Buffer| {
            matches!(buffers[buffer].space, Space::Arena(_) | Space::Local(_)) && !read.contains(buffer)
        };
        let mut changed = false;
        for_each_kernel_mut(&mut program.body, &mut |kernel| {
            if remove_stores(&mut kernel.body, &is_dead) {
                remove_unused(&mut kernel.body, &mut EntitySet::new());
                changed = true;
            }
        });
        if !changed {
            return remove_empty(&mut program.body);
        }
    }
}

fn remove_empty(steps: &mut Vec<Step>) {
    steps.retain_mut(|step| match step {
        Step::Kernel(kernel) => !kernel.body.is_empty(),
        Step::Loop(inner) => {
            remove_empty(&mut inner.body);
            !inner.body.is_empty()
        }
        Step::While(inner) => {
            remove_empty(&mut inner.before);
            remove_empty(&mut inner.body);
            true
        }
        Step::Branch(inner) => {
            inner.cases.iter_mut().for_each(remove_empty);
            true
        }
    });
}

/// Removes stores to dead buffers; says whether there was one. Loops and conditions with nothing left in them go too.
fn remove_stores(stmts: &mut Vec<Stmt>, is_dead: &impl Fn(Buffer) -> bool) -> bool {
    let mut changed = false;
    stmts.retain_mut(|stmt| match stmt {
        Stmt::Store(place, _) if is_dead(place.buffer) => {
            changed = true;
            false
        }
        Stmt::For(inner) => {
            changed |= remove_stores(&mut inner.body, is_dead);
            !(inner.body.is_empty() && inner.carried.is_empty())
        }
        Stmt::If(inner) => {
            changed |= remove_stores(&mut inner.body, is_dead);
            !inner.body.is_empty()
        }
        Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => true,
    });
    changed
}

fn steps_read(steps: &[Step], read: &mut EntitySet<Buffer>) {
    for step in steps {
        match step {
            Step::Kernel(kernel) => stmts_read(&kernel.body, read),
            Step::Loop(_) => {}
            Step::While(inner) => {
                read.insert(inner.condition.buffer);
            }
            Step::Branch(inner) => {
                read.insert(inner.selector.buffer);
            }
        }
        step.nested().for_each(|steps| steps_read(steps, read));
    }
}

fn stmts_read(stmts: &[Stmt], read: &mut EntitySet<Buffer>) {
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, Expr::Load(place)) => {
                read.insert(place.buffer);
            }
            Stmt::For(inner) => stmts_read(&inner.body, read),
            Stmt::If(inner) => stmts_read(&inner.body, read),
            Stmt::Gemm(gemm) => read.extend([gemm.lhs.buffer, gemm.rhs.buffer(), gemm.out.buffer]),
            Stmt::Pack(pack) => read.extend([pack.from.buffer, pack.to.buffer]),
            Stmt::Call(call) => read.extend(call.views.iter().map(|view| view.buffer)),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) => {}
        }
    }
}

/// Removes buffers other than arguments and results that nothing touches: they have no place in the memory plan.
pub(crate) fn remove_unused_buffers(program: &mut Program) {
    let mut used = EntitySet::new();
    steps_read(&program.body, &mut used);
    for_each_place_mut(program, &mut |buffer| {
        used.insert(*buffer);
    });
    let mut renamed: SecondaryMap<Buffer, Option<Buffer>> = SecondaryMap::new();
    for (buffer, data) in std::mem::take(&mut program.buffers) {
        if used.contains(buffer) || matches!(data.space, Space::Input(_) | Space::Output(_)) {
            renamed[buffer] = Some(program.buffers.push(data));
        }
    }
    for_each_place_mut(program, &mut |buffer| *buffer = renamed[*buffer].unwrap_or(*buffer));
}

/// Visits every mention of a buffer.
fn for_each_place_mut(program: &mut Program, visit: &mut impl FnMut(&mut Buffer)) {
    control_places_mut(&mut program.body, visit);
    for_each_kernel_mut(&mut program.body, &mut |kernel| places_mut(&mut kernel.body, visit));
}

/// What control flow reads.
fn control_places_mut(steps: &mut [Step], visit: &mut impl FnMut(&mut Buffer)) {
    for step in steps {
        match step {
            Step::Kernel(_) => {}
            Step::Loop(inner) => control_places_mut(&mut inner.body, visit),
            Step::While(inner) => {
                visit(&mut inner.condition.buffer);
                control_places_mut(&mut inner.before, visit);
                control_places_mut(&mut inner.body, visit);
            }
            Step::Branch(inner) => {
                visit(&mut inner.selector.buffer);
                inner.cases.iter_mut().for_each(|case| control_places_mut(case, visit));
            }
        }
    }
}

fn places_mut(stmts: &mut [Stmt], visit: &mut impl FnMut(&mut Buffer)) {
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, Expr::Load(place)) | Stmt::Store(place, _) => visit(&mut place.buffer),
            Stmt::For(inner) => places_mut(&mut inner.body, visit),
            Stmt::If(inner) => places_mut(&mut inner.body, visit),
            Stmt::Gemm(gemm) => {
                for buffer in [&mut gemm.lhs.buffer, gemm.rhs.buffer_mut(), &mut gemm.out.buffer] {
                    visit(buffer);
                }
            }
            Stmt::Pack(pack) => {
                visit(&mut pack.from.buffer);
                visit(&mut pack.to.buffer);
            }
            Stmt::Call(call) => call.views.iter_mut().for_each(|view| visit(&mut view.buffer)),
            Stmt::Let(..) | Stmt::Bind(_) => {}
        }
    }
}
