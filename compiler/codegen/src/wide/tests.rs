//! Functions made by hand: what is refused, and that registers hold what they should. That code computes what it should is shown by programs, in `tests/kernels`.
#![allow(clippy::panic, clippy::expect_used, reason = "tests")]

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, BlockArg, Endianness, Function, InstBuilder, MemFlagsData, Signature, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{settings, verify_function};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use regalloc2::checker::Checker;

use super::{allocate, compile, select};

/// A function with these parameters, the first block's; `body` is given them and ends the last block.
fn function(params: &[Type], body: impl FnOnce(&mut FunctionBuilder<'_>, &[Value])) -> Function {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = params.iter().copied().map(AbiParam::new).collect();
    let mut func = Function::with_name_signature(UserFuncName::default(), signature);
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let values = builder.block_params(entry).to_vec();
    body(&mut builder, &values);
    builder.seal_all_blocks();
    builder.finalize(cranelift_codegen::isa::TargetFrontendConfig {
        default_call_conv: CallConv::SystemV,
        pointer_width: target_lexicon::PointerWidth::U64,
        page_size_align_log2: 12,
    });
    verify_function(&func, &settings::Flags::new(settings::builder())).expect("the function is valid");
    func
}

/// A function with a pointer, at which `body` finds what it needs.
fn straight(body: impl FnOnce(&mut FunctionBuilder<'_>, Value)) -> Function {
    function(&[types::I64], |builder, values| {
        body(builder, values[0]);
        builder.ins().return_(&[]);
    })
}

fn load(builder: &mut FunctionBuilder<'_>, ty: Type, pointer: Value, offset: i32) -> Value {
    builder.ins().load(ty, MemFlagsData::trusted(), pointer, offset)
}

fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

fn store(builder: &mut FunctionBuilder<'_>, value: Value, pointer: Value, offset: i32) {
    builder.ins().store(MemFlagsData::trusted(), value, pointer, offset);
}

/// Compiles a function, and has regalloc2 show that every operand is in the place that it was assigned.
fn check(func: &Function) -> Vec<u8> {
    let mut registers = regalloc2::Ctx::default();
    let machine = compile(func, &mut registers).unwrap_or_else(|refused| panic!("{refused}\n{func}"));
    let code = select::select(func).expect("it was selected before");
    let environment = allocate::environment();
    let output = regalloc2::run(&code, &environment, &allocate::options()).expect("registers were assigned before");
    let mut checker = Checker::new(&code, &environment);
    checker.prepare(&output);
    checker.run().unwrap_or_else(|errors| panic!("{errors:?}\n{func}"));
    machine.code
}

/// The instructions that spill slots make of a function: how many bytes it has of them.
fn spilled(func: &Function) -> usize {
    let code = select::select(func).expect("it can be selected");
    let output = regalloc2::run(&code, &allocate::environment(), &allocate::options()).expect("registers are assigned");
    8 * output.num_spillslots
}

fn refusal(func: &Function) -> String {
    let refused = compile(func, &mut regalloc2::Ctx::default()).map(|machine| machine.code);
    refused.expect_err("it has to be refused")
}

#[test]
fn what_there_is_no_code_for_is_refused_by_its_text() {
    let rotated = straight(|builder, pointer| {
        let x = load(builder, types::I64, pointer, 0);
        let rotated = builder.ins().rotl_imm_u(x, 7);
        store(builder, rotated, pointer, 8);
    });
    assert!(refusal(&rotated).starts_with("no code for `v"), "{}", refusal(&rotated));
    assert!(refusal(&rotated).contains("rotl"), "{}", refusal(&rotated));
    let signed = straight(|builder, pointer| {
        let x = load(builder, types::F32X16, pointer, 0);
        let signed = builder.ins().fcopysign(x, x);
        store(builder, signed, pointer, 0);
    });
    assert!(refusal(&signed).contains("fcopysign"), "{}", refusal(&signed));
    let trap = function(&[types::I64], |builder, _| {
        builder.ins().trap(cranelift_codegen::ir::TrapCode::HEAP_OUT_OF_BOUNDS);
    });
    assert!(refusal(&trap).contains("no code for `trap"), "{}", refusal(&trap));
}

#[test]
fn what_is_not_needed_is_not_refused() {
    check(&straight(|builder, pointer| {
        let x = load(builder, types::I64, pointer, 0);
        let rotated = builder.ins().rotl_imm_u(x, 7);
        builder.ins().iadd_imm_s(rotated, 1);
        store(builder, x, pointer, 8);
    }));
}

#[test]
fn parameters_of_functions_are_pointers_and_integers_of_64_bits() {
    for ty in [types::F32X16, types::F64, types::I32] {
        let func = function(&[types::I64, ty], |builder, values| {
            store(builder, values[1], values[0], 0);
            builder.ins().return_(&[]);
        });
        assert_eq!(refusal(&func), format!("a parameter of type {ty}"));
    }
    // Six in registers, the others on the stack.
    check(&function(&[types::I64; 9], |builder, values| {
        let sum = values[1..].iter().copied().reduce(|sum, value| builder.ins().iadd(sum, value));
        store(builder, sum.expect("there are several"), values[0], 0);
        builder.ins().return_(&[]);
    }));
}

#[test]
fn more_vectors_than_registers_are_kept_on_the_stack() {
    let vectors = |count: i32| {
        straight(|builder, pointer| {
            let squares: Vec<Value> = (0..count)
                .map(|number| {
                    let x = load(builder, types::F32X16, pointer, 64 * number);
                    builder.ins().fmul(x, x)
                })
                .collect();
            for (number, &square) in squares.iter().rev().enumerate() {
                store(builder, square, pointer, 64 * number as i32);
            }
        })
    };
    assert_eq!(spilled(&vectors(32)), 0);
    check(&vectors(32));
    assert_eq!(spilled(&vectors(40)), 8 * 64);
    check(&vectors(40));
}

#[test]
fn more_masks_than_registers_are_kept_on_the_stack() {
    let masks = |count: i32| {
        straight(|builder, pointer| {
            let limit = load(builder, types::F64X8, pointer, 0);
            let found: Vec<(Value, Value)> = (0..count)
                .map(|number| {
                    let x = load(builder, types::F64X8, pointer, 64 * (number + 1));
                    let below = builder.ins().fcmp(FloatCC::LessThan, x, limit);
                    (x, below)
                })
                .collect();
            for (number, &(x, below)) in found.iter().enumerate() {
                let (offset, before) = (64 * (number as i32 + 1), found[(number + 1) % found.len()].0);
                for (times, other) in [limit, before].into_iter().enumerate() {
                    let below = builder.ins().bitcast(types::F64X8, MemFlagsData::new(), below);
                    let chosen = builder.ins().bitselect(below, x, other);
                    store(builder, chosen, pointer, offset + 64 * (1 + count) * times as i32);
                }
            }
        })
    };
    assert_eq!(spilled(&masks(7)), 0);
    check(&masks(7));
    assert!(spilled(&masks(16)) > 0);
    check(&masks(16));
}

/// `loop(x, y, n) { if n == 0 leave(y, x); if odd(n) loop(y, x, n - 1) else loop(x, y, n - 1) }`: branches straight to blocks that are reached from elsewhere, and
/// parameters that change places.
fn swapping(ty: Type) -> Function {
    function(&[types::I64, types::I64], |builder, values| {
        let pointer = values[0];
        let bytes = ty.bytes().cast_signed();
        let (head, more, leave) = (builder.create_block(), builder.create_block(), builder.create_block());
        for block in [head, leave] {
            builder.append_block_param(block, ty);
            builder.append_block_param(block, ty);
        }
        builder.append_block_param(head, types::I64);
        let (x, y) = (load(builder, ty, pointer, 0), load(builder, ty, pointer, bytes));
        let is_none = builder.ins().icmp_imm_s(IntCC::Equal, values[1], -1);
        let arguments = [x, y, values[1]].map(BlockArg::Value);
        builder.ins().brif(is_none, leave, &arguments[..2], head, &arguments);
        builder.switch_to_block(head);
        let &[x, y, n] = builder.block_params(head) else { return };
        let is_done = builder.ins().icmp_imm_s(IntCC::Equal, n, 0);
        builder.ins().brif(is_done, leave, &[y, x].map(BlockArg::Value), more, &[]);
        builder.switch_to_block(more);
        let less = builder.ins().iadd_imm_s(n, -1);
        let odd = builder.ins().band_imm_u(n, 1);
        let [straight, crossed] = [[x, y, less], [y, x, less]].map(|values| values.map(BlockArg::Value));
        builder.ins().brif(odd, head, &crossed, head, &straight);
        builder.switch_to_block(leave);
        let &[x, y] = builder.block_params(leave) else { return };
        store(builder, x, pointer, 0);
        store(builder, y, pointer, bytes);
        builder.ins().return_(&[]);
    })
}

#[test]
fn what_is_passed_along_an_edge_between_forks_and_joins_has_a_block() {
    for ty in [types::I64, types::F32, types::F32X4, types::F64X8, types::I32X16] {
        let func = swapping(ty);
        check(&func);
        let code = select::select(&func).expect("it can be selected");
        // To `head` from the entry and twice from `more`, to `leave` from the entry and from `head`.
        assert_eq!(code.blocks.len(), func.layout.blocks().count() + 5, "{func}");
        for block in code.blocks.iter().filter(|block| block.successors.len() > 1) {
            assert!(block.arguments.iter().all(Vec::is_empty), "nothing is passed where a block forks: {func}");
        }
    }
}

#[test]
fn divisions_share_their_registers_with_much_else() {
    for ty in [types::I32, types::I64] {
        check(&straight(|builder, pointer| {
            let step = ty.bytes().cast_signed();
            let x: Vec<Value> = (0..12).map(|number| load(builder, ty, pointer, step * number)).collect();
            let mut made = Vec::new();
            for (&x, &y) in x.iter().zip(x.iter().rev()) {
                let (quotient, rest) = (builder.ins().sdiv(x, y), builder.ins().srem(x, y));
                let (whole, left) = (builder.ins().udiv(quotient, y), builder.ins().urem(rest, x));
                // The amount of a shift has a register of its own too.
                made.extend([builder.ins().ishl(whole, left), builder.ins().sshr(quotient, rest)]);
            }
            for (number, &value) in made.iter().chain(&x).enumerate() {
                store(builder, value, pointer, step * number as i32);
            }
        }));
    }
}

#[test]
fn vectors_that_are_needed_behind_a_call_are_kept_on_the_stack() {
    let called = |calls: bool| {
        straight(|builder, pointer| {
            let mut signature = Signature::new(CallConv::SystemV);
            signature.params = [types::F64, types::F64].map(AbiParam::new).to_vec();
            signature.returns.push(AbiParam::new(types::F64));
            let signature = builder.import_signature(signature);
            let name = cranelift_codegen::ir::UserExternalName { namespace: 0, index: 1 };
            let name = builder.func.declare_imported_user_function(name);
            let data = cranelift_codegen::ir::ExtFuncData {
                name: cranelift_codegen::ir::ExternalName::user(name),
                signature,
                colocated: false,
                patchable: false,
            };
            let callee = builder.import_function(data);
            let kept: Vec<Value> = (0..3)
                .map(|number| {
                    let x = load(builder, types::F64X8, pointer, 64 * number);
                    builder.ins().fadd(x, x)
                })
                .collect();
            let [x, y] = [1, 6].map(|lane| builder.ins().extractlane(kept[0], lane));
            let found = if calls {
                let call = builder.ins().call(callee, &[x, y]);
                builder.inst_results(call)[0]
            } else {
                builder.ins().fsub(x, y)
            };
            let copied = builder.ins().splat(types::F64X8, found);
            for (number, &kept) in kept.iter().enumerate() {
                let sum = builder.ins().fadd(kept, copied);
                store(builder, sum, pointer, 64 * number as i32);
            }
        })
    };
    assert_eq!(spilled(&called(false)), 0);
    check(&called(false));
    assert_eq!(spilled(&called(true)), 3 * 64);
    let code = check(&called(true));
    // `vzeroupper`, before the call and before the return.
    assert_eq!(code.windows(3).filter(|bytes| *bytes == [0xc5, 0xf8, 0x77]).count(), 2);
}

#[test]
fn what_a_negation_that_waits_was_loaded_from_may_be_stored_to_before_it_is_used() {
    let func = straight(|builder, pointer| {
        let x = load(builder, types::F32X16, pointer, 0);
        let negated = builder.ins().fneg(x);
        let y = load(builder, types::F32X16, pointer, 64);
        store(builder, y, pointer, 0);
        let sum = builder.ins().fma(negated, y, y);
        store(builder, sum, pointer, 128);
    });
    let code = select::select(&func).expect("it can be selected");
    let touches = |inst: &super::inst::Inst| inst.memory.map(|address| address.offset);
    let order: Vec<i32> = code.insts.iter().filter_map(touches).collect();
    assert_eq!(order, [0, 64, 0, 128], "{func}");
}

#[test]
fn an_instruction_that_is_not_needed_is_no_use_of_what_waits() {
    let func = straight(|builder, pointer| {
        let x = load(builder, types::F32X16, pointer, 0);
        let bits = builder.ins().bitcast(types::I32X16, little(), x);
        builder.ins().fadd(x, x);
        let y = load(builder, types::F32X16, pointer, 64);
        store(builder, y, pointer, 0);
        store(builder, bits, pointer, 128);
    });
    let code = select::select(&func).expect("it can be selected");
    let touches = |inst: &super::inst::Inst| inst.memory.map(|address| address.offset);
    let order: Vec<i32> = code.insts.iter().filter_map(touches).collect();
    assert_eq!(order, [0, 64, 0, 128], "{func}");
}

#[test]
fn a_comparison_of_scalars_is_a_number_of_eight_bits_too() {
    check(&straight(|builder, pointer| {
        let x = load(builder, types::F32, pointer, 0);
        let y = load(builder, types::F32, pointer, 4);
        let less = builder.ins().fcmp(FloatCC::LessThan, x, y);
        let complement = builder.ins().bnot(less);
        store(builder, complement, pointer, 8);
    }));
}

#[test]
fn a_constant_is_made_wherever_it_is_used() {
    let func = straight(|builder, pointer| {
        let ones = builder.func.dfg.constants.insert(vec![0xff; 64].into());
        let ones = builder.ins().vconst(types::I32X16, ones);
        let condition = load(builder, types::I8, pointer, 0);
        let [inside, behind] = [(); 2].map(|()| builder.create_block());
        builder.ins().brif(condition, inside, &[], behind, &[]);
        builder.switch_to_block(inside);
        let all = builder.ins().vall_true(ones);
        store(builder, all, pointer, 1);
        builder.ins().jump(behind, &[]);
        builder.switch_to_block(behind);
        store(builder, ones, pointer, 64);
    });
    check(&func);
}
