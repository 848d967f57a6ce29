; test fuse
func @f(%x: f32[64,64]) -> f32 {
  %y = mul %x, %x : f32[64,64]
  %z = reduce add %y, axes=[0,1] : f32
  return %z
}
; check: ; region 0: loop over [], stores %z
; check-not: region 1
; input: %x = 0.5
; expect: 1024
