; test fuse
func @f(%x: f32[1024,512], %w: f32[512,4096]) -> f32[1024,4096] {
  %z = dot %x, %w, contract=[1]x[0] : f32[1024,4096]
  %h = tanh %z : f32[1024,4096]
  return %h
}
; check: ; region 0: packed matrix product, stores %z
; check: ; tiles over 1024 on several threads: region 1
; check: loop over [1024,4096], stores %h
; input: %x = 0.0, %w = 0.0
; expect: 0.0
