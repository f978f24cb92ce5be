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
