; test interpret
func @f(%x: i32[2,3]) -> (i32, i32[2,3]) {
  %zero = constant 0 : i32
  %p, %y = scan %zero, %x, length=2, consts=0, carry=1 : i32, i32[2,3]
    body(%s: i32, %row: i32[3]) {
      %t, %r = scan %s, %row, length=3, consts=0, carry=1 : i32, i32[3]
        body(%u: i32, %e: i32) {
          %v = add %u, %e : i32
          yield %v, %v
        }
      yield %t, %r
    }
  return %p, %y
}
; input: %x = [[1, 2, 3], [10, 20, 30]]
; expect: 66
; expect: [[1, 3, 6], [16, 36, 66]]
