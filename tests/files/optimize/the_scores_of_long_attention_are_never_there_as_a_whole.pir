; test optimize
func @attention(%q: f32[4096,32], %k: f32[8192,32], %v: f32[8192,32]) -> f32[4096,32] {
  %s = dot %q, %k, contract=[1]x[1] : f32[4096,8192]
  %m = reduce max %s, axes=[1] : f32[4096]
  %b = broadcast %m, dims=[0] : f32[4096,8192]
  %t = sub %s, %b : f32[4096,8192]
  %e = exp %t : f32[4096,8192]
  %l = reduce add %e, axes=[1] : f32[4096]
  %d = broadcast %l, dims=[0] : f32[4096,8192]
  %p = div %e, %d : f32[4096,8192]
  %o = dot %p, %v, contract=[1]x[0] : f32[4096,32]
  return %o
}
; count: 1 scan
; check: length=16, consts=1, carry=3
; check: %o_so_far
; check: %m_now = max %m_so_far,
; check: %scale = exp
; check: %e = exp
; check: mul %o_so_far,
; check: yield %m_now, %l_now, %o_now
; check-not: ,8192]
; count: 1 div
