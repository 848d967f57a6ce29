; test verify
func @f(%x: f64, %v: f64) -> f64 {
  %y = transpose_rule %x, %v, known=1 : f64 ; error: what the transpose yields: value 0 is bool, expected f64
    transpose(%a: f64, %ct: f64) {
      %b = compare lt %a, %ct : bool
      yield %b
    }
  %z = transpose_rule %x, known=2 : f64 ; error: known=2 of 1 operands
    transpose(%c: f64, %d: f64) {
      yield %d
    }
  return %y
}
