; test optimize
func @f(%x: f64[2]) -> f64[2] {
  %two = constant 2.0 : f64[2]
  %y = pow %x, %two : f64[2]
  return %y
}
; count: 0 pow
; count: 1 mul
; input: %x = [-3, 0.5]
; expect: [9, 0.25]
