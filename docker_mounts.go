package sandbox

import (
	"encoding/csv"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// setVolume reads "/host:/inside", "/host:/inside:ro", "./relative:/inside" or
// "name:/inside".
func setVolume(p *dockerParser, f dockerFlag, v string) {
	parts := strings.Split(v, ":")
	why := ""
	switch {
	case len(parts) == 1:
		why = "a volume without a name is a file system of its own; use --tmpfs, or name a directory of the host"
	case len(parts) > 3 || slices.Contains(parts, ""):
		why = "not of the form SOURCE:TARGET[:ro]"
	case len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw":
		why = "the mode " + parts[2] + " cannot be honoured, only ro and rw"
	}
	source := parts[0]
	if why == "" {
		source, why = p.source(source)
	}
	if why != "" {
		p.fail(f.option(), v, why)
		return
	}
	p.bind(f, v, source, parts[1], len(parts) == 3 && parts[2] == "ro")
}

func (p *dockerParser) bind(f dockerFlag, v, source, target string, readOnly bool) {
	if readOnly {
		p.add(f.option(), v, WithReadOnlyBind(source, target))
		return
	}
	p.add(f.option(), v, WithBind(source, target))
}

// source makes a path of the first part of a volume: it is one if it begins
// with a slash or a dot, and a name otherwise.
func (p *dockerParser) source(s string) (dir, why string) {
	switch {
	case path.IsAbs(s):
		return s, ""
	case s[0] == '.' || s[0] == '~':
		abs, err := filepath.Abs(filepath.Join(p.host.Dir, s))
		if err != nil || s[0] == '~' {
			return "", "source: not an absolute path"
		}
		return abs, ""
	}
	return p.volume(s)
}

func (p *dockerParser) volume(name string) (dir, why string) {
	if p.host.Volume == nil {
		return "", "nothing here finds the volume " + name + " by its name; name a directory of the host by its path"
	}
	dir, err := p.host.Volume(name)
	if err != nil {
		return "", err.Error()
	}
	return dir, ""
}

// setTmpfs reads "/path" or "/path:size=64m,rw". What the options say beside
// the size must be true of every tmpfs here.
func setTmpfs(p *dockerParser, f dockerFlag, v string) {
	target, options, has := strings.Cut(v, ":")
	size := int64(defaultTmpSize)
	if has {
		for _, o := range strings.Split(options, ",") {
			why := ""
			key, value, _ := strings.Cut(o, "=")
			switch {
			case key == "size":
				size, why = dockerBytes(value)
			case !slices.Contains([]string{"rw", "nosuid", "nodev", "exec", "mode=1777", "mode=01777"}, o):
				why = "the option " + o + " cannot be honoured, only size=, rw, nosuid, nodev, exec and mode=1777"
			}
			if why != "" {
				p.fail(f.option(), v, why)
				return
			}
		}
	}
	p.tmpfs(f, v, target, size)
}

func (p *dockerParser) tmpfs(f dockerFlag, v, target string, size int64) {
	if size <= 0 {
		p.fail(f.option(), v, "the size must be positive")
		return
	}
	p.add(f.option(), v, WithTmpfs(target, size))
}

// dockerMount is a value of --mount.
type dockerMount struct {
	kind, source, target string
	readOnly             bool
	size                 int64
}

func setMount(p *dockerParser, f dockerFlag, v string) {
	m, why := parseDockerMount(v)
	if why == "" {
		why = m.check()
	}
	if why == "" && m.kind == "volume" {
		m.source, why = p.volume(m.source)
	}
	switch {
	case why != "":
		p.fail(f.option(), v, why)
	case m.kind == "tmpfs":
		p.tmpfs(f, v, m.target, m.size)
	default:
		p.bind(f, v, m.source, m.target, m.readOnly)
	}
}

// parseDockerMount reads a line of comma-separated KEY=VALUE, quoted as in
// RFC 4180.
func parseDockerMount(v string) (m dockerMount, why string) {
	m = dockerMount{kind: "volume", size: defaultTmpSize}
	r := csv.NewReader(strings.NewReader(v))
	fields, err := r.Read()
	if err != nil || r.InputOffset() != int64(len(v)) {
		return m, "not a list of KEY=VALUE separated by commas"
	}
	for _, field := range fields {
		key, value, has := strings.Cut(field, "=")
		switch key {
		case "type":
			m.kind = value
		case "source", "src":
			m.source = value
		case "target", "destination", "dst":
			m.target = value
		case "readonly", "ro":
			on, valid := dockerBool(value)
			if has && !valid {
				return m, "readonly must be true or false"
			}
			m.readOnly = on || !has
		case "tmpfs-size":
			if m.size, why = dockerBytes(value); why != "" {
				return m, "tmpfs-size: " + why
			}
		case "tmpfs-mode":
			if strings.TrimLeft(value, "0") != "1777" {
				return m, "tmpfs-mode cannot be honoured, only 1777"
			}
		default:
			return m, "the key " + key + " cannot be honoured, only type, source, target, readonly, tmpfs-size and tmpfs-mode"
		}
	}
	return m, ""
}

// check finds what does not belong together.
func (m *dockerMount) check() string {
	switch {
	case m.target == "":
		return "no target"
	case m.kind != "bind" && m.kind != "tmpfs" && m.kind != "volume":
		return "the type " + m.kind + " cannot be honoured, only bind, tmpfs and volume"
	case m.kind == "tmpfs" && m.source != "":
		return "a tmpfs has no source"
	case m.kind == "tmpfs" && m.readOnly:
		return "a tmpfs that is read-only stays empty"
	case m.kind != "tmpfs" && m.source == "":
		return "no source"
	}
	return ""
}
