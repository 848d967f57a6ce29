; test grad wrt=x
func @f(%x: f64, %key: i32[2]) -> f64 {
  %n = convert %x : i32
  %k = broadcast %n, dims=[] : i32[2]
  %b = random_bits %k : i32
  %r = convert %b : f64
  %y = mul %r, %x : f64
  return %y
}
; input: %x = 0.5, %key = [0, 0]
; expect: 1797259609.0
