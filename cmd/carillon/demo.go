package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// sample is the coalition of the tour: four groups, sixty members, twelve languages in five scripts.
//
//go:embed demo
var sample embed.FS

var sampleGroups = [...]gateway.DocumentGroup{
	{Slug: "harbour", Name: "Harbour Watch", Locale: "de", Fallback: []string{"en"}, Zone: "Europe/Berlin", Region: "DE"},
	{Slug: "rivers", Name: "Rivers Alliance", Locale: "sw", Fallback: []string{"en"}, Zone: "Africa/Nairobi", Region: "KE"},
	{Slug: "high-valley", Name: "High Valley Network", Locale: "hi", Fallback: []string{"en"}, Zone: "Asia/Kolkata", Region: "IN"},
	{Slug: "open-fields", Name: "Open Fields", Locale: "pt-BR", Fallback: []string{"es", "en"}, Zone: "America/Sao_Paulo", Region: "BR"},
}

var sampleTopics = []gateway.Topic{
	{Name: "reports", Title: "Progress reports", Titles: map[string]string{"ar": "التقارير", "de": "Berichte", "es": "Informes", "fa": "گزارش‌ها", "fr": "Rapports", "hi": "रिपोर्टें",
		"pt-BR": "Relatórios", "ru": "Отчёты", "sw": "Ripoti", "uk": "Звіти", "zh-Hans": "报告"}},
	{Name: "meetings", Title: "Meetings", Titles: map[string]string{"ar": "اللقاءات", "de": "Treffen", "es": "Reuniones", "fa": "جلسه‌ها", "fr": "Réunions", "hi": "बैठकें",
		"pt-BR": "Reuniões", "ru": "Встречи", "sw": "Mikutano", "uk": "Зустрічі", "zh-Hans": "会议"}},
	{Name: "alerts", Title: "Alerts", Titles: map[string]string{"ar": "الإنذارات", "de": "Warnungen", "es": "Alertas", "fa": "هشدارها", "fr": "Alertes", "hi": "चेतावनियाँ",
		"pt-BR": "Alertas", "ru": "Тревоги", "sw": "Tahadhari", "uk": "Тривоги", "zh-Hans": "警报"}},
}

func (sh *shell) demo() *cobra.Command {
	var once bool
	var listen string
	c := &cobra.Command{
		Use:   "demo",
		Short: "a tour with stand-in phones: nothing leaves your machine",
		Long: "Start everything in a temporary folder: a gateway, stand-ins for the providers, and a wall of sixty phones. A report\n" +
			"and a reminder go out; then raise an alert, cut a provider, let it hang, kill the gateway, or answer as a member.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return sh.runDemo(c.Context(), once, listen) },
	}
	c.AddCommand(sh.demoGateway())
	c.Flags().BoolVar(&once, "once", false, "run the whole tour unattended, print a summary and exit")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "address of the phone wall; with --once any free port is taken")
	return c
}

// tour is a running demo.
type tour struct {
	sh      *shell
	dir     string
	box     *sandbox.Sandbox
	wall    string // its URL
	mail    mailAt
	gateway *child
	api     *client.Client
	sent    []sentBroadcast
	twoWays []string // telephones of those who have another address as well
}

type sentBroadcast struct {
	group string
	id    gateway.ID
	meant int
}

func (sh *shell) runDemo(ctx context.Context, once bool, listen string) (err error) {
	if once {
		listen = "127.0.0.1:0"
	}
	dir, err := os.MkdirTemp("", "carillon-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return wrong("the phone wall cannot listen on %s: %w; choose another with --listen", listen, err)
	}
	t := &tour{sh: sh, dir: dir, wall: "http://" + listener.Addr().String()}
	t.box = sandbox.New(sandbox.Options{OpenChats: true, Pace: 300 * time.Millisecond})
	if t.mail, err = serveMail(t.box, "127.0.0.1:0", "127.0.0.1:0"); err != nil {
		return errors.Join(err, listener.Close(), t.box.Close())
	}
	running, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serveSandbox(running, t.box, listener) }()
	defer func() {
		if t.gateway != nil {
			t.gateway.stop()
		}
		stop()
		err = errors.Join(err, <-served)
	}()
	if err = t.begin(ctx); err == nil && once {
		err = t.unattended(ctx)
	} else if err == nil {
		err = t.attended(ctx)
	}
	if err != nil {
		t.showLog()
	}
	return err
}

