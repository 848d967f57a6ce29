; test grad
func @f(%x: f64[2]) -> f64[2] { ; error: a gradient needs a scalar of type f32 or f64 as the first result, found f64[2]
  return %x
}
