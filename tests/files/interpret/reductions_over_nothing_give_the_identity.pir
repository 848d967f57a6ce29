; test interpret
func @f(%x: f32[0], %i: i32[0], %p: bool[0]) -> (f32, f32, f32, f32, i32, i32, bool, bool) {
  %a = reduce add %x, axes=[0] : f32
  %b = reduce mul %x, axes=[0] : f32
  %c = reduce max %x, axes=[0] : f32
  %d = reduce min %x, axes=[0] : f32
  %e = reduce max %i, axes=[0] : i32
  %g = reduce min %i, axes=[0] : i32
  %h = reduce and %p, axes=[0] : bool
  %k = reduce or %p, axes=[0] : bool
  return %a, %b, %c, %d, %e, %g, %h, %k
}
; input: %x = [], %i = [], %p = []
; expect: 0
; expect: 1
; expect: -inf
; expect: inf
; expect: -2147483648
; expect: 2147483647
; expect: true
; expect: false
