; test interpret
func @eq(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare eq %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [false, true, false, false, true]

func @eq_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare eq %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [false, true, false]

func @ne(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare ne %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [true, false, true, true, false]

func @ne_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare ne %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [true, false, true]

func @lt(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare lt %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [true, false, false, false, false]

func @lt_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare lt %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [true, false, false]

func @le(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare le %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [true, true, false, false, true]

func @le_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare le %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [true, true, false]

func @gt(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare gt %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [false, false, false, false, false]

func @gt_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare gt %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [false, false, true]

func @ge(%x: f64[5], %y: f64[5]) -> bool[5] {
  %z = compare ge %x, %y : bool[5]
  return %z
}
; input: %x = [1.0, 2.0, nan, nan, 0.0], %y = [2.0, 2.0, 1.0, nan, -0.0]
; expect: [false, true, false, false, true]

func @ge_i(%x: i32[3], %y: i32[3]) -> bool[3] {
  %z = compare ge %x, %y : bool[3]
  return %z
}
; input: %x = [-1, 5, 9], %y = [1, 5, -9]
; expect: [false, true, true]
