package apptest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// recorder keeps all that providers are sent, byte by byte: requests whole, and what mail servers read.
type recorder struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Write(b)
}

// taken gives what was sent so far; what follows is kept apart.
func (r *recorder) taken() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := bytes.Clone(r.all.Bytes())
	r.all.Reset()
	return taken
}

// before keeps requests on their way to a handler.
func (r *recorder) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, "cut off", http.StatusBadRequest)
			return
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		if !strings.HasSuffix(q.URL.Path, "/getUpdates") {
			plain, _ := url.QueryUnescape(string(body))
			_, _ = fmt.Fprintf(r, "%s %s %v\n%s\n%s\n", q.Method, q.URL, q.Header, body, plain)
		}
		h.ServeHTTP(w, q)
	})
}

// listener keeps what its connections read.
type listener struct {
	net.Listener
	r *recorder
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return heardConn{c, l.r}, nil
}

type heardConn struct {
	net.Conn
	r *recorder
}

func (c heardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	_, _ = c.r.Write(b[:n])
	return n, err
}

// quiet is a world with all four channels in which everything that providers get is kept. Its names are telling: the
// sender of text messages, the mail channel, the sender's name in mail. Mattermost is fit for sensitive texts.
type quiet struct {
	*apptest.World
	sent *recorder
}

const (
	telling = "Zephyr Harbour Choir"
	slug    = "zephyr-choir"
	mattie  = "mattieaaaaaaaaaaaaaaaaaaa1"
)

