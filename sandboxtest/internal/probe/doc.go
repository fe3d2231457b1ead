// Package probe has the hostile probes of sandboxtest: what each tries, why that
// matters, and the act. It is linked into the probe program, which runs where the
// probes are tried, and into sandboxtest, which knows them by name.
package probe
