package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A canvas is an SVG picture under way.
type canvas struct {
	strings.Builder
	width, height float64
}

var palette = []string{"#1f77b4", "#888888", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b"}

func newCanvas(width, height float64, title string) *canvas {
	c := &canvas{width: width, height: height}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(c, `<rect width="%.0f" height="%.0f" fill="white"/>`+"\n", width, height)
	c.text(width/2, 24, "middle", "#000", title)
	return c
}

func (c *canvas) text(x, y float64, anchor, color, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, color, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, color string, width float64) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, color, width)
}

func (c *canvas) rect(x, y, width, height float64, color string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, width, height, color)
}

func (c *canvas) end() string {
	c.WriteString("</svg>\n")
	return c.String()
}

// colorOf is blue for this library, grey for what it is measured against, and
// another colour for others.
func colorOf(way string) string {
	switch {
	case strings.HasPrefix(way, libraryCold):
		return palette[0]
	case strings.HasPrefix(way, floorRoot), way == plainExec:
		return palette[1]
	}
	return palette[2]
}

// lineColor is that of a line: colorOf, as far as that tells lines apart.
func lineColor(way string, n int) string {
	switch way {
	case libraryCold, plainExec:
		return colorOf(way)
	case floorRoot:
		return "#444444"
	case libraryUser:
		return "#6baed6"
	}
	return palette[2+n%(len(palette)-2)]
}

// decades are the powers of ten from at most low to at least high.
func decades(low, high float64) (float64, float64) {
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
}

// latencyPlot shows the median of each way as a bar and its p90 as a thin line,
// over a logarithmic axis.
func latencyPlot(all []latency) string {
	const left, right, top, row = 240, 90, 44, 26
	const width = 860
	bottom := float64(top + row*len(all))
	c := newCanvas(width, bottom+50, "Time of one start until its processes have ended: median, thin line to p90")
	low, high := math.Inf(1), 0.0
	for _, l := range all {
		low, high = min(low, l.Median/1000), max(high, l.P90/1000)
	}
	low, high = decades(low, high)
	x := func(v float64) float64 {
		return left + (width-left-right)*math.Log10(max(v, low)/low)/math.Log10(high/low)
	}
	for tick := low; tick <= high*1.001; tick *= 10 {
		c.line(x(tick), top, x(tick), bottom, "#ccc", 1)
		c.text(x(tick), bottom+18, "middle", "#444", fmt.Sprintf("%g", tick))
	}
	c.text(left+(width-left-right)/2, bottom+38, "middle", "#444", "milliseconds, logarithmic")
	for i, l := range all {
		y := float64(top + row*i)
		c.text(left-10, y+18, "end", "#000", l.Way)
		c.rect(left, y+5, x(l.Median/1000)-left, row-10, colorOf(l.Way))
		c.line(x(l.Median/1000), y+row/2, x(l.P90/1000), y+row/2, colorOf(l.Way), 1.5)
		c.text(x(l.P90/1000)+6, y+18, "start", "#000", ms(l.Median))
	}
	return c.end()
}

// layersPlot shows what each protection adds, as a staircase.
func layersPlot(all []latency) string {
	const left, right, top, row = 270, 60, 44, 26
	const width = 860
	bottom := float64(top + row*len(all))
	c := newCanvas(width, bottom+50, "A start of this library, one protection after another: median")
	high := 0.0
	for _, l := range all {
		high = max(high, l.Median/1000)
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	if high/step < 4 {
		step /= 2
	}
	high = math.Ceil(high/step*1.05) * step
	x := func(v float64) float64 { return left + (width-left-right)*v/high }
	for tick := 0.0; tick <= high*1.001; tick += step {
		c.line(x(tick), top, x(tick), bottom, "#ccc", 1)
		c.text(x(tick), bottom+18, "middle", "#444", fmt.Sprintf("%.4g", tick))
	}
	c.text(left+(width-left-right)/2, bottom+38, "middle", "#444", "milliseconds")
	before := 0.0
	for i, l := range all {
		y, now := float64(top+row*i), l.Median/1000
		c.text(left-10, y+18, "end", "#000", l.Way)
		c.rect(left, y+5, x(min(before, now))-left, row-10, "#c6dbef")
		c.rect(x(min(before, now)), y+5, math.Abs(x(now)-x(before)), row-10, palette[0])
		c.text(x(max(before, now))+6, y+18, "start", "#000", ms(l.Median))
		before = now
	}
	return c.end()
}

// ratesPlot shows starts per second against callers, both logarithmic.
func ratesPlot(all []rate) string {
	const left, right, top, bottom = 70, 210, 44, 330
	const width = 860
	c := newCanvas(width, bottom+50, "Starts per second, by callers at a time")
	low, high, most := math.Inf(1), 0.0, 1
	for _, r := range all {
		low, high, most = min(low, r.Rate), max(high, r.Rate), max(most, r.Callers)
	}
	low, high = decades(low, high)
	x := func(n int) float64 {
		return left + (width-left-right)*math.Log2(float64(n))/math.Log2(float64(max(most, 2)))
	}
	y := func(v float64) float64 {
		return bottom - (bottom-top)*math.Log10(max(v, low)/low)/math.Log10(high/low)
	}
	for tick := low; tick <= high*1.001; tick *= 10 {
		c.line(left, y(tick), width-right, y(tick), "#ccc", 1)
		c.text(left-8, y(tick)+4, "end", "#444", fmt.Sprintf("%g", tick))
	}
	for _, n := range callers {
		c.text(x(n), bottom+18, "middle", "#444", fmt.Sprint(n))
	}
	c.text(left+(width-left-right)/2, bottom+38, "middle", "#444", "callers")
	colors := map[string]string{}
	last := map[string]rate{}
	for _, r := range all {
		if colors[r.Way] == "" {
			colors[r.Way] = lineColor(r.Way, len(colors))
		} else {
			c.line(x(last[r.Way].Callers), y(last[r.Way].Rate), x(r.Callers), y(r.Rate), colors[r.Way], 2)
		}
		fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", x(r.Callers), y(r.Rate), colors[r.Way])
		last[r.Way] = r
	}
	c.labels(last, colors, width-right+10, y)
	return c.end()
}

// labels names the lines at their ends, from the top down, without overlap.
func (c *canvas) labels(last map[string]rate, colors map[string]string, x float64, y func(float64) float64) {
	at := math.Inf(-1)
	for len(last) > 0 {
		top := ""
		for way, r := range last {
			if top == "" || r.Rate > last[top].Rate {
				top = way
			}
		}
		at = max(at+16, y(last[top].Rate)+4)
		c.text(x, at, "start", colors[top], top)
		delete(last, top)
	}
}
