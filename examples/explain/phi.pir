; One neuron without a nonlinearity, and the square of what it gives: phi = (a w1 + b1)^2.
func @phi(%a: f64, %w1: f64, %b1: f64) -> f64 {
  %z = mul %a, %w1 : f64
  %s = add %z, %b1 : f64
  %phi = mul %s, %s : f64
  return %phi
}
