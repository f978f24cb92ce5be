package email

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// found is what Python says of a message.
type found struct {
	Verified []struct {
		OK        bool   `json:"ok"`
		Algorithm string `json:"algorithm"`
		Headers   string `json:"headers"`
	} `json:"verified"`
	Defects []string `json:"defects"`
	Type    string   `json:"type"`
	Parts   []struct {
		Type    string `json:"type"`
		Charset string `json:"charset"`
		Text    string `json:"text"`
	} `json:"parts"`
	Headers map[string][]string `json:"headers"`
	Longest int                 `json:"longest"`
	Bare    int                 `json:"bare"`
	ASCII   bool                `json:"ascii"`
}

// examine has messages read and verified by others' code.
func examine(t *testing.T, dns map[string]string, messages ...string) []found {
	t.Helper()
	python := "/usr/bin/python3" // Debian's, which has Debian's packages
	if err := exec.Command(python, "-c", "import dkim, nacl").Run(); err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" {
			t.Fatal("dkimpy is required and is not there: install python3-dkim and python3-nacl")
		}
		t.Skip("no dkimpy here")
	}
	in, err := json.Marshal(map[string]any{"messages": messages, "dns": dns})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/examine.py")
	cmd.Stdin = bytes.NewReader(in)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("examine.py: %v\n%s", err, complaints.String())
	}
	var all []found
	if err := json.Unmarshal(out, &all); err != nil || len(all) != len(messages) {
		t.Fatalf("%d answers, %v", len(all), err)
	}
	return all
}

// keysAndDNS makes a key of each sort and the records of their public halves.
func keysAndDNS(t *testing.T) (options []map[string]any, dns map[string]string) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := x509.MarshalPKIXPublicKey(r.Public())
	if err != nil {
		t.Fatal(err)
	}
	dns = map[string]string{
		"one._domainkey.harbour.example": "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(rsaPublic),
		"two._domainkey.harbour.example": "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public),
	}
	for selector, key := range map[string]any{"one": r, "two": private} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, map[string]any{"domain": "harbour.example", "selector": selector, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	}
	return options, dns
}

// well is a report in Arabic with what is hard in it: names, numbers, links and code in the other direction, and text
// that would be markup.
var well = content.Document{
	Locale: "ar", Direction: content.RightToLeft, Subject: "تقرير: حُفرت البئر 12", Reference: "K7Q2",
	Blocks: []content.Block{
		{Kind: content.Heading, Spans: []content.Span{{Text: "حُفرت البئر"}}},
		{Kind: content.Paragraph, Spans: []content.Span{{Text: "12 أسرة، انظر "}, {Text: "Harbour", Link: "https://harbour.example/?a=1&b=\"<2>"}, {Text: " <script>alert(1)</script>\nسطر آخر"}}},
		{Kind: content.Bullets, Items: [][]content.Span{{{Text: "أولا", Strong: true}}, {{Text: "abc-123", Code: true}}}},
		{Kind: content.Numbered, Items: [][]content.Span{{{Text: "واحد"}}, {{Text: "اثنان", Emph: true}}}},
		{Kind: content.Quote, Spans: []content.Span{{Text: "كلام"}}},
	},
}

// composed sends a document through a channel with everything on, and gives what the server got.
func composed(t *testing.T, doc content.Document, changes map[string]any) (message string, part channels.Part) {
	t.Helper()
	f := startFake(t, map[string]string{})
	o := map[string]any{"return_to": "mail@harbour.example", "imap_host": "127.0.0.1", "imap_username": "mail", "imap_password": password, "from_name": "Hafen, \"Wächter\" & Co"}
	for k, v := range changes {
		o[k] = v
	}
	a := f.adapter(t, o, "https://gateway.example/hooks/email-kit")
	parts, err := a.Compose(doc)
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	m := outbound("k")
	m.Part = parts[0]
	if _, e := send(t, a, m); e != nil {
		t.Fatal(e)
	}
	messages, _, _ := f.got()
	return messages[0], parts[0]
}

