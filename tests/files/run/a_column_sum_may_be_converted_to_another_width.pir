; test run
; Vectors of f64 have two lanes and vectors of i32 four, so the conversion of the sums rules vectors out.

func @f(%x: f64[3,4]) -> i32[4] {
  %sum = reduce add %x, axes=[0] : f64[4]
  %n = convert %sum : i32[4]
  return %n
}
; input: %x = [[1.0, 2.0, 3.0, 4.0], [0.25, 0.5, 0.75, 1.0], [10.0, 20.0, 30.0, -40.0]]
; expect: [11, 22, 33, -35]
