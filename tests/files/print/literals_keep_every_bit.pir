; test print
func @f() {
  %a = constant 0.1 : f32
  %b = constant [-0.0, 0.0, 1e-45, 3.4028235e38, inf, -inf, nan] : f32[7]
  %c = constant nan:0x7fc00001 : f32
  %d = constant [5e-324, 1.7976931348623157e308] : f64[2]
  %e = constant -9223372036854775808 : i64
  return
}
