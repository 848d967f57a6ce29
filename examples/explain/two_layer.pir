; Two layers on a batch of two points: H = tanh(X W1 + b1), P = H W2 + b2, and half the mean square error of P.
func @two_layer(%X: f64[2,2], %W1: f64[2,3], %b1: f64[3], %W2: f64[3,1], %b2: f64[1], %T: f64[2,1]) -> f64 {
  %A = dot %X, %W1, contract=[1]x[0] : f64[2,3]
  %B1 = broadcast %b1, dims=[1] : f64[2,3]
  %Z = add %A, %B1 : f64[2,3]
  %H = tanh %Z : f64[2,3]
  %C = dot %H, %W2, contract=[1]x[0] : f64[2,1]
  %B2 = broadcast %b2, dims=[1] : f64[2,1]
  %P = add %C, %B2 : f64[2,1]
  %E = sub %P, %T : f64[2,1]
  %S = mul %E, %E : f64[2,1]
  %sum = reduce add %S, axes=[0,1] : f64
  %quarter = constant 0.25 : f64
  %loss = mul %quarter, %sum : f64
  return %loss
}
