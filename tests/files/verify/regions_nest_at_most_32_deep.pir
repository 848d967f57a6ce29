; test verify
func @f(%x: f32) -> f32 {
  %y0 = checkpoint %x : f32
    body(%a1: f32) {
  %y1 = checkpoint %a1 : f32
    body(%a2: f32) {
  %y2 = checkpoint %a2 : f32
    body(%a3: f32) {
  %y3 = checkpoint %a3 : f32
    body(%a4: f32) {
  %y4 = checkpoint %a4 : f32
    body(%a5: f32) {
  %y5 = checkpoint %a5 : f32
    body(%a6: f32) {
  %y6 = checkpoint %a6 : f32
    body(%a7: f32) {
  %y7 = checkpoint %a7 : f32
    body(%a8: f32) {
  %y8 = checkpoint %a8 : f32
    body(%a9: f32) {
  %y9 = checkpoint %a9 : f32
    body(%a10: f32) {
  %y10 = checkpoint %a10 : f32
    body(%a11: f32) {
  %y11 = checkpoint %a11 : f32
    body(%a12: f32) {
  %y12 = checkpoint %a12 : f32
    body(%a13: f32) {
  %y13 = checkpoint %a13 : f32
    body(%a14: f32) {
  %y14 = checkpoint %a14 : f32
    body(%a15: f32) {
  %y15 = checkpoint %a15 : f32
    body(%a16: f32) {
  %y16 = checkpoint %a16 : f32
    body(%a17: f32) {
  %y17 = checkpoint %a17 : f32
    body(%a18: f32) {
  %y18 = checkpoint %a18 : f32
    body(%a19: f32) {
  %y19 = checkpoint %a19 : f32
    body(%a20: f32) {
  %y20 = checkpoint %a20 : f32
    body(%a21: f32) {
  %y21 = checkpoint %a21 : f32
    body(%a22: f32) {
  %y22 = checkpoint %a22 : f32
    body(%a23: f32) {
  %y23 = checkpoint %a23 : f32
    body(%a24: f32) {
  %y24 = checkpoint %a24 : f32
    body(%a25: f32) {
  %y25 = checkpoint %a25 : f32
    body(%a26: f32) {
  %y26 = checkpoint %a26 : f32
    body(%a27: f32) {
  %y27 = checkpoint %a27 : f32
    body(%a28: f32) {
  %y28 = checkpoint %a28 : f32
    body(%a29: f32) {
  %y29 = checkpoint %a29 : f32
    body(%a30: f32) {
  %y30 = checkpoint %a30 : f32
    body(%a31: f32) {
  %y31 = checkpoint %a31 : f32
    body(%a32: f32) {
  %y32 = checkpoint %a32 : f32
    body(%a33: f32) { ; error: regions nest deeper than 32
      yield %a33
    }
      yield %y32
    }
      yield %y31
    }
      yield %y30
    }
      yield %y29
    }
      yield %y28
    }
      yield %y27
    }
      yield %y26
    }
      yield %y25
    }
      yield %y24
    }
      yield %y23
    }
      yield %y22
    }
      yield %y21
    }
      yield %y20
    }
      yield %y19
    }
      yield %y18
    }
      yield %y17
    }
      yield %y16
    }
      yield %y15
    }
      yield %y14
    }
      yield %y13
    }
      yield %y12
    }
      yield %y11
    }
      yield %y10
    }
      yield %y9
    }
      yield %y8
    }
      yield %y7
    }
      yield %y6
    }
      yield %y5
    }
      yield %y4
    }
      yield %y3
    }
      yield %y2
    }
      yield %y1
    }
  return %y0
}
