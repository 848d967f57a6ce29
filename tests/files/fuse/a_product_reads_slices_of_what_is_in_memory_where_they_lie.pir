; test fuse
func @f(%x: f32[64,192], %w: f32[64,192]) -> f32[64,64] {
  %p = dot %x, %w, contract=[0]x[0] : f32[192,192]
  %k = slice %w, start=[0,128], limit=[64,192] : f32[64,64]
  %v = slice %p, start=[1,64], limit=[192,128], stride=[3,1] : f32[64,64]
  %e = slice %p, start=[0,1], limit=[64,192], stride=[1,3] : f32[64,64]
  %y = dot %v, %k, contract=[1]x[0] : f32[64,64]
  %z = dot %e, %y, contract=[1]x[0] : f32[64,64]
  return %z
}
; check: region 0: packed matrix product, stores %p
; check: region 1: loop over [64,64], stores %e
; check: region 2: packed matrix product, stores %y
; check: region 3: packed matrix product, stores %z
