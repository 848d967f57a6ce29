; test run
func @f(%x: f64[2,3], %w: f64[3,2], %b: f64[2]) -> f64[2,2] {
  %y = dot %x, %w, contract=[1]x[0] : f64[2,2]
  %bias = broadcast %b, dims=[1] : f64[2,2]
  %z = add %y, %bias : f64[2,2]
  return %z
}
; input: %x = [[1, 2, 3], [4, 5, 6]], %w = [[1, 0], [0, 1], [1, 1]], %b = [10, 20]
; expect: [[14, 25], [20, 31]]
