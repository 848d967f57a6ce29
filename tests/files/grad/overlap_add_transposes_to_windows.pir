; test grad mode=vjp
func @f(%x: f64[3,2]) -> f64[4] {
  %y = overlap_add %x, axes=[0], size=[2] : f64[4]
  return %y
}
; check: windows %y_ct
; input: %x = [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]], %y_ct = [1.0, 2.0, 3.0, 4.0]
; expect: [1.0, 12.0, 120.0, 200.0]
; expect: [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
