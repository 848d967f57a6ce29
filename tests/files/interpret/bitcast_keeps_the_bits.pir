; test interpret
func @f(%x: f32[3], %n: i64[2]) -> (i32[3], f64[2]) {
  %bits = bitcast %x : i32[3]
  %y = bitcast %n : f64[2]
  return %bits, %y
}
; input: %x = [1.0, -0.0, inf], %n = [4607182418800017408, -9223372036854775808]
; expect: [1065353216, -2147483648, 2139095040]
; expect: [1.0, -0.0]
