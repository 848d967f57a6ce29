; test verify
func @f(%x: f32[2,3]) {
  %a = reduce add %x : f32 ; error: `reduce` lacks its attribute `axes=[…]`
  %b = reverse %x, dims=[0] : f32[2,3] ; error: `reverse` lacks its attribute `axes=[…]`
  %c = neg %x, axes=[0] : f32[2,3] ; error: `neg` has no attribute `axes`, expected none
  %d = reverse %x, axes=[-1] : f32[2,3] ; error: found -1, expected at least 0
  return
}
