package main

import "time"

// results are the figures of a run. A part that was not measured is empty.
type results struct {
	Machine machine   `json:"machine"`
	When    time.Time `json:"when"`
	Quick   bool      `json:"quick"`             // a tenth of the starts
	LeftOut []string  `json:"leftOut,omitempty"` // rivals that are not installed
	Latency []latency `json:"latency,omitempty"`
	Layers  []latency `json:"layers,omitempty"`
	Facts   []facts   `json:"facts,omitempty"`
	Rates   []rate    `json:"rates,omitempty"`
	Scale   []scale   `json:"scale,omitempty"`
	Memory  []memory  `json:"memory,omitempty"`
	Heap    []heap    `json:"heap,omitempty"`
	Live    []live    `json:"live,omitempty"`
	Steady  []steady  `json:"steady,omitempty"`
	Filters []loaded  `json:"filters,omitempty"`
	Budgets []budget  `json:"budgets,omitempty"`
}
