; test grad mode=vjp
func @f(%a: f64[2,2]) -> f64[2,2] {
  %l = cholesky %a : f64[2,2]
  return %l
}
; check: triangular_solve
; input: %a = [[4.0, 99.0], [2.0, 5.0]], %l_ct = [[1.0, 77.0], [1.0, 1.0]]
; expect: [[2.0, 0.0], [1.0, 2.0]]
; expect: [[0.1875, 0.0], [0.25, 0.25]] ~ 1e-15
