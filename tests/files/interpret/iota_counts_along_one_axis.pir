; test interpret
func @wraps() -> u8[3] {
  %c = iota axis=0 : u8[300]
  %d = slice %c, start=[255], limit=[258] : u8[3]
  return %d
}
; expect: [255, 0, 1]

func @rows() -> (i32[2,3], f64[2,3]) {
  %a = iota axis=1 : i32[2,3]
  %b = iota axis=0 : f64[2,3]
  return %a, %b
}
; expect: [[0, 1, 2], [0, 1, 2]]
; expect: [[0, 0, 0], [1, 1, 1]]
