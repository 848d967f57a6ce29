; test grad function=f
; check-not: call
; input: %x = 2.0
; expect: 32.0

func @f(%x: f64) -> f64 {
  %a = call @square %x : f64
  %b = call @square %a : f64
  return %b
}

func @square(%x: f64) -> f64 {
  %y = mul %x, %x : f64
  return %y
}
