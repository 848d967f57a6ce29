//! The rules that neither the builder nor a text can break: they guard against passes. How a verified module grows.

use super::*;
use crate::op::Unary;
use crate::provenance::Provenance;
use crate::types::DType;

fn messages(function: Function) -> Vec<String> {
    let mut module = Module::new();
    module.add(function);
    check(&module).into_iter().map(|error| error.message).collect()
}

fn function() -> (Function, Value) {
    let mut function = Function::new("f");
    let x = function.push_param(function.body_region(), Type::scalar(DType::F32));
    (function, x)
}

fn push(function: &mut Function, op: Op, args: &[Value]) -> Value {
    let inst = function.push_inst(
        function.body_region(),
        op,
        args,
        &[],
        vec![Type::scalar(DType::F32)],
        Provenance::default(),
    );
    function.inst_results(inst)[0]
}

#[test]
fn an_operand_is_defined_before_its_use() {
    let (mut f, _) = function();
    push(&mut f, Op::Unary(Unary::Neg), &[Value::from_u32(2)]);
    push(&mut f, Op::Unary(Unary::Neg), &[Value::from_u32(1)]);
    assert_eq!(messages(f), ["operand 0 is not defined before this instruction"]);
}

#[test]
fn an_operand_exists() {
    let (mut f, x) = function();
    push(&mut f, Op::Unary(Unary::Neg), &[Value::from_u32(1000)]);
    push(&mut f, Op::Unary(Unary::Neg), &[x]);
    assert_eq!(messages(f), ["operand 0 is not defined before this instruction"]);
}

#[test]
fn a_returned_value_is_defined() {
    let (mut f, x) = function();
    let region = f.body_region();
    f.set_results(region, &[x]);
    assert!(messages(f.clone()).is_empty());
    f.set_results(region, &[x, Value::from_u32(5)]);
    assert_eq!(messages(f), ["returns %5, which is not defined"]);
}

#[test]
fn names_of_values_are_unique_within_a_function() {
    let (mut f, x) = function();
    let y = push(&mut f, Op::Unary(Unary::Neg), &[x]);
    let z = push(&mut f, Op::Unary(Unary::Neg), &[y]);
    for value in [x, z] {
        f.set_value_name(value, Some("same".into()));
    }
    assert_eq!(messages(f), ["two values are named %same"]);
}

#[test]
fn a_callee_exists() {
    let (mut f, x) = function();
    push(&mut f, Op::Call(FuncId::from_u32(7)), &[x]);
    assert_eq!(messages(f), ["the callee does not exist in this module"]);
}

/// A verified module with one function `@f` of one parameter, which it returns.
fn identity() -> Verified<Module> {
    let (mut f, x) = function();
    let region = f.body_region();
    f.set_results(region, &[x]);
    let mut module = Module::new();
    module.add(f);
    verify(module).unwrap()
}

/// A function `@f` that calls another.
fn caller(callee: FuncId) -> Function {
    let (mut f, x) = function();
    let y = push(&mut f, Op::Call(callee), &[x]);
    let region = f.body_region();
    f.set_results(region, &[y]);
    f
}

#[test]
fn a_verified_module_grows_by_functions_that_call_what_is_there() {
    let mut module = identity();
    let first = module.find("f").unwrap();
    let second = module.add(caller(first)).unwrap();
    let third = module.add(caller(second)).unwrap();
    assert_eq!(&*module.function(second).name, "f_1", "the name of the first stays its own");
    assert_eq!(&*module.function(third).name, "f_2");
    assert!(check(&module).is_empty(), "the whole is as well formed as its parts");
}

#[test]
fn a_function_that_breaks_a_rule_is_not_added() {
    let mut module = identity();
    let before = module.to_string();
    let (mut wrong, _) = function();
    push(&mut wrong, Op::Unary(Unary::Neg), &[Value::from_u32(9)]);
    let errors = module.add(wrong).unwrap_err();
    assert_eq!(errors.0.len(), 1);
    assert_eq!(errors.0[0].message, "operand 0 is not defined before this instruction");
    assert_eq!(module.to_string(), before);
}

#[test]
fn an_added_function_cannot_call_itself() {
    let mut module = identity();
    // The number that it would get.
    let itself = FuncId::from_u32(1);
    let errors = module.add(caller(itself)).unwrap_err();
    assert_eq!(errors.0[0].message, "the callee does not exist in this module");
    assert_eq!(module.len(), 1);
    let mut both = module.into_inner();
    both.add(caller(itself));
    assert_eq!(check(&both)[0].message, "a call of @f_1 closes a cycle of calls", "as the verifier of the whole says");
}
