package launch

import (
	"bytes"
	"debug/elf"
	"io"
	"runtime"
	"testing"
)

// kernelPages are the page sizes of the architectures.
var kernelPages = []uint64{4 << 10, 16 << 10, 64 << 10}

func TestImageIsAnExecutable(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			text := bytes.Repeat([]byte{0x11}, 300)
			data := bytes.Repeat([]byte{0x22}, 5000)
			image := elfImage(arch, text, data)
			f, err := elf.NewFile(bytes.NewReader(image))
			if err != nil {
				t.Fatal(err)
			}
			if f.Type != elf.ET_EXEC || f.Machine != machine || f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Version != elf.EV_CURRENT {
				t.Errorf("%+v", f.FileHeader)
			}
			if len(f.Sections) != 0 || len(f.Progs) != 3 {
				t.Fatalf("%d sections, %d program headers", len(f.Sections), len(f.Progs))
			}
			checkSegments(t, f)
			code, words, stack := f.Progs[0], f.Progs[1], f.Progs[2]
			if code.Flags != elf.PF_R|elf.PF_X || words.Flags != elf.PF_R|elf.PF_W {
				t.Errorf("flags %v and %v", code.Flags, words.Flags)
			}
			if stack.Type != elf.PT_GNU_STACK || stack.Flags&elf.PF_X != 0 {
				t.Errorf("stack %v %v", stack.Type, stack.Flags)
			}
			if f.Entry < code.Vaddr || f.Entry >= code.Vaddr+code.Filesz {
				t.Errorf("entry %#x outside of the code", f.Entry)
			}
			if got := image[f.Entry-code.Vaddr+code.Off:][:len(text)]; !bytes.Equal(got, text) {
				t.Error("the entry is not the interpreter's first byte")
			}
			if words.Vaddr != 0x411000 {
				t.Errorf("data at %#x, where the interpreter does not look", words.Vaddr)
			}
			if got, err := io.ReadAll(words.Open()); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes of data, %v", len(got), err)
			}
		})
	}
}

// checkSegments compares the segments with what kernels ask for.
func checkSegments(t *testing.T, f *elf.File) {
	t.Helper()
	var end uint64
	for i, s := range f.Progs {
		if s.Flags&elf.PF_W != 0 && s.Flags&elf.PF_X != 0 {
			t.Errorf("segment %d is writable and executable", i)
		}
		if s.Type != elf.PT_LOAD {
			continue
		}
		for _, page := range kernelPages {
			if s.Vaddr%page != s.Off%page {
				t.Errorf("segment %d: address %#x and offset %#x differ modulo a page of %#x", i, s.Vaddr, s.Off, page)
			}
			if s.Vaddr/page < (end+page-1)/page {
				t.Errorf("segment %d shares a page of %#x with the one before", i, page)
			}
		}
		if s.Filesz != s.Memsz || s.Align%kernelPages[len(kernelPages)-1] != 0 {
			t.Errorf("segment %d: %+v", i, s.ProgHeader)
		}
		end = s.Vaddr + s.Memsz
	}
}

func TestImageOfThisArchitecture(t *testing.T) {
	p := NewProgram()
	finish(p)
	image, err := p.Image()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		if err == nil {
			t.Error("an image without an interpreter")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	checkSegments(t, f)
	text, ok := code()
	if !ok || len(text) > 1024 {
		t.Fatalf("interpreter of %d bytes, %v", len(text), ok)
	}
	if bytes.Contains(image, marks()) {
		t.Error("the end mark is part of the image")
	}
	if again, err := p.Image(); err != nil || !bytes.Equal(again, image) {
		t.Errorf("the second image of a program differs, %v", err)
	}
}

func TestImageErrors(t *testing.T) {
	if _, err := NewProgram().Image(); err == nil {
		t.Error("an empty program has an image")
	}
}
