; test run function=main
func @main(%x: f64[3]) -> (f64[3], f64[3]) {
  %a, %b = call @sin_cos %x : f64[3], f64[3]
  %c = call @sum_of_squares %a, %b : f64[3]
  return %b, %c
}
; input: %x = [0, 1, 2]
; expect: [1, 0.5403023058681398, -0.4161468365471424] ~ 1e-15
; expect: 1 ~ 1e-15

func @sin_cos(%x: f64[3]) -> (f64[3], f64[3]) {
  %s = sin %x : f64[3]
  %c = cos %x : f64[3]
  return %s, %c
}

func @sum_of_squares(%x: f64[3], %y: f64[3]) -> f64[3] {
  %a = mul %x, %x : f64[3]
  %b = mul %y, %y : f64[3]
  %c = add %a, %b : f64[3]
  return %c
}
