; test interpret
func @f(%x: f32[3]) -> (f32[3], f32[3], f32[3]) {
  %a = cumulative max %x, axis=0 : f32[3]
  %b = cumulative min %x, axis=0 : f32[3]
  %c = cumulative add %x, axis=0 : f32[3]
  return %a, %b, %c
}
; input: %x = [-0.0, nan, 1.0]
; expect: [-0.0, nan, nan]
; expect: [-0.0, nan, nan]
; expect: [0.0, nan, nan]
