package sandbox

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// dockerBytes reads a number of bytes with Docker's units, which are powers of
// 1024 in any case: 512, 512b, 64k, 64K, 256m, 256MB, 1.5g, 1GiB.
func dockerBytes(text string) (int64, string) {
	const form = "not a size such as 64k, 256m or 1.5g"
	number := strings.TrimRight(text, "bBiIkKmMgGtTpP")
	unit := strings.ToLower(text[len(number):])
	number = strings.TrimSuffix(number, " ")
	if strings.Trim(number, "0123456789.") != "" {
		return 0, form
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, form
	}
	if unit != "" && unit != "b" {
		power := strings.IndexByte("kmgtp", unit[0])
		if power < 0 || !slices.Contains([]string{"", "b", "ib"}, unit[1:]) {
			return 0, form
		}
		n *= math.Pow(1024, float64(power+1))
	}
	switch {
	case n >= math.MaxInt64:
		return 0, "too large"
	case n > 0 && n < 1:
		return 0, "less than one byte" // and not 0, which would mean no limit
	}
	return int64(n), ""
}

// dockerCount reads a plain number.
func dockerCount(text string) (int64, string) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, "not a whole number"
	}
	return n, ""
}

// dockerPositive is dockerCount without negative numbers.
func dockerPositive(text string) (int64, string) {
	n, why := dockerCount(text)
	if why == "" && n < 0 {
		return 0, "must not be negative"
	}
	return n, why
}

// size records a size for finish. As in Docker 0 is no limit, and so is -1 for
// --memory-swap alone.
func (p *dockerParser) size(f dockerFlag, text string, to **dockerSize) {
	n, why := int64(Unlimited), ""
	if text != "-1" || f.name != "memory-swap" {
		n, why = dockerBytes(text)
	}
	if why != "" {
		p.fail(f.option(), text, why)
		return
	}
	*to = &dockerSize{n, text}
}

// finish adds what flags mean together.
func (p *dockerParser) finish() {
	p.finishMemory()
	p.finishCPUs()
	for _, device := range slices.Sorted(maps.Keys(p.io)) {
		p.Options = append(p.Options, WithIOMax(device, p.io[device]))
	}
	if p.TTY {
		p.Options = append(p.Options, WithTerminal())
	}
	if p.hostname && p.hostUTS {
		p.fail("--uts", "host", "contradicts --hostname: the name is the host's")
	}
	if p.privileged {
		p.Options = append(p.Options, WithPrivileged())
	}
	p.finishSUID()
}

// finishSUID has volumes honour set-user-ID programs where new privileges are
// asked for, as Docker's do.
func (p *dockerParser) finishSUID() {
	s := newSettings(p.Options)
	if !s.NewPrivileges {
		return
	}
	for _, m := range s.Mounts {
		if m.Source != "" {
			p.Options = append(p.Options, WithSUID(m.Target))
		}
	}
}

func (p *dockerParser) finishMemory() {
	var memory []Option
	if m := p.memory; m != nil {
		if m.bytes == 0 {
			m.bytes = Unlimited
		}
		memory = append(memory, WithMemory(m.bytes))
		p.add("--memory", m.text, memory...)
	}
	if s := p.swap; s != nil && s.bytes != 0 {
		if p.memory == nil {
			p.fail("--memory-swap", s.text, "is the sum of memory and swap and needs --memory")
		} else {
			p.addBeside(memory, "--memory-swap", s.text, WithMemorySwap(s.bytes))
		}
	}
	if r := p.reservation; r != nil && r.bytes != 0 {
		p.addBeside(memory, "--memory-reservation", r.text, WithMemoryReservation(r.bytes))
	}
}

// finishCPUs makes one number of --cpus, or of a quota and its period.
func (p *dockerParser) finishCPUs() {
	switch {
	case p.cpus != "" && (p.quota != "" || p.period != ""):
		p.fail("--cpus", p.cpus, "contradicts --cpu-quota and --cpu-period")
	case p.cpus != "":
		n, err := strconv.ParseFloat(p.cpus, 64)
		if err != nil {
			p.fail("--cpus", p.cpus, "not a number such as 0.75")
		} else if n != 0 {
			p.add("--cpus", p.cpus, WithCPUs(n))
		}
	case p.quota != "" || p.period != "":
		p.finishQuota()
	}
}

