package templates

// Short gives what a shipped text says in a text message, with a group's own languages laid over it: own is locale → source,
// and may be nil.
func Short(name string, own map[string]string, r Reader, data Data) (string, error) {
	set, err := Wording(name, own)
	if err != nil {
		return "", err
	}
	doc, _, err := set.Render(r, data)
	if err != nil {
		return "", err
	}
	if doc.Short != "" {
		return doc.Short, nil
	}
	return doc.Plain(), nil
}

// AnswerLabel is what a button says that answers an alert, in a language: answer is take, safe or help.
func AnswerLabel(answer, locale string) string {
	c := map[string]Command{"take": CommandTake, "safe": CommandSafe, "help": CommandNeed}[answer]
	return Words().Label(c, locale)
}

// ExerciseLabel says in a language, or else in English, that an alert is an exercise; empty: there are no words for it.
func ExerciseLabel(locale string) string {
	set, err := Wording("exercise-prefix", nil)
	if err != nil {
		return ""
	}
	doc, _, err := set.Render(Reader{Chain: []string{locale, "en"}}, nil)
	if err != nil {
		return ""
	}
	doc.Subject, doc.Short = "", ""
	return doc.Plain()
}
