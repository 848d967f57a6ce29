; test grad wrt=x
func @f(%x: f32) -> f32 {
  %b = bitcast %x : i32
  %y = bitcast %b : f32
  return %y
}
; input: %x = 3.0
; expect: 0.0
