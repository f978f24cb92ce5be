package main

import "testing"

// TestALanguageThatIsNotHersIsMarked reads versions as templates and fan-out write them.
func TestALanguageThatIsNotHersIsMarked(t *testing.T) {
	for version, want := range map[string]string{
		"de":                                 "de",
		"fa-u-ca-gregory-nu-latn":            "fa",
		"de-x-zone-europe-berlin":            "de",
		"fr-x-subject-en":                    "fr",
		"en-x-fallback":                      "en, not hers",
		"en-x-fallback-zone-asia-tehran":     "en, not hers",
		"en-x-fallback-pointer-de":           "en, not hers",
		"fr-x-subject-en-own-fallback":       "fr, not hers",
		"pt-BR-u-nu-latn-x-fallback-zone-id": "pt-BR, not hers",
	} {
		if got := spokenLocale(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}
