; test interpret
func @f(%p: bool, %x: f32) -> f32 {
  %y = cond %p, %x : f32
    then(%a: f32) {
      %b = neg %a : f32
      yield %b
    }
    else(%c: f32) {
      %d = sqrt %c : f32
      yield %d
    }
  return %y
}
; input: %p = true, %x = -4.0
; expect: 4.0
; input: %p = false, %x = 9.0
; expect: 3.0
