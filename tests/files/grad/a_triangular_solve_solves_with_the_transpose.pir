; test grad mode=vjp
func @f(%a: f64[2,2], %b: f64[2,1]) -> f64[2,1] {
  %x = triangular_solve %a, %b, left=true, lower=true : f64[2,1]
  return %x
}
; count: 2 triangular_solve
; input: %a = [[2.0, 99.0], [1.0, 4.0]], %b = [[2.0], [9.0]], %x_ct = [[1.0], [1.0]]
; expect: [[1.0], [2.0]]
; expect: [[-0.375, 0.0], [-0.25, -0.5]]
; expect: [[0.375], [0.25]]
