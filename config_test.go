package sandbox_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// To write them anew:
//
//	go test . -run Config -update && git diff testdata
var update = flag.Bool("update", false, "write testdata/config-*.json anew")

func configs() map[string][]sandbox.Option {
	ids := []namespace.IDMap{{Inside: 0, Outside: 5000, Count: 10000}}
	return map[string][]sandbox.Option{
		"default": nil,
		"capabilities": {
			sandbox.WithUser("nobody"), sandbox.AddCap("sys_admin", "CAP_NET_RAW"), sandbox.DropCap("Net_Raw"), sandbox.DropCap("chown"),
		},
		"privileged": {sandbox.WithPrivileged()},
		"everything": {
			sandbox.WithMemory(256 << 20), sandbox.WithMemorySwap(512 << 20), sandbox.WithMemoryReservation(128 << 20), sandbox.WithOOMScoreAdj(-5),
			sandbox.WithShmSize(1 << 20), sandbox.WithCPUShares(512), sandbox.WithCPUs(0.75), sandbox.WithCPUSet("0-2,4"), sandbox.WithCPUSetMems("0"),
			sandbox.WithPids(100), sandbox.WithIOWeight(300), sandbox.WithIOMax("/dev/sda", sandbox.IOLimit{ReadBytes: 1 << 20, WriteOps: 10}),
			sandbox.WithRlimit("RLIMIT_NOFILE", 64, 128), sandbox.WithTimeout(90 * time.Second), sandbox.WithCPUTime(time.Minute), sandbox.WithOutputLimit(1 << 20),
			sandbox.WithCgroupParent("/judge"), sandbox.WithDevice("/dev/video0:/dev/camera:rw"), sandbox.WithDeviceRule("c 189:* rmw"),
			sandbox.WithNetwork(sandbox.NetworkPath("/run/netns/blue")), sandbox.WithIPC(sandbox.IPCShareable), sandbox.WithUTS(sandbox.UTSHost),
			sandbox.WithCgroupNamespace(sandbox.CgroupHost), sandbox.WithUser("10000:20000"), sandbox.WithGroups("4", "audio"), sandbox.WithIDMap(ids, ids),
			sandbox.WithNewPrivileges(), sandbox.WithSeccomp(seccomp.Unconfined), sandbox.WithoutLandlock(), sandbox.WithTerminal(),
			sandbox.WithSecurityOpt("label:type:svirt_t", "label:level:s0:c1,c2", "apparmor=strict"),
			sandbox.WithRootFS("/srv/root"), sandbox.WithBind("/srv/data", "/data"), sandbox.WithReadOnlyBind("/srv/more", "/data/more"),
			sandbox.WithIDMappedBind("/srv/theirs", "/theirs", 3000, 3001), sandbox.WithTmpfs("/run", 1<<20), sandbox.WithMask("/etc/secret"),
			sandbox.WithBestEffort(sandbox.FeatureMemory),
		},
	}
}

// The JSON form of a policy is what the golden files show, and reading it gives
// the same policy.
func TestConfigJSON(t *testing.T) {
	for name, opts := range configs() {
		t.Run(name, func(t *testing.T) {
			s, err := sandbox.New(opts...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(s.Config(), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join("testdata", "config-"+name+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")); !bytes.Equal(got, want) {
				t.Errorf("differs from %s:\n%s", file, got)
			}
			var read sandbox.Config
			if err := json.Unmarshal(got, &read); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(read, "", "  ")
			if err != nil || !bytes.Equal(append(again, '\n'), got) {
				t.Errorf("read and written again: %v\n%s", err, again)
			}
		})
	}
}

// What a caller does to a Config, or to what an option was made from, does not
// reach the policy.
func TestConfigIsACopy(t *testing.T) {
	s, err := sandbox.New(configs()["everything"]...)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(s.Config())
	c := s.Config()
	if n := spoil(reflect.ValueOf(&c).Elem()); n < 40 {
		t.Fatalf("only %d values were changed", n)
	}
	if spoiled, _ := json.Marshal(c); bytes.Equal(spoiled, before) {
		t.Fatal("control: nothing was changed")
	}
	if after, _ := json.Marshal(s.Config()); !bytes.Equal(after, before) {
		t.Errorf("the policy became\n%s", after)
	}

	groups, ids := []string{"4"}, []namespace.IDMap{{Inside: 0, Outside: 5000, Count: 10}}
	if s, err = sandbox.New(sandbox.WithGroups(groups...), sandbox.WithIDMap(ids, ids)); err != nil {
		t.Fatal(err)
	}
	groups[0], ids[0].Outside = "0", 0
	if c := s.Config(); c.Groups[0] != "4" || c.UIDMap[0].Outside != 5000 || c.GIDMap[0].Outside != 5000 {
		t.Errorf("the caller's slices are the policy's: %v %v", c.Groups, c.UIDMap)
	}
}

// spoil changes every string and number that can be reached and says how many.
func spoil(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += spoil(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += spoil(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Zero(v.Type().Elem()))
			n++
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n += spoil(v.Elem())
		}
	case reflect.String:
		v.SetString("spoiled")
		n++
	case reflect.Int, reflect.Int64:
		v.SetInt(77)
		n++
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(77)
		n++
	}
	return n
}
