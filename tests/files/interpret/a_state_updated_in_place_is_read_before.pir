; test interpret
func @f(%x: i32[3]) -> (i32[3], i32[3,3]) {
  %zero = constant 0 : i32
  %empty = constant 0 : i32[3]
  %p, %i, %y = scan %empty, %zero, %x, length=3, consts=0, carry=2 : i32[3], i32, i32[3,3]
    body(%m: i32[3], %j: i32, %e: i32) {
      %u = reshape %e : i32[1]
      %n = dynamic_update_slice %m, %u, %j : i32[3]
      %one = constant 1 : i32
      %k = add %j, %one : i32
      yield %n, %k, %m
    }
  return %p, %y
}
; input: %x = [7, 8, 9]
; expect: [7, 8, 9]
; expect: [[0, 0, 0], [7, 0, 0], [7, 8, 0]]
