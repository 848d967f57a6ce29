; test interpret
func @f(%x: f32[2], %n: i32) -> (f32[2], i32, i32) {
  %a, %b, %c = optimization_barrier %x, %n, %n : f32[2], i32, i32
  %d = add %b, %c : i32
  return %a, %c, %d
}
; input: %x = [1.0, nan], %n = 3
; expect: [1.0, nan]
; expect: 3
; expect: 6