// showLog prints the end of the gateway's log, which goes with the folder.
func (t *tour) showLog() {
	log, err := os.ReadFile(filepath.Join(t.dir, "gateway.log"))
	if err != nil || len(log) == 0 {
		return
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	fmt.Fprintf(t.sh.err, "The end of the gateway's log:\n%s\n", bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}

// begin starts the gateway and gives it the sample coalition.
func (t *tour) begin(ctx context.Context) error {
	t.say("Starting a gateway in a temporary folder …")
	if err := t.configure(); err != nil {
		return err
	}
	if err := t.boot(ctx); err != nil {
		return err
	}
	t.box.Account(sandbox.Account{SID: sampleAccount, Token: sampleToken, Numbers: []string{sampleNumber}, SMSURL: t.gateway.url + "/hooks/sms"})
	t.box.MattermostBot(sandbox.MattermostBot{Token: sampleTeamBot, Username: "carillon", Command: sandbox.Command{
		Trigger: "carillon", URL: t.gateway.url + "/hooks/mattermost", Token: sampleCommand}})
	t.box.Attach(tracer{t}, t.actions()...)
	doc := gateway.Document{}
	for _, g := range sampleGroups {
		g.Topics = sampleTopics
		if g.Slug == alertedGroup {
			g.Policies = []gateway.AlertPolicy{samplePolicy()}
		}
		doc.Groups = append(doc.Groups, g)
	}
	report, err := t.api.Apply(ctx, doc, false, false)
	if err != nil {
		return fmt.Errorf("applying the sample coalition: %w", err)
	}
	if n := report.Conflicts(); n > 0 {
		return fmt.Errorf("applying the sample coalition: %d conflicts", n)
	}
	members, asked := 0, 0
	for _, g := range sampleGroups {
		file, err := sample.ReadFile("demo/" + g.Slug + ".csv")
		if err != nil {
			return err
		}
		if err := t.hangPhones(file); err != nil {
			return err
		}
		report, err := t.api.ImportMembers(ctx, g.Slug, bytes.NewReader(file), gateway.ImportOptions{})
		if err != nil {
			return fmt.Errorf("importing the sample members of %s: %w", g.Slug, err)
		}
		if !report.Published {
			return fmt.Errorf("importing the sample members of %s: %+v", g.Slug, report.Problems)
		}
		members, asked = members+report.New, asked+report.Asked
	}
	t.say("%d groups with %d members; %d of them gave no consent, so they get nothing but a question.", len(sampleGroups), members, asked)
	return nil
}

// hangPhones puts the phones of a file of members on the wall.
func (t *tour) hangPhones(file []byte) error {
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return err
	}
	var phones []sandbox.Phone
	for _, row := range rows[1:] { // ref, name, language, …
		first := len(phones)
		for _, kind := range []string{sandbox.KindSMS, sandbox.KindTelegram, sandbox.KindMattermost, sandbox.KindEmail} {
			if address := row[slices.Index(rows[0], kind)]; address != "" {
				phones = append(phones, sandbox.Phone{Kind: kind, Address: address, Name: row[1], Language: row[2], Started: []string{"*"}})
			}
		}
		if hers := phones[first:]; len(hers) > 1 && hers[0].Kind == sandbox.KindSMS {
			t.twoWays = append(t.twoWays, hers[0].Address)
		}
	}
	return t.box.Phones(phones...)
}

// send submits the sample report or reminder to every group.
func (t *tour) send(ctx context.Context, kind gateway.Kind, topic string) error {
	words, err := sampleWords(string(kind))
	if err != nil {
		return err
	}
	today := time.Now()
	for _, g := range sampleGroups {
		// No two reports say the same: whoever looks up at the provider what became of one could take the other for it.
		draft := gateway.Draft{Kind: kind, Fallback: new(true), Audience: gateway.Audience{Topic: topic}, Key: fmt.Sprintf("demo-%s-%d", kind, len(t.sent)), Words: gateway.Words{Sources: words, Data: map[string]string{
			"group": g.Name, "count": fmt.Sprint(912 + len(t.sent)), "next": today.AddDate(0, 0, 10).Format(time.DateOnly), "when": today.AddDate(0, 0, 3).Format(time.DateOnly) + "T10:00", "place": "Sala 3"}}}
		for name := range draft.Words.Data {
			if !bytes.Contains([]byte(words["en"]), []byte("{"+name)) {
				delete(draft.Words.Data, name)
			}
		}
		preview, err := t.api.Preview(ctx, g.Slug, draft)
		if err != nil {
			return fmt.Errorf("trying a %s to %s: %w", kind, g.Slug, err)
		}
		answer, err := t.api.Submit(ctx, g.Slug, draft)
		if err != nil {
			return fmt.Errorf("sending a %s to %s: %w", kind, g.Slug, err)
		}
		t.sent = append(t.sent, sentBroadcast{group: g.Slug, id: answer.ID, meant: preview.Members})
	}
	return nil
}

func sampleWords(kind string) (map[string]string, error) {
	words := map[string]string{}
	files, err := fs.Glob(sample, "demo/words/"+kind+"/*.md")
	for _, name := range files {
		text, readErr := sample.ReadFile(name)
		err = errors.Join(err, readErr)
		words[strings.TrimSuffix(path.Base(name), ".md")] = string(text)
	}
	return words, err
}

// guide says what there is to do on the wall.
const guide = `
On the wall, open a phone: read it, and answer as its owner (try STOP). Its top
sends a report, cuts a provider, lets it hang, or kills the gateway. It raises
an alert, too: that asks one feature phone, then the first on the wall. With no
answer she is asked again after a minute, and others after two; whoever answers
1 is in charge.
`

// attended leaves the stage to the person.
func (t *tour) attended(ctx context.Context) error {
	if err := t.send(ctx, gateway.KindReport, "reports"); err != nil {
		return err
	}
	if err := t.send(ctx, gateway.KindReminder, "meetings"); err != nil {
		return err
	}
	t.say("\nA report and a reminder are on their way to every group, in twelve languages.\n")
	t.say("  The phone wall:  %s/", t.wall)
	t.say("  The gateway:     %s/api/v1/openapi.json", t.gateway.url)
	t.say("%s", guide)
	t.say("From another terminal in this folder, as its operator:\n")
	t.say("  export CARILLON_SERVER=%s", t.gateway.url)
	t.say("  export CARILLON_TOKEN_FILE=%s", filepath.Join(t.dir, "data", "operator.token"))
	t.say("  %s broadcast list --group harbour\n\nCtrl-C ends it and deletes everything.", typed(os.Args[0]))
	<-ctx.Done()
	t.say("\nCleaning up.")
	return nil
}

// typed gives what a person types to start this program again, from the path by which it was started: "go run" starts one
// in Go's cache, where nobody finds it.
func typed(path string) string {
	if strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/carillon"
	}
	return path
}

func (t *tour) say(format string, args ...any) {
	if !t.sh.json() {
		fmt.Fprintf(t.sh.out, format+"\n", args...)
	}
}

func printJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own plain types always encode
	}
	return string(b)
}
