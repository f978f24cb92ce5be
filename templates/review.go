package templates

import (
	"crypto/sha256"
	"encoding/hex"
)

// sum makes the digest of a text: of its language and its source, line ends and byte order mark apart.
func (t *Template) sum(src []byte) {
	h := sha256.New()
	h.Write([]byte(t.Locale + "\n"))
	h.Write(src)
	t.digest = hex.EncodeToString(h.Sum(nil))
}

// Digest names the text in one of its Locales: SHA-256, in hexadecimal, of its language and its source. Line ends count
// as line feeds. Who reviews a text reviews what has this digest, and nothing else. Empty: it is in no such language.
func (s *Set) Digest(locale string) string {
	if tag, ok := parseLocale(locale); ok && s.texts[tag] != nil {
		return s.texts[tag].digest
	}
	return ""
}

// Drafts lists those of the Locales whose text is a draft: its source has a status, and nobody has reviewed it. A source
// that calls itself reviewed names nobody who did. A text without a status was written by its sender. If reviewed is nil,
// nobody has reviewed anything.
func (s *Set) Drafts(reviewed func(digest string) bool) []string {
	var drafts []string
	for _, tag := range s.tags {
		if t := s.texts[tag]; t.Status != "" && (reviewed == nil || !reviewed(t.digest)) {
			drafts = append(drafts, tag.String())
		}
	}
	return drafts
}
