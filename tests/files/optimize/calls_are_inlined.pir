; test optimize pass=inline_calls
; count: 0 call
; count: 2 neg
; input: %x = 3
; expect: 3

func @main(%x: f64) -> f64 {
  %a = call @g %x : f64
  %b = call @g %a : f64
  return %b
}

func @g(%x: f64) -> f64 {
  %y = neg %x : f64
  return %y
}
