; test clif
func @f(%x: f64[64]) -> f64[64] {
  %y = sqrt %x : f64[64]
  return %y
}
; check: load.f64x2
; check: sqrt
