; test optimize pass=expand_operations
func @f(%x: f64[4], %s: f64[2]) -> (f64[2], f64[4], i32) {
  %y = reduce_window max %x, size=[2], stride=[2] : f64[2]
  %z = select_and_scatter max %x, %s, size=[2], stride=[2] : f64[4]
  %a = argmax %x, axis=0 : i32
  return %y, %z, %a
}
; count: 0 reduce_window
; count: 0 select_and_scatter
; count: 0 argmax
; input: %x = [3, 1, 4, nan], %s = [10, 20]
; expect: [3, nan]
; expect: [10, 0, 0, 20]
; expect: 3
