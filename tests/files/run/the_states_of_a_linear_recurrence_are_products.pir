; test run
; A product reads the row of a stack and stores another state.
func @f(%x: f32[600], %z: f32[600], %w: f32[600,600]) -> (f32[600], f32[600]) {
  %c, %s = scan %w, %x, length=4, consts=1, carry=1 : f32[600], f32[4,600]
    body(%v: f32[600,600], %y: f32[600]) {
      %n = dot %v, %y, contract=[1]x[0] : f32[600]
      yield %n, %y
    }
  %t = scan %z, %s, length=4, consts=0, carry=1 : f32[600]
    body(%a: f32[600], %r: f32[600]) {
      %d = sub %r, %a : f32[600]
      yield %d
    }
  return %c, %t
}
; input: %x = 1.0, %z = 0.0, %w = 0.005
; expect: 81.0 ~ 1e-5
; expect: 20.0 ~ 1e-5
