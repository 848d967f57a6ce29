; test interpret
func @f(%x: f64[2,3], %n: i32[3]) -> (i32[2], i32) {
  %a = argmin %x, axis=1 : i32[2]
  %b = argmin %n, axis=0 : i32
  return %a, %b
}
; input: %x = [[3.0, -0.0, 0.0], [-inf, nan, nan]], %n = [4, -7, -7]
; expect: [1, 1]
; expect: 1
