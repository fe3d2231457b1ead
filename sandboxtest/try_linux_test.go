package sandboxtest

import ("testing";"os";"strings")

func TestTry(t *testing.T) {
	run := In(t.Context())
	if s := os.Getenv("THROUGH"); s != "" { run = Through(strings.Fields(s)...) }
	var pats []string
	if s := os.Getenv("PATS"); s != "" { pats = strings.Fields(s) }
	tb, err := Audit(t.Context(), run, pats...)
	if err != nil { t.Fatal(err) }
	t.Log("\n"+tb.String())
}
