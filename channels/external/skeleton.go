package external

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The examples are the skeletons: what is tested here is what people start from.
//
//go:embed examples/go examples/python examples/node examples/shell
var examples embed.FS

// exampleName stands in the examples where a skeleton has its own name.
const exampleName = "examplechat"

// Languages are those in which there is a skeleton.
func Languages() []string { return []string{"go", "python", "node", "shell"} }

// WriteSkeleton writes an adapter that passes the conformance kit into a new folder, with its test and a page about it. The name
// becomes its kind of address. Nothing is written over.
func WriteSkeleton(folder, name, language string) error {
	if !slices.Contains(Languages(), language) {
		return fmt.Errorf("there is no skeleton in %q; choose one of %s", language, strings.Join(Languages(), ", "))
	}
	if !kindForm.MatchString(name) {
		return fmt.Errorf("the name %q cannot be a kind of address; take a small letter and then 1 to 19 small letters, digits and dashes, as in harbourchat", name)
	}
	if err := os.Mkdir(folder, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and nothing is written over; take another name or remove it", folder)
	} else if err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	root := path.Join("examples", language)
	files, err := examples.ReadDir(root)
	if err != nil {
		return fmt.Errorf("reading the skeleton: %w", err)
	}
	for _, f := range files {
		text, err := examples.ReadFile(path.Join(root, f.Name()))
		if err != nil {
			return fmt.Errorf("reading the skeleton: %w", err)
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(folder, f.Name()), bytes.ReplaceAll(text, []byte(exampleName), []byte(name)), mode); err != nil {
			return fmt.Errorf("writing the skeleton: %w", err)
		}
	}
	if language == "go" { // a folder with a go.mod would not be part of this module
		if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module "+name+"\n\ngo 1.22\n"), 0o644); err != nil {
			return fmt.Errorf("writing the skeleton: %w", err)
		}
	}
	return nil
}
