; test grad wrt=n
func @f(%n: f64, %x: f64) -> f64 {
  %y = polygamma %n, %x : f64 ; error: polygamma cannot be differentiated with respect to %n: its order is an integer
  return %y
}
