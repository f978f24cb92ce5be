package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-gateway/carillon/config"
)

var update = flag.Bool("update", false, "write generated files anew")

const marker = "hunter2-marker"

var key = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// token stands for the credential type of another package.
type token string

func (token) String() string   { return "[secret]" }
func (t token) Reveal() string { return string(t) }

type options struct {
	From     string   `json:"from" required:"true" doc:"the sender, as in +15550100"`
	Token    token    `json:"token"`
	Burst    int      `json:"burst,omitempty" min:"1" max:"50"`
	Backups  []string `json:"backups"`
	Deep     *deep    `json:"deep"`
	Fallback bool     `json:"fallback"`
}

type deep struct {
	Key token `json:"key"`
}

var adapters = map[string]any{"sms": &options{}, "telegram": &struct{}{}}

func env(pairs ...string) func(string) (string, bool) {
	m := map[string]string{"KEY": key, "TOKEN": marker, "PG": "postgres://a:b@host/carillon"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

const head = `keys: [{id: a, secret: {env: KEY}}]
index_key: {env: KEY}
`

// TestEveryFaultAtOnce is a tired operator's first try: each mistake is named with its place and its repair.
func TestEveryFaultAtOnce(t *testing.T) {
	cases := []struct{ name, src, want string }{
		{"many", "listn: x\nopen_metrics: yes\nlog: {level: inof}\nlimits: {body: 10}\nkeys: []\n", `c.yaml: index_key: this is missing; add it: 32 random bytes in base64 or hex, by reference; they find sealed addresses again and must never change
c.yaml:1:1: listn: unknown key; did you mean listen?
c.yaml:2:15: open_metrics: expected true or false, found a text; write true or false, without quotes
c.yaml:3:14: log.level: this value does not exist; did you mean info?
c.yaml:4:16: limits.body: expected a text, found a number; put it in quotes
c.yaml:5:7: keys: the list has 0 items; give it 1 to 100`},
		{"options", head + `channels:
- name: one
  adapter: telegram
- name: two
  adapter: sms
  senders: 010
  options:
    form: a
    token: ` + marker + `
    burst: 51
    backups: [+15550100]
    deep: {key: {env: NOWHERE}}
    fallback: on
`, `c.yaml:8:12: channels[1].senders: this number can be read in two ways; write plain decimal digits, without leading zeros, + or _
c.yaml:10:5: channels[1].options.form: unknown key; did you mean from?
c.yaml:10:5: channels[1].options.from: this is missing; add it: the sender, as in +15550100
c.yaml:11:12: channels[1].options.token: a secret stands here in clear; write {env: NAME} or {file: PATH}, keep the secret there, and change it if others may have seen it
c.yaml:12:12: channels[1].options.burst: the number is out of range; use 1 to 50
c.yaml:13:15: channels[1].options.backups[0]: expected a text, found a number; put it in quotes
c.yaml:14:18: channels[1].options.deep.key: the environment variable NOWHERE is not set; set it for the service, or use {file: PATH}
c.yaml:15:15: channels[1].options.fallback: expected true or false, found a text; write true or false, without quotes`},
		{"channels", head + "channels:\n- {name: one, adapter: sns}\n- {name: one, adapter: sms}\n- {name: Two!, adapter: telegram}\n- {adapter: telegram}\n", `c.yaml:4:15: channels[0].adapter: this adapter does not exist; did you mean sms?
c.yaml:5:4: channels[1].options.from: this is missing; add it: the sender, as in +15550100
c.yaml:5:4: channels[1].name: channels[0] has this name too; give every channel a name of its own
c.yaml:6:10: channels[2].name: this value has the wrong form; write it like sms-berlin
c.yaml:7:4: channels[3].name: this is missing; add it: a name that is unique on the instance and part of the webhook's URL, as in sms-berlin`},
		{"duplicates", head + "data: a\ndata: b\nlisten: nowhere\n", `c.yaml:4:1: data: the key is given twice, first in line 3; keep one of them
c.yaml:5:1: listen: this is no address to listen on; write host:port, as in 127.0.0.1:8080 or :8080`},
		{"a heartbeat", head + "watchdog: {ping: heartbeat.example, every: 10ms}\n", `c.yaml:3:12: watchdog.ping: this URL cannot be used; write it whole, as in https://heartbeat.example/0123
c.yaml:3:37: watchdog.every: this is too often; write at least 1s, as in 1m`},
		{"yaml's back doors", head + "data: &a x\nlisten: *a\nlog: !!map {}\nlimits:\nstorage: {<<: {profile: alone}}\n", `c.yaml:3:7: data: anchors and aliases are not used here; write the value out
c.yaml:4:9: listen: anchors and aliases are not used here; write the value out
c.yaml:5:6: log: YAML tags are not used here; write the value alone
c.yaml:6:8: limits: the key has no value; give it one, or delete the line
c.yaml:7:11: storage.?: this key is no plain word; write a plain key, without <<, ? or brackets`},
		{"tabs", "log:\n\tlevel: info\n\tformat: text\n", `c.yaml:2:1: the line is indented by a tab; indent with spaces
c.yaml:3:1: the line is indented by a tab; indent with spaces`},
		{"syntax", "log: [\n", "c.yaml:1:6: this is not YAML; check the indentation, the colons and the quotes on this line and the one above"},
		{"scaled without servers", head + "storage: {profile: scaled}\n", `c.yaml:3:1: storage.postgres: the profile scaled needs PostgreSQL; add postgres: {env: NAME} or {file: PATH}, which hold an address like postgres://user:password@host:5432/carillon; for SQLite write profile: alone
c.yaml:3:1: storage.redis: the profile scaled needs Redis; add redis: {addresses: [host:6379]}; without Redis write profile: alone`},
		{"alone with servers", head + "storage: {postgres: {env: PG}, redis: {addresses: [\"a:1\"]}}\n", `c.yaml:3:11: storage.postgres: the profile alone keeps everything in the data folder and uses no server; delete this, or write profile: scaled, which needs both PostgreSQL and Redis
c.yaml:3:32: storage.redis: the profile alone keeps everything in the data folder and uses no server; delete this, or write profile: scaled, which needs both PostgreSQL and Redis`},
		{"servers that are none", head + "storage:\n  profile: scaled\n  postgres: {env: TOKEN}\n  connections: 2\n  redis: {addresses: [redis], master: main, cluster: true, password: x}\n", `c.yaml:5:3: storage.postgres: what it refers to is no address of PostgreSQL; write it like postgres://user:password@host:5432/carillon
c.yaml:6:16: storage.connections: the number is out of range; use 4 to 1000
c.yaml:7:23: storage.redis.addresses[0]: this is no address of a server; write host:port, as in redis.internal:6379
c.yaml:7:31: storage.redis.master: a cluster has no Sentinels; keep cluster or master, not both
c.yaml:7:70: storage.redis.password: a secret stands here in clear; write {env: NAME} or {file: PATH}, keep the secret there, and change it if others may have seen it`},
		{"a profile that is none", head + "storage: {profile: scald}\n", "c.yaml:3:20: storage.profile: this value does not exist; did you mean scaled?"},
		{"key in clear", "keys: [{id: a, secret: " + marker + "}]\nindex_key: {file: nope}\n", `c.yaml:1:24: keys[0].secret: a secret stands here in clear; write {env: NAME} or {file: PATH}, keep the secret there, and change it if others may have seen it
c.yaml:2:13: index_key: the file nope does not exist; make it, readable by the service's user only; a relative path starts at this file's folder`},
		{"weak key", "keys: [{id: a, secret: {env: TOKEN}}]\nindex_key: {env: KEY}\n", "c.yaml:1:16: keys[0].secret: what it refers to is not a key; make one with: openssl rand -base64 32"},
		{"languages", head + "languages: [en, xx-unknown-1]\n", "c.yaml:3:17: languages[1]: this is no language; write its BCP 47 tag, as in en, pt-BR or zh-Hans"},
		{"url", head + "public_base_url: http://carillon.example\n", "c.yaml:3:1: public_base_url: this URL cannot be used; use https: members' links and providers' reports must not travel in clear"},
		{"empty", "# nothing\n", "c.yaml: the file is empty; start from the example that carillon init writes"},
		{"two documents", head + "---\ndata: x\n", "c.yaml:4:5: a second document starts here; keep everything in one document, without --- lines"},
		{"a list", "- a\n", "c.yaml:1:1: expected keys with values, found a list; write one key: value a line, indented below"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("c.yaml", []byte(c.src), env(), adapters)
			if err == nil {
				t.Fatal("no fault was found")
			}
			if err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			if strings.Contains(err.Error(), marker) {
				t.Error("a fault shows a secret")
			}
		})
	}
}

// TestSecretsComeByReferenceAndNeverPrint reads a channel whose token is in a file, and looks for it everywhere.
func TestSecretsComeByReferenceAndNeverPrint(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	write(t, filepath.Join(dir, "token"), marker+"\n", 0o600)
	src := head + "data: ledger\nchannels: [{name: one, adapter: sms, options: {from: \"+15550100\", token: {file: token}, deep: {key: {env: TOKEN}}}}]\n"
	write(t, file, src, 0o644)
	c, err := config.Load(file, env("CARILLON_LOG_LEVEL", "debug"), adapters)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"deep":{"key":"` + marker + `"},"from":"+15550100","token":"` + marker + `"}`
	if got := string(c.Channels[0].Options.JSON()); got != want {
		t.Errorf("options: got %s, want %s", got, want)
	}
	if c.Log.Level != "debug" || c.Data != filepath.Join(dir, "ledger") || c.Listen != config.Default().Listen {
		t.Errorf("environment, folder or default was lost: %+v", c)
	}
	if b, err := c.Keys[0].Bytes(); err != nil || len(b) != 32 {
		t.Errorf("the key has %d bytes, %v", len(b), err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "key", c.Keys[0].Secret, "options", c.Channels[0].Options)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", *c, "channel", c.Channels[0])
	js, _ := json.Marshal(c)
	ym, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %v %q %x %+v", c, *c, c.Channels, c.Keys, c.Keys, c.Channels), log.String(), string(js), string(ym)} {
		for _, secret := range []string{marker, key, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", key)} {
			if strings.Contains(shown, secret) {
				t.Errorf("a secret shows in %s", shown)
			}
		}
	}
}

// TestASecretThatEveryoneReadsIsNone refuses a secret's file that others on the machine may open.
func TestASecretThatEveryoneReadsIsNone(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "open"), key, 0o644)
	write(t, filepath.Join(dir, "empty"), "\n", 0o600)
	src := "keys: [{id: a, secret: {file: open}}, {id: b, secret: {file: empty}}, {id: c, secret: {file: .}}]\nindex_key: {env: KEY}\n"
	_, err := config.Parse(filepath.Join(dir, "c.yaml"), []byte(src), env(), nil)
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("want three faults, got %v", err)
	}
	for i, want := range []string{"everyone on this machine may use the file open", "the file empty is empty", ". is not a file"} {
		if faults[i].What != want {
			t.Errorf("fault %d: %q, want %q", i, faults[i].What, want)
		}
	}
}

// TestTheEnvironmentObeysTheSameRules overrides with a value that the file could not hold either.
func TestTheEnvironmentObeysTheSameRules(t *testing.T) {
	_, err := config.Parse("c.yaml", []byte(head), env("CARILLON_LOG_FORMAT", "xml", "CARILLON_LISTEN", "0.0.0.0:80"), nil)
	want := "environment: CARILLON_LOG_FORMAT: this value does not exist; use one of text, json"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestAMissingFileSaysHowToMend names the flag and the sample of the file that is missing, not those of another.
func TestAMissingFileSaysHowToMend(t *testing.T) {
	_, operator := config.Load("none.yaml", env(), nil)
	_, coalition := config.LoadCoalition("none.yaml", env(), nil)
	_, options := config.LoadOptions("none.yaml", "sms", env(), nil)
	for mend, err := range map[string]error{"--config": operator, "-f, or write one as docs/sample/coalition.yaml shows": coalition, "--options": options} {
		if err == nil || !strings.HasPrefix(err.Error(), "none.yaml: the file does not exist; name another with "+mend) {
			t.Errorf("got %v, want %s", err, mend)
		}
	}
}

// TestASecretIsSetWhereItIsRead: apply and channel add read the environment of whoever types them, not the service's.
func TestASecretIsSetWhereItIsRead(t *testing.T) {
	_, err := config.LoadCoalition("../docs/sample/coalition.yaml", env(), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "the environment variable TWILIO_AUTH_TOKEN is not set; set it in this terminal, as with export, or use {file: PATH}") {
		t.Error(err)
	}
}

// TestTheExampleIsTrue loads the example that people start from, and validates it by the schema that editors use.
func TestTheExampleIsTrue(t *testing.T) {
	lookup := env("CARILLON_KEY", key, "CARILLON_INDEX_KEY", key, "TWILIO_AUTH_TOKEN", marker)
	if _, err := config.Load("carillon.example.yaml", lookup, nil); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"coalition.example.yaml", "../docs/sample/coalition.yaml"} {
		if _, err := config.LoadCoalition(file, lookup, nil); err != nil {
			t.Error(err)
		}
	}
	for name, schema := range map[string][]byte{"carillon.example.yaml": config.Schema(nil), "coalition.example.yaml": config.CoalitionSchema(nil)} {
		s := compile(t, schema)
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(decode(t, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Validate(decode(t, append(src, "\nunknown: 1\n"...))); err == nil {
			t.Errorf("%s: the schema takes an unknown key", name)
		}
	}
}

// TestTheSchemaKnowsAdapters binds a channel's options to its adapter.
func TestTheSchemaKnowsAdapters(t *testing.T) {
	s := compile(t, config.Schema(adapters))
	good := head + "channels: [{name: one, adapter: sms, options: {from: \"+15550100\", token: {env: A}}}]\n"
	if err := s.Validate(decode(t, []byte(good))); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"{name: one, adapter: sms}", "{name: one, adapter: sns}", "{name: one, adapter: sms, options: {from: a, token: b}}", "{name: one, adapter: telegram, options: {from: a}}"} {
		if err := s.Validate(decode(t, []byte(head+"channels: ["+bad+"]\n"))); err == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

func TestSchemasAreFresh(t *testing.T) {
	for name, want := range map[string][]byte{"schema.json": config.Schema(nil), "coalition.schema.json": config.CoalitionSchema(nil)} {
		if *update {
			write(t, name, string(want), 0o644)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): go generate ./config", name, err)
		}
	}
}

// TestACoalitionFile reads groups with a channel and words, and names what is wrong with another.
func TestACoalitionFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "words", "pointer", "sw.md"), "Habari.\n", 0o644)
	src := "groups: [{slug: rivers, name: Rivers, locale: sw, zone: Africa/Nairobi, topics: [{name: reports}], wording: words,\n" +
		"  channels: [{name: sms-rivers, adapter: sms, options: {from: \"+15550100\", token: {env: TOKEN}}}]}]\n"
	c, err := config.ParseCoalition(filepath.Join(dir, "coalition.yaml"), []byte(src), env(), adapters)
	if err != nil {
		t.Fatal(err)
	}
	if c.Groups[0].Words["pointer"]["sw"] != "Habari.\n" || !strings.Contains(string(c.Groups[0].Channels[0].Options.JSON()), marker) {
		t.Errorf("words or options were lost: %+v", c.Groups[0].Words)
	}
	bad := `groups:
- slug: one
  name: One
  locale: pt_BR
  fallback: [en, xx-unknown-1]
  zone: Europe/Berlln
  region: QQ
  topics: [{name: a1}, {name: a1}]
  wording: nowhere
- {slug: one, name: Two, locale: en, zone: UTC, topics: [], members: []}
`
	_, err = config.ParseCoalition("c.yaml", []byte(bad), env(), adapters)
	want := `c.yaml:4:3: groups[0].locale: this is no language; write its BCP 47 tag, as in en, pt-BR or zh-Hans
c.yaml:5:18: groups[0].fallback[1]: this is no language; write its BCP 47 tag, as in en, pt-BR or zh-Hans
c.yaml:6:3: groups[0].zone: this time zone does not exist; write its IANA name, as in Europe/Berlin
c.yaml:7:3: groups[0].region: this country does not exist; write its two letters, as in DE
c.yaml:8:25: groups[0].topics[1].name: groups[0].topics[0] has this name too; name every topic once
c.yaml:9:3: groups[0].wording: the folder does not exist; make it, or delete the line; a relative path starts at this file's folder
c.yaml:10:4: groups[1].slug: groups[0] has this slug too; give every group a slug of its own
c.yaml:10:57: groups[1].topics: the list has 0 items; give it 1 to 62
c.yaml:10:61: groups[1].members: unknown key; the keys here are slug, name, locale, fallback, zone, region, topics, floor, countries, replies, release, climb_from, budget, prices, channels, calendars, rotas, policies, series, schedules, wording`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head))
	f.Add([]byte(head + "channels:\n- {name: one, adapter: sms, options: {from: a, x: [1, {env: TOKEN}]}}\n"))
	f.Add([]byte("a: &a [*a]\n? [x]\n: |\n  y\n"))
	f.Add([]byte(strings.Repeat("[", 5000)))
	f.Add([]byte("\xef\xbb\xbf\tx: \x00"))
	f.Fuzz(func(t *testing.T, src []byte) {
		lookup := env()
		for _, parse := range []func() error{
			func() error { _, err := config.Parse("c.yaml", src, lookup, adapters); return err },
			func() error { _, err := config.ParseCoalition("c.yaml", src, lookup, adapters); return err },
		} {
			err := parse()
			var faults config.Faults
			if err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
				t.Fatalf("not a list of faults: %v", err)
			}
			if err != nil && strings.Count(err.Error(), "\n") != len(faults)-1 {
				t.Fatalf("a fault is not one line: %q", err)
			}
		}
	})
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decode(t *testing.T, src []byte) any {
	t.Helper()
	b, err := yaml.YAMLToJSON(src)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAClientFindsTheInstanceNextDoor reads where it listens from a file whose secrets this process cannot have.
func TestAClientFindsTheInstanceNextDoor(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	write(t, file, "listen: :9000\ndata: ledger\nkeys: [{id: a, secret: {file: keys/a}}]\nnonsense: 1\n", 0o600)
	listen, token := config.Nearby(file, env())
	if listen != ":9000" || token != filepath.Join(dir, "ledger", "operator.token") {
		t.Errorf("got %s, %s", listen, token)
	}
	listen, token = config.Nearby(filepath.Join(dir, "none.yaml"), env("CARILLON_DATA", "elsewhere"))
	if listen != config.Default().Listen || token != filepath.Join("elsewhere", "operator.token") {
		t.Errorf("without a file: got %s, %s", listen, token)
	}
}

// TestOptionsOfOneChannel reads the file that carillon channel add takes.
func TestOptionsOfOneChannel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "o.yaml")
	write(t, file, "from: \"+15550100\"\ntoken: {env: TOKEN}\n", 0o600)
	got, err := config.LoadOptions(file, "sms", env(), adapters)
	if err != nil || string(got.JSON()) != `{"from":"+15550100","token":"`+marker+`"}` {
		t.Errorf("got %s, %v", got.JSON(), err)
	}
	write(t, file, "form: x\ntoken: y\n", 0o600)
	if _, err := config.LoadOptions(file, "sms", env(), adapters); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}

// A topic without leads has the usual ones; one with an empty list has none.
func TestLeadsOfTopics(t *testing.T) {
	c, err := config.ParseCoalition("c.yaml", []byte(`groups:
  - slug: harbour
    name: Harbour
    locale: en
    zone: Europe/Berlin
    topics: [{ name: meetings, leads: [1w, "1d@18:00"] }, { name: kitchen, leads: [] }, { name: reports }]
`), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	topics := c.Groups[0].Topics
	if fmt.Sprint(topics[0].Leads) != "[1w 1d@18:00]" || topics[1].Leads == nil || len(topics[1].Leads) > 0 || topics[2].Leads != nil {
		t.Errorf("%#v", topics)
	}
}
