; test fuse
func @f(%x: f32[4096,64], %y: f32[2,64]) -> (f32[3,64], f32[64]) {
  %e = exp %x : f32[4096,64]
  %s = reduce add %e, axes=[0] : f32[64]
  %t = reshape %s : f32[1,64]
  %d = add %t, %t : f32[1,64]
  %c = concatenate %d, %y, axis=0 : f32[3,64]
  %q = mul %e, %x : f32[4096,64]
  %r = reduce add %q, axes=[0] : f32[64]
  return %c, %r
}
; check: %s is stored: what it folds may be at hand elsewhere
