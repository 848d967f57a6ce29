//! A loop in the program, its gradient with few states kept, and the other derivatives.

use pullback::prelude::*;
use pullback::{hessian, hvp, jacobian, vmap};

fn main() -> Result<(), pullback::Error> {
    let mut module = Module::new();
    let loss = trace(&module, "loss", |g| {
        let w = g.input("w", DType::F64, [3, 3]);
        let xs = g.input("xs", DType::F64, [100, 3]);
        // Outer tensors such as w are captured. The backward pass may keep 8 states instead of 100.
        let options = Scan { checkpoint: Checkpointing::Binomial(8), ..Scan::default() };
        let (h, _) = g.scan_with(options, g.zeros(DType::F64, [3]), xs, |h, x| ((w.matmul(h) + x).tanh(), ()));
        vec![h.square().sum()]
    })?;
    let loss = module.add(loss);
    let module = verify(module)?;
    let program = compile(&module, loss, &Options::new().value_and_grad(["w"]))?;
    let (w, xs) = ([0.1f64; 9], [0.5f64; 300]);
    let results = program.run(&[ArgRef::new(&w, &[3, 3]), ArgRef::new(&xs, &[100, 3])])?;
    assert_eq!(results[1].as_slice::<f64>()?.len(), 9);

    // The others are functions of the IR too, to be added to a module, printed, compiled.
    let second = hessian(&module, loss, &[0])?;
    assert_eq!(second.result_types().next().map(ToString::to_string), Some("f64[3,3,3,3]".into()));
    let _product = hvp(&module, loss, &[0])?;
    let _jacobian = jacobian(&module, loss, &[0], pullback::JacobianMode::Auto)?;
    let _batched = vmap(&module, loss, 32, &[None, Some(0)], &[0])?;
    Ok(())
}
