; test optimize pass=simplify_control_flow
func @f(%x: f64[1], %w: f64) -> (f64, f64[1]) {
  %a, %ys = scan %w, %x, length=1, consts=0, carry=1 : f64, f64[1]
    body(%s: f64, %e: f64) {
      %t = add %s, %e : f64
      yield %t, %s
    }
  return %a, %ys
}
; count: 0 scan
; count: 1 add
; input: %x = [2], %w = 3
; expect: 5
; expect: [3]
