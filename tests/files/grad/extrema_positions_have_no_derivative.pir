; test grad mode=vjp wrt=x
func @f(%x: f64[3]) -> f64[1] {
  %i = argmax %x, axis=0 : i32
  %j = argmin %x, axis=0 : i32
  %k = sub %i, %j : i32
  %y = dynamic_slice %x, %k : f64[1]
  return %y
}
; input: %x = [1.0, 2.0, 5.0], %y_ct = [3.0]
; expect: [5.0]
; expect: [0.0, 0.0, 3.0]
