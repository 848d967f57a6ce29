; test run
func @f(%x: i32[5], %y: u8[5], %p: bool[5], %z: i64[5]) -> (i32[5], u8[5], bool[5], i64[5], i32) {
  %a = mul %x, %x : i32[5]
  %b = add %y, %y : u8[5]
  %q = not %p : bool[5]
  %zero = constant 0 : i64[5]
  %c = select %p, %z, %zero : i64[5]
  %d = reduce max %x, axes=[0] : i32
  return %a, %b, %q, %c, %d
}
; input: %x = [65536, -3, 0, 7, 46341], %y = [200, 1, 2, 3, 128], %p = [true, false, true, false, true], %z = [1, 2, 3, 4, -9223372036854775808]
; expect: [0, 9, 0, 49, -2147479015]
; expect: [144, 2, 4, 6, 0]
; expect: [false, true, false, true, false]
; expect: [1, 0, 3, 0, -9223372036854775808]
; expect: 65536
