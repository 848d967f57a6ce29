; test interpret
func @f0(%x: f64[6]) -> f64[6] {
  %y = sign %x : f64[6]
  return %y
}
; input: %x = [-2.5, -0.0, 0.0, 7.0, inf, nan]
; expect: [-1.0, -0.0, 0.0, 1.0, 1.0, nan]

func @f1(%x: i32[3]) -> i32[3] {
  %y = sign %x : i32[3]
  return %y
}
; input: %x = [-9, 0, 9]
; expect: [-1, 0, 1]

func @f2(%x: u8[2]) -> u8[2] {
  %y = sign %x : u8[2]
  return %y
}
; input: %x = [0, 9]
; expect: [0, 1]
