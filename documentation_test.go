package sandbox_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A surface is what the package exports.
type surface struct {
	options  []*ast.FuncDecl // functions that return an Option
	funcs    []*ast.FuncDecl // the others
	types    []*ast.TypeSpec
	docs     map[string]string
	examples map[string]bool // with an output that is compared
	used     map[string]bool // names that an example uses
}

// exported reads the package's own files.
func exported(t *testing.T) surface {
	t.Helper()
	s := surface{docs: map[string]string{}, examples: map[string]bool{}, used: map[string]bool{}}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			s.readExamples(f)
		} else if !strings.HasSuffix(name, "_other.go") {
			s.read(f)
		}
	}
	return s
}

func (s *surface) read(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			switch {
			case !d.Name.IsExported() || d.Recv != nil:
			case returnsOption(d):
				s.options = append(s.options, d)
			default:
				s.funcs = append(s.funcs, d)
			}
			if d.Recv == nil {
				s.docs[d.Name.Name] = d.Doc.Text()
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.IsExported() {
					s.types = append(s.types, spec)
					s.docs[spec.Name.Name] = d.Doc.Text() + spec.Doc.Text()
				}
			}
		}
	}
}

func returnsOption(f *ast.FuncDecl) bool {
	if f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	id, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && id.Name == "Option"
}

func (s *surface) readExamples(f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(fn.Name.Name, "Example") {
			continue
		}
		for _, c := range f.Comments {
			if c.Pos() > fn.Body.Pos() && c.End() < fn.Body.End() && strings.HasPrefix(c.Text(), "Output:") {
				s.examples[strings.TrimPrefix(fn.Name.Name, "Example")] = true
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "sandbox" {
					s.used[sel.Sel.Name] = true
				}
			}
			return true
		})
	}
}

// shown tells whether there is an example of a name, or of a part of it, as in
// ExampleProcess_Wait or ExampleWithUser_root.
func (s surface) shown(name string) bool {
	for example := range s.examples {
		if example == name || strings.HasPrefix(example, name+"_") {
			return true
		}
	}
	return false
}

// The documentation of an option begins with its name and says more than what
// the name says.
func TestEveryOptionIsDocumented(t *testing.T) {
	s := exported(t)
	for _, f := range s.options {
		name := f.Name.Name
		if doc := s.docs[name]; !strings.HasPrefix(doc, name+" ") || len(strings.Fields(doc)) < 18 {
			t.Errorf("%s: %q", name, doc)
		}
	}
}

// parts are types that the example of something else shows.
var parts = map[string]string{
	"Mount": "Sandbox_Config", "Rlimit": "Sandbox_Config", "Owner": "WithIDMappedBind",
	"Entry": "Report_Entry", "State": "Report_Entry", "Usage": "Result",
	"DockerArgs": "ParseDockerArgs", "NetworkMode": "WithNetwork", "PIDMode": "WithPIDNamespace", "Plan": "Sandbox_Plan",
}

// Each option, function and type has an example that runs.
func TestEverythingHasAnExample(t *testing.T) {
	s := exported(t)
	if len(s.options) < 45 || len(s.types) < 20 {
		t.Fatalf("found %d options and %d types only", len(s.options), len(s.types))
	}
	for _, f := range append(s.options, s.funcs...) {
		if !s.shown(f.Name.Name) {
			t.Errorf("no example of %s", f.Name.Name)
		}
	}
	for _, spec := range s.types {
		if name := spec.Name.Name; !s.shown(name) && !s.used[name] && !s.shown(parts[name]) {
			t.Errorf("no example of the type %s", spec.Name.Name)
		}
	}
}
