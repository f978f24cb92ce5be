package gateway

import "testing"

// A text names a group by its name or slug as words of their own, in any case; not where they are part of other words.
func TestNamedIn(t *testing.T) {
	g := Group{Slug: "mut", Name: "Mut zur Lücke"}
	for text, want := range map[string]bool{
		"":                                  false,
		"You have a message.":               false,
		"Ein Wort von MUT ZUR LÜCKE.":       true,
		"mut: eine Nachricht":               true,
		"Eine Vermutung":                    false,
		"Vermutung, sagt Mut":               true,
		"See https://mut.example":           true,
		"Mutmaßlich mutig, Demut":           false,
		"mutmut":                            false,
		"mutmut mut":                        true,
		"---\nsms: Reply YES to mut\n---\n": true,
	} {
		if got := g.NamedIn(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if (Group{}).NamedIn("anything") {
		t.Error("a group without a name is named")
	}
}
