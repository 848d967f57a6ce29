; test grad mode=forward wrt=v
func @f(%x: f64, %v: f64) -> f64 {
  %y = transpose_rule %x, %v, known=1 : f64 ; error: transpose_rule cannot be differentiated here: it is a linear map whose transpose alone is known
    transpose(%a: f64, %ct: f64) {
      %b = mul %a, %ct : f64
      yield %b
    }
  return %y
}
