package main

import (
	"slices"
	"time"
)

// A spread is what is told of many measurements, in microseconds.
type spread struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
}

func spreadOf(all []time.Duration) spread {
	return spread{len(all), quantile(all, 0.5), quantile(all, 0.9)}
}

// quantile is the smallest measurement that at least this part of all do not
// exceed, in microseconds.
func quantile(all []time.Duration, part float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	i := min(int(part*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Nanoseconds()) / 1000
}

// medianOf is the middle of plain numbers.
func medianOf(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
