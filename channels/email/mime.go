package email

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// What is read of a message, however it is built.
const (
	deepest    = 8
	mostLeaves = 64
	maxLeaf    = 64 << 10 // bytes of one part, decoded
	maxHeader  = 32 << 10 // bytes of all headers
)

// leaf is a part that holds no others.
type leaf struct {
	kind   string // media type in lower case, as in "text/plain"
	params map[string]string
	body   string // decoded, in UTF-8 if it is text
}

// letter is a message that was read.
type letter struct {
	header mail.Header
	kind   string // media type of the whole
	report string // report-type of a multipart/report
	leaves []leaf
}

var errLetter = errors.New("this is no mail")

// readLetter takes a message apart. It may be cut off, and it may be made to do harm: what is deeper, longer or more
// than the limits is left out.
func readLetter(raw []byte) (letter, error) {
	if end := bytes.Index(raw, []byte("\n\r\n")); end > maxHeader || end < 0 && len(raw) > maxHeader && bytes.Index(raw, []byte("\n\n")) < 0 {
		return letter{}, errLetter
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return letter{}, errLetter
	}
	l := letter{header: m.Header}
	kind, params := mediaType(m.Header.Get("Content-Type"))
	l.kind, l.report = kind, strings.ToLower(params["report-type"])
	left := mostLeaves
	l.take(textproto.MIMEHeader(m.Header), m.Body, 0, &left)
	return l, nil
}

// take adds the leaves of one part. What cannot be read ends it; what was read before stays.
func (l *letter) take(header textproto.MIMEHeader, body io.Reader, depth int, left *int) {
	kind, params := mediaType(header.Get("Content-Type"))
	if *left <= 0 || depth > deepest {
		return
	}
	*left--
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			part, err := r.NextRawPart()
			if err != nil || *left <= 0 {
				return
			}
			l.take(part.Header, part, depth+1, left)
		}
	}
	switch strings.ToLower(strings.TrimSpace(header.Get("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	text, _ := io.ReadAll(io.LimitReader(body, maxLeaf)) // a damaged end costs the end only
	l.leaves = append(l.leaves, leaf{kind, params, decode(text, params["charset"])})
}

// mediaType reads a Content-Type; without a good one a part is plain text (RFC 2045, section 5.2).
func mediaType(value string) (string, map[string]string) {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || kind == "" {
		return "text/plain", nil
	}
	return strings.ToLower(kind), params
}

func decode(text []byte, charset string) string {
	if e, err := htmlindex.Get(charset); err == nil {
		if out, err := e.NewDecoder().Bytes(text); err == nil {
			text = out
		}
	}
	return strings.ToValidUTF8(string(text), "\ufffd")
}

// words decodes a header of RFC 2047.
func words(value string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}}
	out, err := d.DecodeHeader(value)
	if err != nil {
		out = value
	}
	return strings.ToValidUTF8(out, "\ufffd")
}

// first is the first leaf of a media type.
func (l letter) first(kind string) (leaf, bool) {
	for _, one := range l.leaves {
		if one.kind == kind {
			return one, true
		}
	}
	return leaf{}, false
}