func (p *dockerParser) finishQuota() {
	period := int64(100_000)
	if p.period != "" && p.period != "0" {
		var why string
		if period, why = dockerCount(p.period); why == "" && (period < 1000 || period > 1_000_000) {
			why = "must be from 1000 to 1000000 microseconds"
		}
		if why != "" {
			p.fail("--cpu-period", p.period, why)
			return
		}
	}
	if p.quota == "" {
		if p.period != "0" {
			p.fail("--cpu-period", p.period, "does nothing without --cpu-quota")
		}
		return
	}
	quota, why := dockerCount(p.quota)
	switch {
	case why != "":
		p.fail("--cpu-quota", p.quota, why)
	case quota == 0 || quota == -1: // no limit
	case quota < 1000:
		p.fail("--cpu-quota", p.quota, "must be at least 1000 microseconds")
	default:
		p.add("--cpu-quota", p.quota, WithCPUs(float64(quota)/float64(period)))
	}
}

func setShmSize(p *dockerParser, f dockerFlag, v string) {
	n, why := dockerBytes(v)
	if why != "" {
		p.fail(f.option(), v, why)
		return
	}
	p.add(f.option(), v, WithShmSize(n))
}

func setOOMScoreAdj(p *dockerParser, f dockerFlag, v string) {
	n, why := dockerCount(v)
	if why == "" && n != int64(int(n)) {
		why = "must be from -1000 to 1000"
	}
	if why != "" {
		p.fail(f.option(), v, why)
		return
	}
	p.add(f.option(), v, WithOOMScoreAdj(int(n)))
}

// setCPUShares and the two below take 0 for the default, as Docker does.
func setCPUShares(p *dockerParser, f dockerFlag, v string) {
	n, why := dockerPositive(v)
	if why != "" {
		p.fail(f.option(), v, why)
	} else if n != 0 {
		p.add(f.option(), v, WithCPUShares(uint64(n)))
	}
}

func setPids(p *dockerParser, f dockerFlag, v string) {
	n, why := dockerCount(v)
	if why != "" {
		p.fail(f.option(), v, why)
		return
	}
	if n == 0 {
		n = Unlimited
	}
	p.add(f.option(), v, WithPids(n))
}

func setIOWeight(p *dockerParser, f dockerFlag, v string) {
	n, why := dockerPositive(v)
	if why == "" && n > math.MaxUint16 {
		why = "must be from 10 to 1000"
	}
	if why != "" {
		p.fail(f.option(), v, why)
	} else if n != 0 {
		p.add(f.option(), v, WithIOWeight(uint16(n)))
	}
}

// ioRate reads "/dev/sda:1m".
func (p *dockerParser) ioRate(f dockerFlag, v string, read func(string) (int64, string)) {
	device, rate, ok := strings.Cut(v, ":")
	n, why := read(rate)
	switch {
	case !ok:
		why = "not of the form DEVICE:RATE"
	case why == "" && n <= 0:
		why = "the rate must be positive"
	}
	if why != "" {
		p.fail(f.option(), v, why)
		return
	}
	limit := p.io[device]
	switch f.name {
	case "device-read-bps":
		limit.ReadBytes = uint64(n)
	case "device-write-bps":
		limit.WriteBytes = uint64(n)
	case "device-read-iops":
		limit.ReadOps = uint64(n)
	case "device-write-iops":
		limit.WriteOps = uint64(n)
	}
	p.io[device] = limit
	if badPath(device) != "" {
		p.fail(f.option(), v, "device: "+badPath(device))
	}
}

// setUlimit reads "nofile=1024" or "nofile=1024:2048"; -1 is no limit.
func setUlimit(p *dockerParser, f dockerFlag, v string) {
	name, limits, ok := strings.Cut(v, "=")
	softText, hardText, two := strings.Cut(limits, ":")
	if !two {
		hardText = softText
	}
	soft, softOK := dockerLimit(softText)
	hard, hardOK := dockerLimit(hardText)
	if !ok || name == "" || !softOK || !hardOK {
		p.fail(f.option(), v, "not of the form NAME=SOFT[:HARD]")
		return
	}
	p.add(f.option(), v, WithRlimit(name, soft, hard))
}

func dockerLimit(text string) (uint64, bool) {
	if text == "-1" {
		return math.MaxUint64, true
	}
	n, err := strconv.ParseUint(text, 10, 63)
	return n, err == nil
}
