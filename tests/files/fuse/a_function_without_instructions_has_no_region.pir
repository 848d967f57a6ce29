; test fuse
func @f(%x: f32[4]) -> f32[4] {
  return %x
}
; check-not: region
; check: return %x
; input: %x = [1, nan, -0.0, inf]
; expect: [1, nan, -0.0, inf]
