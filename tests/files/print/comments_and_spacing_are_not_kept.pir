; test print
; a remark
func @f ( %x : f32 [ 2 ] , ) -> ( f32[2] ) { ; another
  %a
    = neg %x
    : f32[2]    return %a }
; output:
; func @f(%x: f32[2]) -> f32[2] {
;   %a = neg %x : f32[2]
;   return %a
; }
