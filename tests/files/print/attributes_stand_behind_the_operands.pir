; test print
func @f(%x: f32[2,3], %y: f32[2,3,4], %z: f32[2,4,5], %v: f32, %p: bool[2,3]) {
  %a = iota axis=1 : i32[2,3]
  %b = transpose %x, perm=[1,0] : f32[3,2]
  %c = slice %x, start=[0,0], limit=[2,3], stride=[1,2] : f32[2,2]
  %d = pad %x, %v, low=[1,-1], high=[0,2], interior=[0,1] : f32[3,6]
  %e = concatenate %x, %x, axis=0 : f32[4,3]
  %f = dot %y, %z, batch=[0]x[0], contract=[2]x[1] : f32[2,3,5]
  %g = reverse %x, axes=[0,1] : f32[2,3]
  %h = broadcast %v, dims=[] : f32[7]
  %i = reduce max %x, axes=[1] : f32[2]
  %j = compare ge %x, %x : bool[2,3]
  %k = convert %p : f64[2,3]
  return
}
