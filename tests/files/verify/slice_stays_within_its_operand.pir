; test verify
func @f(%x: f32[5]) {
  %a = slice %x, start=[2], limit=[6] : f32[4] ; error: axis 0: the positions 2 to 6 are not within the extent 5
  %b = slice %x, start=[0], limit=[5], stride=[0] : f32[5] ; error: a stride of 0, expected at least 1
  %c = slice %x, start=[0,0], limit=[5,5] : f32[5] ; error: start has 2 entries
  return
}
