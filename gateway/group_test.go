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
	for name, texts := range map[string][]string{
		"Mut zur Lücke":  {"Post von Mut zur\nLücke.", "**Mut** zur _Lücke_", "Mut  zur Lu\u0308cke", "Mut zur Lü\u00adcke", "MUT ZUR LÜCKE", "Ｍｕｔ zur Lücke"},
		"东京合唱团":          {"您有东京合唱团的消息。"},
		"합창단":            {"합창단은 알립니다"},
		"नदी":            {"नदी से संदेश"},
		"نور":            {"رسالة من بنور"},
		"Kuorola":        {"Viesti Kuorolalta"},
		"Zephyr Harbour": {"Zephyr Harbours message", "zephyr\u200bharbour-x zephyr harbour"},
	} {
		for _, text := range texts {
			if !(Group{Slug: "a-slug", Name: name}).NamedIn(text) {
				t.Errorf("%q does not name %q", text, name)
			}
		}
	}
	if (Group{Slug: "x9", Name: "🎺"}).NamedIn("You have a message.") {
		t.Error("a name of signs is found where it is not")
	}
	if (Group{}).NamedIn("anything") {
		t.Error("a group without a name is named")
	}
}
