; test grad mode=forward wrt=x
func @f(%x: f64[3]) -> f64[3] {
  %y = sort %x, axis=0, keys=1, descending=true : f64[3]
  return %y
}
; input: %x = [1.0, 3.0, 2.0], %x_t = [10.0, 20.0, 30.0]
; expect: [3.0, 2.0, 1.0]
; expect: [20.0, 30.0, 10.0]
