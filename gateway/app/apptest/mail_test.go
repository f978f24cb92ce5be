package apptest_test

import (
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// TestMail: a report goes by mail. Zahra's comes back an hour later, and she gets it on her phone instead; Yusuf answers
// STOP, and Xenia presses unsubscribe: the next report reaches neither, and only Zahra's phone. The mailbox is looked
// into although the gateway has a public URL, and nothing of it stands in the log.
func TestMail(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 2})
	var at [2]net.Listener
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l
	}
	certificate, err := w.Box.ServeMail(at[0], at[1])
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.Apply("harbour")
	options, err := json.Marshal(map[string]any{
		"host": "127.0.0.1", "port": at[0].Addr().(*net.TCPAddr).Port, "ca": certificate, "username": "carillon", "password": "sample-password", "from": "news@harbour.example",
		"secret": "sample-secret-of-mail", "per_second": 1000, "return_to": "mail@harbour.example", "imap_host": "127.0.0.1", "imap_port": at[1].Addr().(*net.TCPAddr).Port,
		"imap_tls": "starttls", "imap_username": "mail@harbour.example", "imap_password": "sample-password",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.API.PutChannel(t.Context(), "", client.NewChannel{Name: "mail", Adapter: "email", Senders: 4, Options: options}); err != nil {
		t.Fatal(err)
	}
	phone := apptest.Numbers(t, 1)[0]
	rows := "ref,name,language,email,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"
	for i, mailbox := range []string{"zahra-quixotic@people.example", "yusuf-quixotic@people.example", "xenia-quixotic@people.example"} {
		sms := ""
		if i == 0 {
			sms = phone
		}
		rows += "m" + strconv.Itoa(i) + ",Quixotic,en," + mailbox + "," + sms + ",reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	}
	if report, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader(rows), gateway.ImportOptions{}); err != nil || report.New != 3 {
		t.Fatalf("%v, %+v", err, report)
	}
	w.Script(sandbox.Fault{Kind: sandbox.Bounce, Address: "zahra-quixotic@people.example", Text: "5.1.1", For: time.Hour})
	kept := func() map[string]int {
		n := map[string]int{}
		for _, e := range w.Box.Log(0, 0) {
			if e.Kind == sandbox.EntryMessage && e.Kept {
				n[e.To]++
			}
		}
		return n
	}
	first := w.Report("harbour", "week-47", "The quixotic well is dug.")
	w.Until(time.Minute, "for the mails to be handed over", func() bool { return w.Counts("harbour", first)[string(gateway.DeliveryAccepted)] == 3 })
	if n := kept(); n["zahra-quixotic@people.example"] != 1 || n["yusuf-quixotic@people.example"] != 1 || n["xenia-quixotic@people.example"] != 1 || n[phone] != 0 {
		t.Fatalf("the first report reached %v", n)
	}
	w.Box.Advance(time.Hour)
	w.UntilBox(time.Minute, "for the text message", func() bool { return kept()[phone] == 1 })
	for _, r := range []sandbox.Reply{{Address: "yusuf-quixotic@people.example", Text: "Stop."}, {Address: "xenia-quixotic@people.example", Leave: true}} {
		r.Kind = sandbox.KindEmail
		if _, err := w.Box.Reply(r); err != nil {
			t.Fatal(err)
		}
	}
	w.Until(time.Minute, "for both to be stopped", func() bool {
		members, err := w.API.Members(t.Context(), "harbour", 0)
		if err != nil {
			t.Fatal(err)
		}
		states := ""
		for _, m := range members {
			for _, p := range m.Points {
				states += p.Kind + " " + string(p.State) + "\n"
			}
		}
		return strings.Count(states, "email stopped") == 2 && strings.Count(states, "email invalid") == 1 && strings.Count(states, "sms active") == 1
	})
	w.Settled(time.Minute, "harbour", w.Report("harbour", "week-48", "It gives quixotic water."))
	w.UntilBox(time.Minute, "for the second text message", func() bool { return kept()[phone] == 2 })
	if n := kept(); n["zahra-quixotic@people.example"] != 1 || n["xenia-quixotic@people.example"] != 1 {
		t.Errorf("the second report reached %v", n)
	}
	w.Stop()
	searchData(t, w, []string{"quixotic", "Quixotic"})
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	search(t, "the log", log, []string{"quixotic", "Quixotic", phone, "sample-password"})
}
