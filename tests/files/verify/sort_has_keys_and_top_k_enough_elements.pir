; test verify
func @f(%x: f32[4], %y: f32[3]) -> f32[4] {
  %a = sort %x, axis=0, keys=2 : f32[4] ; error: 2 keys, expected 1 to 1
  %b, %c = sort %x, %y, axis=0, keys=1 : f32[4], f32[3] ; error: operands of types f32[4] and f32[3], expected one shape
  %d, %e = top_k %x, k=5 : f32[5], i32[5] ; error: the 5 largest of 4 elements of f32[4]
  return %x
}
