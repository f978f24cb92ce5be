package email

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
)

// readPart has a part written as a message, and reads that with the standard library's parsers of mail and golang.org/x/net's
// of HTML: headers, parts of the message, elements.
func readPart(part channels.Part) (channeltest.Shape, error) {
	var shape channeltest.Shape
	a, err := made(options(map[string]any{"return_to": "mail@harbour.example", "imap_host": "127.0.0.1", "imap_username": "mail", "imap_password": password}), "https://gateway.example/hooks/email-kit")
	if err != nil {
		return shape, err
	}
	a.now = func() time.Time { return time.Date(2026, 11, 5, 14, 30, 0, 0, time.UTC) }
	m := outbound("k")
	m.Part = part
	e, err := a.write(m)
	if err != nil {
		return shape, err
	}
	message, err := mail.ReadMessage(bytes.NewReader(e.data))
	if err != nil {
		return shape, err
	}
	for _, name := range slices.Sorted(maps.Keys(message.Header)) {
		shape.Marks = append(shape.Marks, fmt.Sprintf("header %s %d", name, len(message.Header[name])))
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil || subject != part.Subject {
		return shape, fmt.Errorf("the subject reads %q, %w", subject, err)
	}
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return shape, fmt.Errorf("%s, %w", kind, err)
	}
	bodies := map[string]string{}
	for parts := multipart.NewReader(message.Body, parameters["boundary"]); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return shape, err
		}
		kind := p.Header.Get("Content-Type")
		shape.Marks = append(shape.Marks, fmt.Sprintf("part %s, %d headers", kind, len(p.Header)))
		body := io.Reader(quotedprintable.NewReader(p))
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, p)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return shape, err
		}
		bodies[kind] = strings.ReplaceAll(string(raw), "\r\n", "\n")
	}
	if got := bodies["text/plain; charset=utf-8"]; strings.TrimRight(got, "\n") != strings.TrimRight(part.Text, "\n") {
		return shape, fmt.Errorf("the text reads %q", got)
	}
	text, marks, err := readHTML(bodies["text/html; charset=utf-8"])
	shape.Marks = append(shape.Marks, marks...)
	shape.Text = subject + "\n" + text // the plain text has no structure but the > before the lines of quotations
	return shape, err
}

// readHTML gives what is to be read of a page, its title included, and its elements with their attributes.
func readHTML(page string) (text string, marks []string, err error) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data != "style" {
				b.WriteString(n.Data)
			}
		case html.ElementNode:
			mark := n.Data
			for _, a := range n.Attr {
				mark += " " + a.Key + "=" + a.Val
			}
			if mark != "br" {
				marks = append(marks, mark)
			}
		case html.DoctypeNode:
		default:
			return "", nil, fmt.Errorf("%q is neither text nor element", n.Data)
		}
	}
	return b.String(), marks, nil
}

// FuzzShape: whatever a value is, the message is read as it is with a plain one.
func FuzzShape(f *testing.F) {
	for _, name := range channeltest.Hostile() {
		f.Add(name)
	}
	a := new(Adapter)
	of := func(name string) (channeltest.Shape, error) {
		doc := well
		doc.Subject, doc.Tag, doc.Reference = name, name, name
		doc.Blocks = slices.Clone(doc.Blocks)
		for i := range doc.Blocks {
			doc.Blocks[i].Spans = slices.Clone(doc.Blocks[i].Spans)
			for j := range doc.Blocks[i].Spans {
				doc.Blocks[i].Spans[j].Text = name
			}
		}
		parts, err := a.Compose(doc)
		if err != nil {
			return channeltest.Shape{}, err
		}
		return readPart(parts[0])
	}
	want, err := of("xZetax")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 300 {
			t.Skip()
		}
		if got, err := of("x" + name + "x"); err != nil || !slices.Equal(got.Marks, want.Marks) {
			t.Fatalf("%q, %v, want %q", got.Marks, err, want.Marks)
		}
	})
}
