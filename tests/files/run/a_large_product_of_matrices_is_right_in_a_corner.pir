; test run
func @f(%x: f32[65], %y: f32[67]) -> (f32[2,2], f32) {
  %i = broadcast %x, dims=[0] : f32[65,70]
  %j = broadcast %y, dims=[1] : f32[70,67]
  %z = dot %i, %j, contract=[1]x[0] : f32[65,67]
  %corner = slice %z, start=[63,65], limit=[65,67] : f32[2,2]
  %s = reduce max %z, axes=[0,1] : f32
  return %corner, %s
}
; input: %x = 0.5, %y = 2.0
; expect: 70
; expect: 70
