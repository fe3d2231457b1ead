package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// sample are results with something in every section.
func sample() *results {
	us := func(median float64) spread { return spread{10, median, 2 * median} }
	r := &results{
		LeftOut: []string{"nsjail: not installed"},
		Latency: []latency{{plainExec, us(400)}, {libraryCold, us(2400)}, {floorRoot, us(2000)}, {"bubblewrap", us(9000)}},
		Layers:  []latency{{"view", us(1000)}, {"+ network namespace", us(1700)}, {"+ Landlock", us(1690)}},
		Facts:   []facts{{Way: libraryCold, Namespaces: namespaces, UID: 65534, Mounts: 25}},
		Rates:   []rate{{plainExec, 1, 2000}, {plainExec, 64, 3500}, {libraryCold, 1, 400}, {libraryCold, 64, 900}},
		Scale:   []scale{{"nothing", 400, 600, 2500, 3000}, {"network namespace", 600, 900, 1900, 2000}, {"all", 1200, 2000, 700, 800}},
		Memory:  []memory{{libraryCold, 2, 40 << 10, 8 << 10, 48 << 10, 300 << 10}},
		Heap:    []heap{{10 << 20, us(2400), us(1500)}, {4 << 30, us(3000), spread{}}},
		Live:    []live{{10, us(2000), us(400), us(2400)}, {1000, us(2200), us(600), us(2800)}},
		Steady:  []steady{{"outside", map[string]float64{"getpid": 60}}},
		Filters: []loaded{{"no filter", 0, 0, nil}, {ownFilter, 80, 50_000, nil}, {elasticFilter, 360, 200_000, nil}},
		When:    time.Unix(0, 0),
	}
	r.Budgets = budgets(r)
	return r
}

func TestPage(t *testing.T) {
	page, err := renderPage(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| this library        |      2.40 |   4.80 |      6.00 |      1.20 |     10 |",
		"| network namespace |        600 |",
		"could start 21333 a second",
		"(network namespace, 1200)",
		"nsjail: not installed",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if _, err := renderPage(&results{}); err != nil {
		t.Errorf("a page without figures: %v", err)
	}
}

func TestBudgets(t *testing.T) {
	verdicts := map[string]string{}
	for _, b := range budgets(sample()) {
		verdicts[b.What] = b.Verdict()
	}
	for what, want := range map[string]string{
		"a cold start, all protections and limits, against a C program that makes the same calls": "met",
		"a cold start against bubblewrap":                                               "met",
		"a cold start against nsjail":                                                   "not measured",
		"a start from a warm pool against plain os/exec":                                "not measured",
		"a start in a host with a heap of 4 GiB against one of 10 MB":                   "**not met**",
		"loading the default filter, against the same policy by elastic/go-seccomp-bpf": "met",
		"memory of an idle sandbox: the launcher's process":                             "met",
		"the start of the 1,000th sandbox against the 10th":                             "met",
	} {
		if verdicts[what] != want {
			t.Errorf("%s: %q, want %q", what, verdicts[what], want)
		}
	}
}

func TestPlotsAreXML(t *testing.T) {
	r := sample()
	for name, plot := range map[string]string{"start": latencyPlot(r.Latency), "layers": layersPlot(r.Layers), "rate": ratesPlot(r.Rates)} {
		if strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
			t.Errorf("%s has a coordinate that is no number", name)
		}
		d := xml.NewDecoder(strings.NewReader(plot))
		var err error
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
