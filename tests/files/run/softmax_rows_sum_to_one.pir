; test run
func @f(%x: f64[2,3]) -> (f64[2,3], f64[2]) {
  %m = reduce max %x, axes=[1] : f64[2]
  %mb = broadcast %m, dims=[0] : f64[2,3]
  %c = sub %x, %mb : f64[2,3]
  %e = exp %c : f64[2,3]
  %s = reduce add %e, axes=[1] : f64[2]
  %sb = broadcast %s, dims=[0] : f64[2,3]
  %y = div %e, %sb : f64[2,3]
  %one = reduce add %y, axes=[1] : f64[2]
  return %y, %one
}
; input: %x = [[1, 2, 3], [1000, 1000, 1000]]
; expect: [[0.09003057317038046, 0.24472847105479764, 0.6652409557748218], [0.3333333333333333, 0.3333333333333333, 0.3333333333333333]] ~ 1e-15
; expect: [1, 1] ~ 1e-15