func newQuiet(t *testing.T) *quiet {
	const token = "storybottoken0000000000001"
	q := &quiet{World: apptest.New(t, apptest.Options{Senders: 2, Sandbox: sandbox.Options{TeamBots: []sandbox.MattermostBot{{Token: token}}}}), sent: &recorder{}}
	if err := q.Box.Phones(sandbox.Phone{Kind: sandbox.KindMattermost, Address: mattie, Username: "mattie"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(q.sent.before(q.Box.Handler()))
	t.Cleanup(server.Close)
	var at [2]net.Listener
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = listener{l, q.sent}
	}
	if _, err := q.Box.ServeMail(at[0], at[1]); err != nil {
		t.Fatal(err)
	}
	q.Box.Account(sandbox.Account{SID: apptest.Account, Token: apptest.Token, SMSURL: q.URL + "/hooks/sms", Numbers: []string{apptest.Number, "ZephyrHarb"}})
	text, err := os.ReadFile(q.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	config := strings.ReplaceAll(string(text), q.Wall, server.URL)
	config = strings.Replace(config, fmt.Sprintf("from: %q", apptest.Number), fmt.Sprintf("from: ZephyrHarb, neutral_from: %q, content_retention: discard", apptest.Number), 1)
	for name, secret := range map[string]string{"bot": token, "buttons": "a-secret-for-the-buttons-of-a-story", "mailpass": "sample-password", "mailsecret": "sample-secret-of-mail"} {
		if err := os.WriteFile(q.Dir+"/"+name, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config += fmt.Sprintf("  - name: mattermost\n    adapter: mattermost\n    options: {token: {file: bot}, action_secret: {file: buttons}, base_url: %q, sensitive: true}\n", server.URL)
	config += fmt.Sprintf("  - name: zephyr-harbour-mail\n    adapter: email\n    options: {host: 127.0.0.1, tls: none, port: %d, username: sender, password: {file: mailpass}, from: news@people.example, from_name: %q, secret: {file: mailsecret}, per_second: 1000, "+
		"return_to: answers@people.example, imap_host: 127.0.0.1, imap_tls: none, imap_port: %d, imap_username: answers@people.example, imap_password: {file: mailpass}}\n",
		at[0].Addr().(*net.TCPAddr).Port, telling, at[1].Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(q.ConfigFile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	q.Start()
	report, err := q.API.Apply(t.Context(), gateway.Document{Groups: []gateway.DocumentGroup{{Slug: slug, Name: telling, Locale: "en", Zone: "Europe/Berlin", Region: "DE",
		Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}}}}}, false, false)
	if err != nil || report.Conflicts() > 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	return q
}

const quietHeader = "ref,language,neutral,sms,telegram,mattermost,email,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"

func (q *quiet) join(rows ...string) {
	q.T.Helper()
	file := quietHeader
	for i, row := range rows {
		consent := "reports alerts,join-2,en,2026-01-10T10:00:00Z,paper form"
		if address, asked := strings.CutPrefix(row, "?"); asked {
			row, consent = address, ",,,,"
		}
		file += fmt.Sprintf("%s-%d,en,%s,%s\n", q.T.Name()[4:8], len(row)*100+i, row, consent)
	}
	if report, err := q.API.ImportMembers(q.T.Context(), slug, strings.NewReader(file), gateway.ImportOptions{}); err != nil || report.New != len(rows) {
		q.T.Fatalf("%v, %+v", err, report)
	}
}

// texts gives what came to an address.
func (q *quiet) texts(to string) (texts []string) {
	for _, e := range q.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.Kept && e.To == to {
			texts = append(texts, e.From+": "+e.Plain+e.Text)
		}
	}
	return texts
}

// ended waits until nothing of a broadcast is left to be handed over.
func (q *quiet) ended(id gateway.ID) {
	q.T.Helper()
	q.Until(time.Minute, "for a broadcast to leave", func() bool {
		c := q.Counts(slug, id)
		return c["planning"]+c[string(gateway.Waiting)]+c[string(gateway.Sending)] == 0
	})
}

// TestNeutralModeNamesNobody (threat T10): four members in neutral mode, one on each channel, in a group whose sender, mail
// channel and name in mail all tell of it. They are sent a report, a reminder, an alert, one for danger to life; one is
// asked to confirm; each says STOP and hears that it was heard. In nothing that any provider gets, headers and links
// included, is there a word of the group's name or of the texts. Then a member who is not in neutral mode joins, and
// the same search finds both.
func TestNeutralModeNamesNobody(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	numbers := apptest.Numbers(t, 4)
	q.join("yes,"+numbers[0]+",,,", "yes,,906070801,,", "yes,,,"+mattie+",", "yes,,,,nadia@people.example", "?yes,"+numbers[1]+",,,")
	words := gateway.Words{Sources: map[string]string{"en": "---\nsubject: The xylophone of {group}\nsms: \"{group}: the xylophone is tuned.\"\n---\n\n**{group}**: the xylophone is tuned.\n"}}
	send := func(key string) {
		for _, d := range []gateway.Draft{{Kind: gateway.KindReport}, {Kind: gateway.KindReminder}, {Kind: gateway.KindAlert}, {Kind: gateway.KindAlert, DangerToLife: true}, {Kind: gateway.KindReport, Sensitive: true}} {
			d.Key = fmt.Sprint(key, d.Kind, d.DangerToLife, d.Sensitive)
			d.Audience, d.Words = gateway.Audience{Topic: "alerts"}, words
			q.ended(q.Submit(slug, d))
		}
	}
	send("first ")
	if _, err := q.API.AskMembers(t.Context(), slug, nil); err != nil {
		t.Fatal(err)
	}
	q.UntilBox(20*time.Second, "for the question", func() bool { return len(q.texts(numbers[1])) == 1 })
	neutral := map[string]string{sandbox.KindSMS: numbers[0], sandbox.KindTelegram: "906070801", sandbox.KindMattermost: mattie, sandbox.KindEmail: "nadia@people.example"}
	for kind, address := range neutral {
		if n := len(q.texts(address)); n != 5 {
			t.Errorf("%s got %d messages", kind, n)
		}
		r := sandbox.Reply{Kind: kind, Address: address, Text: "STOP"}
		if kind == sandbox.KindSMS {
			r.To = apptest.Number
		}
		if _, err := q.Box.Reply(r); err != nil {
			t.Fatal(err)
		}
	}
	q.UntilBox(time.Minute, "for the words on STOP", func() bool {
		n := 0
		for _, address := range neutral {
			n += len(q.texts(address))
		}
		return n >= 5*4+3 // Twilio itself answers the text message
	})
	sent := q.sent.taken()
	for _, want := range []string{"You have a message", "You will get no more messages", "Do you want to get messages here?", "ContentRetention=discard", "RCPT TO:<nadia@people.example>", "List-Id: <messages.people.example>"} {
		if !bytes.Contains(sent, []byte(want)) {
			t.Errorf("%q is not among what providers got: this looks in the wrong place", want)
		}
	}
	markers := []string{telling, "Zephyr", "Choir", slug, "ZephyrHarb", "xylophone"}
	search(t, "what providers got", sent, markers)

	q.join("no,"+numbers[2]+",,,", "no,,,,olga@people.example")
	send("second ")
	sent = q.sent.taken()
	for _, want := range []string{telling, "ZephyrHarb", "xylophone", "From: \"" + telling + "\"", "List-Id: <zephyr-harbour-mail.people.example>"} {
		if !bytes.Contains(sent, []byte(want)) {
			t.Errorf("the search does not find %q where it is", want)
		}
	}
	if bytes.Contains(sent, []byte("/hooks/zephyr")) {
		t.Error("the link that unsubscribes names the channel")
	}
}

// TestASensitiveTextMovesOn: Ida prefers Mattermost, which is fit for a sensitive text, and Jo his phone. Both first ways
// fail: Ida gets the pointer on her phone, and Jo the text in Mattermost. What the author is told is what was planned.
func TestASensitiveTextMovesOn(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	const jo = "joaaaaaaaaaaaaaaaaaaaaaaa1"
	if err := q.Box.Phones(sandbox.Phone{Kind: sandbox.KindMattermost, Address: jo, Username: "jo"}); err != nil {
		t.Fatal(err)
	}
	numbers := apptest.Numbers(t, 2)
	file := "ref,language,mattermost,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\nida,en," + mattie + "," + numbers[0] + ",reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	other := "ref,language,sms,mattermost,consent_topics,consent_wording,consent_language,consent_time,consent_proof\njo,en," + numbers[1] + "," + jo + ",reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	for _, f := range []string{file, other} {
		if report, err := q.API.ImportMembers(t.Context(), slug, strings.NewReader(f), gateway.ImportOptions{}); err != nil || report.New != 1 {
			t.Fatalf("%v, %+v", err, report)
		}
	}
	q.Script(sandbox.Fault{Kind: sandbox.Failure, Address: numbers[1], Status: 400, Code: 21211})
	q.Script(sandbox.Fault{Kind: sandbox.Failure, Address: mattie, Status: 403, Text: "api.context.permissions.app_error"})
	answer, err := q.API.Submit(t.Context(), slug, gateway.Draft{Kind: gateway.KindReport, Sensitive: true, Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("The xylophone is tuned.")})
	if err != nil || len(answer.Pointers) != 1 || answer.Pointers[0].Members != 1 || answer.Pointers[0].Channel != "sms" {
		t.Fatalf("the author is told %+v, %v", answer.Pointers, err)
	}
	q.ended(answer.ID)
	if got := q.texts(numbers[0]); len(got) != 1 || !strings.Contains(got[0], "You have a message") || strings.Contains(got[0], "xylophone") {
		t.Errorf("Ida's phone shows %q", got)
	}
	if got := q.texts(jo); len(got) != 1 || !strings.Contains(got[0], "The xylophone is tuned.") {
		t.Errorf("Jo's Mattermost shows %q", got)
	}
	for _, name := range []string{"sms", "telegram", "mattermost", "zephyr-harbour-mail"} {
		if result, err := q.API.CheckChannel(t.Context(), "", q.Channel(name).ID); err != nil || !result.OK || result.Warnings != nil {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	if fit := q.Channel("mattermost").Sensitive; !fit || q.Channel("sms").Sensitive {
		t.Error("Mattermost is fit for sensitive texts by its options, text messages never are")
	}
}

// TestNeutralModeCountsForWhatWaits: a report waits for a channel that is paused. Meanwhile Kim's phone is taken, and she is
// put into neutral mode. A second file, which does not speak of it, brings her another topic. What waited for her reaches her as
// a pointer, which was written beside the text for this; Lou gets the report. What is sent from then on reaches her as a
// pointer too.
func TestNeutralModeCountsForWhatWaits(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	numbers := apptest.Numbers(t, 2)
	take := func(column, kim string) {
		t.Helper()
		const consent = "reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
		file := "ref,language," + column + "sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\nkim,en," + kim + numbers[0] + "," + consent
		if column == "" {
			file += "lou,en," + numbers[1] + "," + consent
		}
		if report, err := q.API.ImportMembers(t.Context(), slug, strings.NewReader(file), gateway.ImportOptions{}); err != nil || !report.Published {
			t.Fatalf("%v, %+v", err, report)
		}
	}
	take("", "")
	if err := q.API.PauseChannel(t.Context(), "", q.Channel("sms").ID, false); err != nil {
		t.Fatal(err)
	}
	d := gateway.Draft{Key: "waits", Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("The xylophone is tuned.")}
	id := q.Submit(slug, d)
	q.Until(20*time.Second, "for the report to be planned", func() bool { return q.Counts(slug, id)[string(gateway.Waiting)] == 2 })
	take("neutral,", "yes,")
	take("", "")
	if err := q.API.ResumeChannel(t.Context(), "", q.Channel("sms").ID, false); err != nil {
		t.Fatal(err)
	}
	q.ended(id)
	d.Key = "later"
	q.ended(q.Submit(slug, d))
	if got := q.texts(numbers[0]); len(got) != 2 || !strings.Contains(got[0], "You have a message") || !strings.Contains(got[1], "You have a message") {
		t.Errorf("Kim's phone shows %q", got)
	}
	if got := q.texts(numbers[1]); len(got) != 2 || !strings.Contains(got[0]+got[1], "xylophone") {
		t.Errorf("Lou's phone shows %q", got)
	}
	page, err := q.API.Deliveries(t.Context(), slug, gateway.DeliveryFilter{Broadcast: id, State: gateway.Ended}, 10)
	if err != nil || len(page) != 0 {
		t.Errorf("what waited has failed: %+v, %v", page, err)
	}
}
