; test interpret
func @f(%key: i32[2]) -> (i32[2,2], i32[2]) {
  %x = random_bits %key : i32[2,2]
  %y = random_bits %key : i32[2]
  return %x, %y
}
; input: %key = [0, 0]
; expect: [[1797259609, 1351547692], [1688610540, -1196702511]]
; expect: [1797259609, 1351547692]
