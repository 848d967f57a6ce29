; test print
func @f(%x: f32[4], %v: f32) {
  %a = slice %x, stride=[1], limit=[3], start=[1] : f32[2]
  %b = pad %x, %v, interior=[0], low=[1], high=[0] : f32[5]
  %c = dot %x, %x, batch=[]x[], contract=[0]x[0] : f32
  return
}
; check: slice %x, start=[1], limit=[3] : f32[2]
; check: pad %x, %v, low=[1], high=[0] : f32[5]
; check: dot %x, %x, contract=[0]x[0] : f32
; check-not: stride
; check-not: interior
; check-not: batch
