//! The first page: a model, its gradient, native code.

use pullback::prelude::*;

fn main() -> Result<(), pullback::Error> {
    // A model is a closure over tensors. Tracing it gives a function, which goes into a module.
    let mut module = Module::new();
    let loss = trace(&module, "loss", |g| {
        let x = g.input("x", DType::F32, [4, 2]);
        let w = g.input("w", DType::F32, [2]);
        let y = g.input("y", DType::F32, [4]);
        vec![(x.matmul(w) - y).square().sum()]
    })?;
    let loss = module.add(loss);

    // Differentiate, optimise, fuse, generate machine code.
    let program = compile(&verify(module)?, loss, &Options::new().value_and_grad(["w"]))?;

    let x = [1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, -1.0];
    let (w, y) = ([2.0f32, 1.0], [2.0f32, 1.0, 2.0, 5.0]);
    let results = program.run(&[ArgRef::new(&x, &[4, 2]), ArgRef::new(&w, &[2]), ArgRef::new(&y, &[4])])?;
    let (loss, gradient) = (results[0].item::<f32>()?, results[1].as_slice::<f32>()?);
    println!("loss {loss}, gradient with respect to w {gradient:?}");
    assert_eq!((loss, gradient), (5.0, &[-6.0, 6.0][..]));
    Ok(())
}
