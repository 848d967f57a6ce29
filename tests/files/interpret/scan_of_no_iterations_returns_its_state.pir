; test interpret
func @f(%h: f32, %x: f32[0]) -> (f32, f32[0,2]) {
  %p, %y = scan %h, %x, length=0, consts=0, carry=1 : f32, f32[0,2]
    body(%h1: f32, %x1: f32) {
      %r = broadcast %x1, dims=[] : f32[2]
      yield %x1, %r
    }
  return %p, %y
}
; input: %h = 7.0, %x = []
; expect: 7.0
; expect: []
