; test verify
func @f(%p: bool, %i: i64, %x: f32) -> f32 {
  %y = cond %p, %x : f32 ; error: what region 1 yields: 2 values, expected 1
    then(%a: f32) {
      yield %a
    }
    else(%b: f32) {
      yield %b, %b
    }
  %z = switch %i, %x : f32 ; error: the region is selected by i64, expected i32
    case(%c: f32) {
      yield %c
    }
  return %y
}
