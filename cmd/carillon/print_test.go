package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// A row that is wider than the terminal goes on in another line at a column, and the columns stay below their headings.
func TestTablesAreFoldedAtColumns(t *testing.T) {
	for _, c := range []struct {
		wide     []int
		terminal int
		want     string
	}{
		{[]int{36, 6, 8}, 0, "[0]"},
		{[]int{36, 6, 8}, 80, "[0]"},
		{[]int{3, 12, 120}, 80, "[0]"},         // a sentence is broken within its column
		{[]int{36, 36, 10, 12}, 80, "[0 2]"},   // 74, and 74+2+10 would be too wide
		{[]int{48, 42}, 80, "[0]"},             // exactly 80 with the narrowest
		{[]int{49, 43}, 80, "[0 1]"},           // one too many
		{[]int{90, 6, 80, 6}, 80, "[0 1 2 3]"}, // too wide alone
		{[]int{70, 70, 6}, 80, "[0 1 2]"},      // 4+70, and 2+6 would be too wide
		{[]int{70, 68, 6}, 80, "[0 1]"},        // 4+68+2+6
	} {
		if got := fmt.Sprint(folds(c.wide, c.terminal)); got != c.want {
			t.Errorf("%v in %d: %s, not %s", c.wide, c.terminal, got, c.want)
		}
	}
}

func TestSentencesAreBrokenAtBlanks(t *testing.T) {
	text := "a channel speaks to the sandbox: nobody gets anything from it"
	for columns, want := range map[int]string{
		70: text, 29: text, 0: text, -5: text,
		31: "a channel speaks to the|sandbox: nobody gets anything|from it",
	} {
		if got := strings.Join(wrapped(text, columns), "|"); got != want {
			t.Errorf("%d: %s", columns, got)
		}
	}
}

// What is mistyped is guessed at, and no help is wider than eighty columns where its flags are explained.
func TestMistypedCommandsAreGuessed(t *testing.T) {
	var out, complaint bytes.Buffer
	sh := &shell{in: strings.NewReader(""), out: &out, err: &complaint, lookup: func(string) (string, bool) { return "", false }}
	for typed, want := range map[string]string{
		"brodcast":      "carillon: carillon brodcast does not exist; did you mean carillon broadcast? Otherwise see carillon --help\n",
		"member improt": "carillon: carillon member improt does not exist; did you mean carillon member import? Otherwise see carillon member --help\n",
		"frobnicate":    "carillon: carillon frobnicate does not exist; see carillon --help\n",
	} {
		complaint.Reset()
		if code := sh.run(context.Background(), strings.Fields(typed)); code != exitWrong || complaint.String() != want {
			t.Errorf("%s: exit %d: %s", typed, code, complaint.String())
		}
	}
	for _, c := range []string{"send", "alert raise", "schedule add", "init", "export"} {
		out.Reset()
		sh.run(context.Background(), append(strings.Fields(c), "--help"))
		_, flags, _ := strings.Cut(out.String(), "\nFlags:")
		for _, line := range strings.Split(flags, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("carillon %s --help is too wide: %s", c, line)
			}
		}
	}
}

// Output to a file is for other programs and is not folded.
func TestFilesAreNotFolded(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if n := (&shell{out: file}).columns(); n != 0 {
		t.Errorf("%d columns", n)
	}
}
