; test grad mode=vjp wrt=x
func @f(%x: f64, %n: i32) -> (f64, i32) {
  %a, %b = optimization_barrier %x, %n : f64, i32
  return %a, %b
}
; count: 2 optimization_barrier
; input: %x = 2.0, %n = 5, %a_ct = 7.0
; expect: 2.0
; expect: 5
; expect: 7.0
