; test fuse
; %t and %b both read %s at its positions, but %b also waits for %c, whose region waits for %t: one loop for %t and %b could
; not run before nor after that of %c.

func @f(%x: f32[8], %y: f32[8]) -> (f32[8], f32[8], f32[8]) {
  %s = exp %x : f32[8]
  %c = cos %y : f32[8]
  %cr = reverse %c, axes=[0] : f32[8]
  %b = add %cr, %s : f32[8]
  %t = sqrt %s : f32[8]
  %tr = reverse %t, axes=[0] : f32[8]
  %u = mul %tr, %c : f32[8]
  return %b, %t, %u
}
; check: region 0: loop over [8], stores %s, %t
; check: region 1: loop over [8], stores %c, %u
; check: region 2: loop over [8], stores %b
