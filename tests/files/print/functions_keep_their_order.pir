; test print
func @b() {
  return
}

func @a() {
  return
}
