; test interpret
func @f(%x: i64[3]) -> (i32[3], u8[3]) {
  %y = convert %x : i32[3]
  %z = convert %x : u8[3]
  return %y, %z
}
; input: %x = [4294967297, -1, 300]
; expect: [1, -1, 300]
; expect: [1, 255, 44]
