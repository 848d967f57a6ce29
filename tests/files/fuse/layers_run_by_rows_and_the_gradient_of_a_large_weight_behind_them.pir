; test fuse
func @f(%x: f32[512,784], %w: f32[784,512], %v: f32[512,256]) -> f32 {
  %z = dot %x, %w, contract=[1]x[0] : f32[512,512]
  %h = tanh %z : f32[512,512]
  %y = dot %h, %v, contract=[1]x[0] : f32[512,256]
  %e = exp %y : f32[512,256]
  %l = reduce add %e, axes=[0,1] : f32
  %v_ct = dot %h, %e, contract=[0]x[0] : f32[512,256]
  %h_ct = dot %e, %v, contract=[1]x[1] : f32[512,512]
  %s = mul %h, %h : f32[512,512]
  %z_ct = mul %h_ct, %s : f32[512,512]
  %w_ct = dot %x, %z_ct, contract=[0]x[0] : f32[784,512]
  %a = reduce add %w_ct, axes=[0,1] : f32
  %b = reduce add %v_ct, axes=[0,1] : f32
  %c = add %a, %b : f32
  %d = add %c, %l : f32
  return %d
}
; check: ; tiles over 512 on several threads: regions 0 to
; check: in region 0: along axis 0
; check: packed matrix product, stores %z
; check: packed matrix product, stores %h_ct
; check: in tiles its totals would move more bytes than are saved
; input: %x = 0.0, %w = 0.0, %v = 0.0
; expect: 131072.0
