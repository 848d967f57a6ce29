; test print
func @f(%9: f32, %x: f32) -> f32 {
  %5 = add %9, %x : f32
  %3 = mul %5, %5 : f32
  return %3
}
; check: func @f(%0: f32, %x: f32) -> f32 {
; check: %1 = add %0, %x
; check: %2 = mul %1, %1
; check: return %2
