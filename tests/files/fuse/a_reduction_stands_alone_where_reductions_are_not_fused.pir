; test fuse fusion=elementwise
func @f(%x: f32[512,512]) -> (f32[512], f32[512,512]) {
  %n = neg %x : f32[512,512]
  %e = exp %n : f32[512,512]
  %a = abs %e : f32[512,512]
  %s = reduce add %a, axes=[1] : f32[512]
  %r = sqrt %s : f32[512]
  %t = neg %r : f32[512]
  %y = neg %e : f32[512,512]
  return %t, %y
}
; check: stores %a, %y
; check: %a is stored: fusion of reductions is off
; check: loop over [512], stores %s
; check: %s is stored: fusion of reductions is off
; check: reduce add %a
; check: loop over [512], stores %t; 1 values stay in registers
; check-not: one tile at a time
; input: %x = 0.0
; expect: -22.627417
; expect: -1.0
