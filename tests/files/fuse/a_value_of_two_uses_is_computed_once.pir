; test fuse
func @f(%x: f32[32]) -> (f32[32], f32[32]) {
  %e = exp %x : f32[32]
  %a = neg %e : f32[32]
  %b = mul %e, %e : f32[32]
  return %a, %b
}
; count: 1 exp
; input: %x = 0
; expect: -1
; expect: 1
