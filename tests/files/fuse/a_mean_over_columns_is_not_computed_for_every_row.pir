; test fuse
; The sum is stored anyway, so it is stored as the mean.

func @f(%x: f32[64,8]) -> f32[64,8] {
  %sum = reduce add %x, axes=[0] : f32[8]
  %n = constant 0.015625 : f32[8]
  %mean = mul %sum, %n : f32[8]
  %b = broadcast %mean, dims=[1] : f32[64,8]
  %c = sub %x, %b : f32[64,8]
  return %c
}
; check: stores %mean
; check: %mean is stored: each position is needed many times, and what it is computed from is stored otherwise
; check: stores %c
