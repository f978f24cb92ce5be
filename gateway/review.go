package gateway

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Review is a person's word that she has read one text in one language and stands by it, for one group. It is of exactly
// that text: one that differs by a letter has another digest, and is a draft until somebody reviews it.
type Review struct {
	Digest string    `json:"digest"` // of the text: 64 hexadecimal digits
	Name   string    `json:"name"`   // of the text
	Locale string    `json:"locale"`
	By     string    `json:"by"` // her name, as she wants it to stand there
	At     time.Time `json:"at"`
}

// maxReviewer bounds a reviewer's name, in characters.
const maxReviewer = 100

// CheckReviewer gives a reviewer's name as it is kept, or says what is wrong with it.
func CheckReviewer(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", Faultf(CodeInvalid, "by: say who has reviewed the text, by her name")
	case utf8.RuneCountInString(name) > maxReviewer || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", Faultf(CodeInvalid, "by: use at most %d printable characters", maxReviewer)
	}
	return name, nil
}

// Reviews keeps a group's reviews of texts. They hold names, so they are sealed under the group's key.
type Reviews interface {
	// PutReview keeps a review, in place of one of the same text.
	PutReview(ctx context.Context, group ID, r Review) error
	// Reviews lists them all, the newest first.
	Reviews(ctx context.Context, group ID) ([]Review, error)
	// DropReview deletes the review of a text; ErrNotFound.
	DropReview(ctx context.Context, group ID, digest string) error
}

// TextStatus says how one text in one language stands in a group.
type TextStatus struct {
	Name   string     `json:"name"`
	Locale string     `json:"locale"`
	Own    bool       `json:"own,omitempty"` // the group's own wording; else it ships with Carillon
	State  TextState  `json:"state"`
	Digest string     `json:"digest"`
	By     string     `json:"by,omitempty"` // who has reviewed it
	At     *time.Time `json:"at,omitempty"` // when
	Source string     `json:"source,omitempty"`
}

// TextState says whether somebody answers for a text.
type TextState string

// The states of a text.
const (
	TextDraft    TextState = "draft"
	TextReviewed TextState = "reviewed"
	TextOwn      TextState = "own"   // it calls itself no draft: its group wrote it and answers for it
	TextUnfit    TextState = "unfit" // the group's own, and no longer fits the shipped text: template check --wording says why
)
