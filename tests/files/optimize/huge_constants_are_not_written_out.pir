; test optimize
func @f(%x: f32[1000000,1000000]) -> f32[1000000,1000000] {
  %a = constant 1.0 : f32[1000000,1000000]
  %b = constant 2.0 : f32[1000000,1000000]
  %c = add %a, %b : f32[1000000,1000000]
  %d = mul %x, %c : f32[1000000,1000000]
  return %d
}
; count: 0 add
; check: mul %x
