package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed performance.md.tmpl
var pageText string

// sections are the tables, by the name that the page uses.
var sections = map[string]func(*results) string{
	"budgets": (*results).budgetsTable, "latency": (*results).latencyTable, "layers": (*results).layersTable,
	"facts": (*results).factsTable, "rates": (*results).ratesTable, "scale": (*results).scaleTable,
	"memory": (*results).memoryTable, "heap": (*results).heapTable, "live": (*results).liveTable,
	"steady": (*results).steadyTable, "filters": (*results).filtersTable,
}

// printSummary writes the tables without the page's words.
func printSummary(w io.Writer, r *results) error {
	_, err := fmt.Fprintf(w, "%s\n%s\n\n", r.Machine, r.When.Format("2006-01-02 15:04 UTC"))
	for _, name := range []string{"facts", "latency", "layers", "rates", "scale", "memory", "heap", "live", "steady", "filters", "budgets"} {
		if text := sections[name](r); err == nil && strings.Count(text, "\n") > 2 {
			_, err = fmt.Fprintf(w, "%s\n", text)
		}
	}
	for _, line := range r.LeftOut {
		fmt.Fprintln(w, "left out:", line)
	}
	return err
}

// writePage writes the page and its plots.
func writePage(dir string, r *results) error {
	page, err := renderPage(r)
	if err != nil {
		return err
	}
	files := map[string]string{"performance.md": page}
	if len(r.Latency) > 0 {
		files["performance-start.svg"] = latencyPlot(r.Latency)
	}
	if len(r.Layers) > 0 {
		files["performance-layers.svg"] = layersPlot(r.Layers)
	}
	if len(r.Rates) > 0 {
		files["performance-rate.svg"] = ratesPlot(r.Rates)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func renderPage(r *results) (string, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"table": func(name string) (string, error) {
			section, ok := sections[name]
			if !ok {
				return "", fmt.Errorf("no table %q", name)
			}
			return strings.TrimRight(section(r), "\n"), nil
		},
	}).Parse(pageText)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, r)
	return b.String(), err
}