// dkimpy verifies both signatures, which cover the headers that must be covered; any change breaks them.
func TestSignaturesAreVerifiedByDkimpy(t *testing.T) {
	keys, dns := keysAndDNS(t)
	message, _ := composed(t, well, map[string]any{"dkim": keys})
	altered := map[string]string{
		"an added From":         "From: eve@example.org\r\n" + message,
		"another unsubscribing": strings.Replace(message, "gateway.example", "evil.example", 1),
		"another body":          message[:len(message)-60] + "x" + message[len(message)-60:],
	}
	names := slices.Sorted(maps.Keys(altered))
	messages := []string{message}
	for _, name := range names {
		messages = append(messages, altered[name])
	}
	all := examine(t, dns, messages...)
	f := all[0]
	algorithms := map[string]bool{}
	for _, s := range f.Verified {
		algorithms[s.Algorithm] = s.OK
		for _, name := range []string{"from", "to", "subject", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post", "list-id"} {
			if !strings.Contains(":"+s.Headers+":", ":"+name+":") {
				t.Errorf("%s does not cover %s", s.Algorithm, name)
			}
		}
	}
	if len(f.Verified) != 2 || !algorithms["rsa-sha256"] || !algorithms["ed25519-sha256"] {
		t.Errorf("the signatures: %+v", f.Verified)
	}
	for i, name := range names {
		for _, s := range all[i+1].Verified {
			if s.OK {
				t.Errorf("%s leaves %s good", name, s.Algorithm)
			}
		}
	}
}

