; test print
func @f(%x: f32) {
  %a = neg %x : f32 at "model.rs":3:14
  %b = neg %a : f32 at node "block/1" from "a" by "jvp of neg"
  return
}
; check: %a = neg %x : f32
; check: %b = neg %a : f32
; check-not: model.rs
; check-not: from
