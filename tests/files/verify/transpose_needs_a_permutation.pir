; test verify
func @f(%x: f32[2,3]) {
  %y = transpose %x, perm=[1,1] : f32[3,3] ; error: perm [1, 1] is not a permutation of the 2 axes of f32[2,3]
  return
}
