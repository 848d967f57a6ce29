; test grad mode=vjp wrt=x
func @f(%x: f64[3], %i: i32[4]) -> (f64[4], f64[4]) {
  %y = gather %x, %i, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1] : f64[4]
  %z = gather %x, %i, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=drop, sizes=[1] : f64[4]
  return %y, %z
}
; check: scatter add
; input: %x = [1.0, 2.0, 3.0], %i = [1, 1, -1, 7], %y_ct = [1.0, 2.0, 4.0, 8.0], %z_ct = [10.0, 20.0, 40.0, 80.0]
; expect: [2.0, 2.0, 1.0, 3.0]
; expect: [2.0, 2.0, 0.0, 0.0]
; expect: [4.0, 33.0, 8.0]
