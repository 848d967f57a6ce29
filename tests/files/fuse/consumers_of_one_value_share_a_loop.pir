; test fuse
; Both read %e at the same positions and neither needs the other: one loop, and %e stays in registers.

func @f(%x: f32[16]) -> (f32[16], f32[16]) {
  %e = exp %x : f32[16]
  %a = neg %e : f32[16]
  %b = mul %e, %e : f32[16]
  return %a, %b
}
; check: region 0: loop over [16], stores %a, %b; 1 values stay in registers, 64 bytes not stored
; check-not: region 1
