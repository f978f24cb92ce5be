package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	token = "kit-token-of-the-account"
	self  = "@carillon:harbour.example"
)

// newHomeserver starts a homeserver that knows the kit's account.
func newHomeserver() (*channeltest.SandboxDouble, func(), error) {
	d, stop, err := channeltest.Sandbox(sandbox.Matrix, sandbox.KindMatrix, "", sandbox.Options{Strict: true})
	if err == nil {
		d.Box.MatrixUser(sandbox.MatrixUser{Token: token, ID: self})
	}
	return d, stop, err
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// allowed are the elements that clients are told to show (client-server API, "m.room.message msgtypes"), of those that we write.
var allowed = map[string]bool{"h2": true, "p": true, "ul": true, "ol": true, "li": true, "blockquote": true, "strong": true, "em": true, "code": true, "a": true, "br": true}

// called finds what a client calls somebody by: a user's id, or everybody (client-server API, "User and room mentions").
var called = regexp.MustCompile(`(^|\s)@(room\b|[a-z0-9._=/+-]+:[A-Za-z0-9][A-Za-z0-9.-]*)`)

// read reads a part's HTML with the tokenizer of golang.org/x/net.
func read(part channels.Part) (channeltest.Shape, error) {
	var shape channeltest.Shape
	var open []string
	z := html.NewTokenizer(strings.NewReader(part.HTML))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || len(open) > 0 {
				return shape, fmt.Errorf("%q are open: %w", open, z.Err())
			}
			return shape, nil
		case html.TextToken:
			text := z.Token().Data
			shape.Text += text
			for range called.FindAllString(text, -1) {
				shape.Marks = append(shape.Marks, "mention")
			}
		case html.StartTagToken:
			t := z.Token()
			if !allowed[t.Data] || t.Data == "a" != (len(t.Attr) == 1) || len(t.Attr) > 1 {
				return shape, fmt.Errorf("Matrix does not know %s", t)
			}
			if t.Data == "br" {
				continue
			}
			mark := t.Data
			if t.Data == "a" {
				mark += " " + t.Attr[0].Val
			}
			shape.Marks, open = append(shape.Marks, mark), append(open, t.Data)
		case html.EndTagToken:
			t := z.Token()
			if len(open) == 0 || open[len(open)-1] != t.Data {
				return shape, fmt.Errorf("%s closes nothing", t)
			}
			open = open[:len(open)-1]
		default:
			return shape, fmt.Errorf("neither text nor element: %s", z.Token())
		}
	}
}

func subject() channeltest.Subject {
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			h, stop, err := newHomeserver()
			return h, stop, err
		},
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return New(channels.Settings{Name: "matrix-kit", HookURL: hook, Options: []byte(`{"base_url":"` + d.URL() + `","token":"` + token + `"}`)})
		},
		Valid: map[string]channels.Address{
			"!abc123:Harbour.example": "!abc123:Harbour.example", " #News:Harbour.Example ": "#News:harbour.example", "https://matrix.to/#/%23news:harbour.example?via=x": "#news:harbour.example",
			"!0sHgfdk3_nQ-1xZlN8f0v4hUfN1x6o2yC6uQn5dKpJc": "!0sHgfdk3_nQ-1xZlN8f0v4hUfN1x6o2yC6uQn5dKpJc",
		},
		Invalid: []string{"", "Anna", "@anna:harbour.example", "#hafen", "!a b:harbour.example", "!abc:harbour.example/../x"},
		People:  []channels.Address{"!room-one-8127:harbour.example", "!room-two-8128:harbour.example", "!room-three-8129:harbour.example"},
		Secrets: []string{token},
		Length:  func(p channels.Part) int { return len(p.Text) + len(p.HTML) },
		Read:    read,
	}
}

func TestConformance(t *testing.T) {
	for _, c := range channeltest.Checks(subject()) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}
