; test verify
func @f(%x: f32[2,3,5], %k: f32[4,3,2], %l: f32[3,1,2]) -> f32[2,3,5] {
  %a = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], feature_groups=2 : f32[2,4,4] ; error: 3 input features, expected 2 groups of the kernel's 3
  %b = conv %x, %l, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], feature_groups=3, batch_groups=2 : f32[2,3,4] ; error: feature_groups=3 and batch_groups=2, expected at least 1 and one of them 1
  %c = conv %x, %k, lhs=[0,1,1], rhs=[0,1,2], out=[0,1,2] : f32[2,4,4] ; error: axis 1 of the lhs operand is named twice
  %d = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], stride=[0] : f32[2,4,4] ; error: axis 2: size 2, stride 0, dilation 1, expected at least 1
  return %x
}
