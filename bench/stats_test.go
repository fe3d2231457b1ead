package main

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := 10; i > 0; i-- {
		all = append(all, time.Duration(i)*time.Microsecond)
	}
	for _, c := range []struct{ part, want float64 }{{0, 1}, {0.5, 6}, {0.9, 10}, {1, 10}} {
		if got := quantile(all, c.part); got != c.want {
			t.Errorf("quantile %v is %v, want %v", c.part, got, c.want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
