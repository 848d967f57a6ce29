; test run derive wrt=w
func @loss(%x: f64[2,2], %w: f64[2]) -> f64 {
  %y = dot %x, %w, contract=[1]x[0] : f64[2]
  %sq = mul %y, %y : f64[2]
  %s = reduce add %sq, axes=[0] : f64
  return %s
}
; input: %x = [[1, 2], [3, 4]], %w = [1, -1]
; expect: 2
; expect: [-8, -12]
