; test interpret
func @f(%a: f64[2,2], %b: f64[2,1], %c: f64[1,2]) -> (f64[2,1], f64[1,2], f64[2,1]) {
  %x = triangular_solve %a, %b, left=true, lower=true : f64[2,1]
  %y = triangular_solve %a, %c, lower=true : f64[1,2]
  %z = triangular_solve %a, %b, left=true, lower=true, transpose=true, unit=true : f64[2,1]
  return %x, %y, %z
}
; input: %a = [[2.0, nan], [3.0, 4.0]], %b = [[4.0], [14.0]], %c = [[11.0, 4.0]]
; expect: [[2.0], [2.0]]
; expect: [[4.0, 1.0]]
; expect: [[-38.0], [14.0]]