// Python's mail package reads the structure that we meant, without a defect.
func TestTheStructureIsReadByPython(t *testing.T) {
	message, part := composed(t, well, nil)
	f := examine(t, nil, message)[0]
	if len(f.Defects) != 0 || f.Type != "multipart/alternative" || len(f.Parts) != 2 || f.Bare != 0 || !f.ASCII || f.Longest > 998 {
		t.Fatalf("defects %v, type %s, %d parts, %d bare line ends, ASCII %v, longest line %d", f.Defects, f.Type, len(f.Parts), f.Bare, f.ASCII, f.Longest)
	}
	lines := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
	if p := f.Parts[0]; p.Type != "text/plain" || p.Charset != "utf-8" || lines(p.Text) != part.Text {
		t.Errorf("the text: %+v", p)
	}
	if p := f.Parts[1]; p.Type != "text/html" || p.Charset != "utf-8" || lines(p.Text) != part.HTML {
		t.Errorf("the HTML: %+v", p)
	}
	one := func(name string) string {
		if len(f.Headers[name]) != 1 {
			t.Errorf("%s stands %d times", name, len(f.Headers[name]))
			return ""
		}
		return f.Headers[name][0]
	}
	for name, want := range map[string]string{
		"subject": well.Subject, "auto-submitted": "auto-generated", "list-id": "<email-kit.harbour.example>", "list-unsubscribe-post": "List-Unsubscribe=One-Click",
		"to": "anna@example.org", "mime-version": "1.0",
	} {
		if got := one(name); strings.Trim(got, "<>") != strings.Trim(want, "<>") {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, has := range map[string]string{
		"from": `Hafen, \"Wächter\" & Co`, "reply-to": "mail+r", "list-unsubscribe": "<https://gateway.example/hooks/email-kit?u=", "message-id": "@harbour.example>", "date": ":",
	} {
		if got := one(name); !strings.Contains(got, has) {
			t.Errorf("%s is %q, and lacks %q", name, got, has)
		}
	}
	leave := one("list-unsubscribe")
	if !strings.Contains(leave, ", <mailto:mail+u") || strings.Contains(leave, "anna") || strings.Contains(leave, attemptID) {
		t.Errorf("list-unsubscribe is %q", leave)
	}
	if !strings.Contains(message, "\r\nList-Unsubscribe: <https://") {
		t.Error("List-Unsubscribe is folded")
	}
}

// An event goes with the text as a file, which stays as it is written.
func TestAnEventIsAttached(t *testing.T) {
	doc := well
	doc.Calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Plenum = Vollversammlung, größer\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	message, part := composed(t, doc, nil)
	f := examine(t, nil, message)[0]
	if len(f.Defects) != 0 || f.Type != "multipart/mixed" || len(f.Parts) != 3 || f.Bare != 0 || !f.ASCII || f.Longest > 998 {
		t.Fatalf("defects %v, type %s, parts %+v, %d bare line ends, ASCII %v, longest line %d", f.Defects, f.Type, f.Parts, f.Bare, f.ASCII, f.Longest)
	}
	lines := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
	for i, want := range []struct{ kind, text string }{{"text/plain", part.Text}, {"text/html", part.HTML}, {"text/calendar", lines(doc.Calendar)}} {
		if p := f.Parts[i]; p.Type != want.kind || p.Charset != "utf-8" || lines(p.Text) != want.text {
			t.Errorf("part %d is %+v", i, p)
		}
	}
	if !strings.Contains(message, "Content-Disposition: attachment; filename=\"event.ics\"\r\nContent-Type: text/calendar; method=PUBLISH; charset=utf-8\r\n") {
		t.Error("it is not told that the file is one to be taken in")
	}
}

// Whatever stands in a subject or a name stays in it (threat T17): a parser finds the same structure as with a plain one.
func TestNothingGetsOutOfItsField(t *testing.T) {
	plain, _ := composed(t, content.Document{Locale: "en", Subject: "Report", Blocks: []content.Block{content.Text("Text")}}, nil)
	messages := []string{plain}
	hostiles := []string{
		"x\r\nBcc: eve@example.org", "x\r\n\r\n<html>", "=?utf-8?q?x=0D=0ABcc:_eve@example.org?=", "{{.Secret}}", "%9999999d", strings.Repeat("long ", 2000), "a\u202eb\u2066c", "\x00\x07\x1b[31m", "--\r\n--x", "=cmd|' /C calc'!A0", "\u2028Bcc: x",
	}
	for _, hostile := range hostiles {
		message, _ := composed(t, content.Document{Locale: "en", Subject: hostile, Tag: hostile[:min(len(hostile), 30)], Reference: hostile[:min(len(hostile), 30)], Blocks: []content.Block{content.Text("x" + hostile)}}, nil)
		messages = append(messages, message)
	}
	all := examine(t, nil, messages...)
	want := all[0]
	for i, hostile := range hostiles {
		got := all[i+1]
		if len(got.Headers) != len(want.Headers) || len(got.Parts) != 2 || len(got.Defects) != 0 || got.Headers["bcc"] != nil || got.Bare != 0 || got.Longest > 998 {
			t.Errorf("%.30q: %d headers, want %d; %d parts; defects %v; longest line %d", hostile, len(got.Headers), len(want.Headers), len(got.Parts), got.Defects, got.Longest)
		}
	}
}

// On a lost phone (threat T10): with a neutral sender, what leaves for a member in neutral mode says nothing of the group
// in any header or part, read as a mail program reads it.
func TestANeutralMessageSaysNothing(t *testing.T) {
	pointer := content.Document{Locale: "en", Subject: "A note", Reference: "K7Q2", Blocks: []content.Block{content.Text("There is something for you.")}}
	message, _ := composed(t, pointer, map[string]any{"from": "post@notes.example", "from_name": nil, "return_to": "back@notes.example", "list_id": "notes.example"})
	f := examine(t, nil, message)[0]
	said, err := json.Marshal([]any{f.Headers, f.Parts})
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range []string{"harbour", "hafen", "wächter", "email-kit.", "carillon"} {
		if strings.Contains(strings.ToLower(strings.ReplaceAll(string(said), "gateway.example/hooks/email-kit?", "")), term) {
			t.Errorf("the message says %q:\n%s", term, said)
		}
	}
}
