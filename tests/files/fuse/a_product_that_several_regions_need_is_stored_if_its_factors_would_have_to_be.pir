; test fuse
; Both factors are dear and in registers of one region: what is not stored of %p would be stored of %a and %b.
func @f(%x: f32[300,200]) -> (f32[300], f32[200]) {
  %a = exp %x : f32[300,200]
  %b = sin %x : f32[300,200]
  %p = mul %a, %b : f32[300,200]
  %r = reduce add %p, axes=[1] : f32[300]
  %c = reduce add %p, axes=[0] : f32[200]
  return %r, %c
}
; check: stores %p
; check: %p is stored: its consumers are in several regions
