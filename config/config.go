// Package config reads Carillon's two files: carillon.yaml, which is the operator's, and coalition.yaml, which seeds
// groups. Reading is strict and reports everything that is wrong at once, each with its place and its repair. Secrets
// come by reference only and never print. The package does not know any adapter: whoever reads hands it their options.
package config

//go:generate go test -run TestSchemasAreFresh -update

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Config is the operator's file, carillon.yaml.
type Config struct {
	Listen        string    `yaml:"listen" env:"CARILLON_LISTEN" doc:"address and port to listen on, as in 127.0.0.1:8080"`
	PublicBaseURL string    `yaml:"public_base_url" env:"CARILLON_PUBLIC_BASE_URL" doc:"where providers and members reach this instance, as in https://carillon.example; without it channels are polled"`
	Data          string    `yaml:"data" env:"CARILLON_DATA" doc:"folder of the ledger and the operator's token; a relative path starts at this file's folder"`
	Storage       Storage   `yaml:"storage" doc:"which profile runs"`
	Keys          []Key     `yaml:"keys" required:"true" min:"1" max:"100" doc:"the keys that seal names, addresses and texts; the first one seals, all of them open"`
	IndexKey      Secret    `yaml:"index_key" required:"true" doc:"32 random bytes in base64 or hex, by reference; they find sealed addresses again and must never change"`
	Watchdog      Watchdog  `yaml:"watchdog" doc:"who outside is told that all is well"`
	Languages     []string  `yaml:"languages" max:"20" doc:"the coalition's: tried behind those of a member and of her group, in order"`
	Contacts      string    `yaml:"contacts" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"north-coast" doc:"the group whose members with the topic owners are told when a channel of the operator is ailing; absent: nobody is"`
	Channels      []Channel `yaml:"channels" max:"1000" doc:"the operator's channels; groups enter their own through the API or apply"`
	PrivateNets   []string  `yaml:"private_networks" max:"100" doc:"networks beside the open internet where groups' channels may find their providers, as in 10.1.0.0/16"`
	Limits        Limits    `yaml:"limits" doc:"how much one request may bring, and one token see"`
	Log           Log       `yaml:"log" doc:"what is logged, and how"`
	OpenMetrics   bool      `yaml:"open_metrics" doc:"serve /metrics to whoever asks; without it, to the operator's tokens"`
	DrainNotice   Duration  `yaml:"drain_notice" doc:"how long a stopping instance goes on serving while /readyz says no, so that a load balancer goes elsewhere first, as in 5s; absent: not at all"`
	DrainGrace    Duration  `yaml:"drain_grace" doc:"how long a stopping instance lets attempts finish, as in 20s"`

	file string
}

// Key is one key of the ring, by reference.
type Key struct {
	ID     string `yaml:"id" required:"true" pattern:"[A-Za-z0-9][A-Za-z0-9._-]{0,39}" like:"2026-11" doc:"a name that is stored beside everything the key wraps, as in 2026-11"`
	Secret Secret `yaml:"secret" required:"true" doc:"32 random bytes in base64 or hex, by reference: {env: NAME} or {file: PATH}"`
}

// Bytes gives the key's 32 bytes.
func (k Key) Bytes() ([]byte, error) { return KeyBytes(k.Secret) }

// KeyBytes reads 32 bytes written in base64 or hex. The error never shows them.
func KeyBytes(s Secret) ([]byte, error) {
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if b, err := decode(s.clear); err == nil && len(b) == 32 {
			return b, nil
		}
	}
	return nil, fmt.Errorf("a key is 32 random bytes in base64 or hex")
}

// Channel is one configured adapter of the operator.
type Channel struct {
	Name    string   `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"sms-berlin" doc:"a name that is unique on the instance and part of the webhook's URL, as in sms-berlin"`
	Adapter string   `yaml:"adapter" required:"true" doc:"which adapter speaks to the provider, as in sms"`
	Groups  []string `yaml:"groups" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"north-coast" doc:"the groups that may use it; none listed: all"`
	Senders int      `yaml:"senders" min:"1" max:"1000" doc:"how many messages it sends at once; absent: the adapter's default"`
	Trip    Trip     `yaml:"trip" doc:"how many refusals for the channel's own sake hold its reports and reminders"`
	Options Section  `yaml:"options" doc:"the adapter's own section; secrets by reference"`
}

// Trip says when a channel counts as ailing.
type Trip struct {
	After   int `yaml:"after" min:"1" max:"100000" doc:"so many deliveries; absent: 10"`
	Minutes int `yaml:"within_minutes" min:"1" max:"10080" doc:"within so many minutes; absent: 60"`
}

func (c *Channel) adapted() (string, *Section, bool) { return c.Adapter, &c.Options, false }

// Limits bounds what one request may bring, and what one token may see.
type Limits struct {
	Body    Size `yaml:"body" doc:"largest request body but an import's, as in 1MiB"`
	Import  Size `yaml:"import" doc:"largest file of members, as in 64MiB"`
	Reveals int  `yaml:"reveals" min:"1" max:"1000000" doc:"how many members one token may see in clear or find by address within an hour"`
}

// Watchdog says who outside is told, again and again, that all is well, so that silence is noticed there.
type Watchdog struct {
	Ping  string   `yaml:"ping" doc:"an address that is asked for (GET) as long as the watchdog finds nothing amiss, as dead man's switches expect: https://…; it may be a private one; keep it to yourself"`
	Every Duration `yaml:"every" doc:"how often, at least 1s, as in 1m"`
}

// leastPing is the shortest time between two pings.
const leastPing = Duration(time.Second)

func (w *Watchdog) check(r *reader) {
	if u, err := url.Parse(w.Ping); r.given("watchdog.ping") && w.Ping != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
		r.faultAt("watchdog.ping", "this URL cannot be used", "write it whole, as in https://heartbeat.example/0123")
	}
	if w.Every < leastPing && r.given("watchdog.every") {
		r.faultAt("watchdog.every", "this is too often", "write at least 1s, as in 1m")
	}
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level" enum:"debug,info,warn,error" env:"CARILLON_LOG_LEVEL" doc:"the least important lines to keep"`
	Format string `yaml:"format" enum:"text,json" env:"CARILLON_LOG_FORMAT" doc:"text for people, json for collectors"`
}

// Default gives the values of keys that a file leaves out. It has no keys, which a file must bring.
func Default() *Config {
	return &Config{
		Listen:     "127.0.0.1:8080",
		Data:       "data",
		Storage:    Storage{Profile: Alone},
		Watchdog:   Watchdog{Every: Duration(time.Minute)},
		Limits:     Limits{Body: 1 * MiB, Import: 64 * MiB, Reveals: 30},
		Log:        Log{Level: "info", Format: "text"},
		DrainGrace: Duration(20 * time.Second),
	}
}

// File is the path that the configuration was read from; empty for Default.
func (c *Config) File() string { return c.file }

// Private gives private_networks.
func (c *Config) Private() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.PrivateNets {
		if p, err := netip.ParsePrefix(text); err == nil { // check has said so
			all = append(all, p.Masked())
		}
	}
	return all
}

// Database is the path of the ledger in the profile alone.
func (c *Config) Database() string { return filepath.Join(c.Data, "carillon.db") }

// TokenFile is the path of the operator's token, which the command line finds on the same machine.
func (c *Config) TokenFile() string { return filepath.Join(c.Data, "operator.token") }

// check applies the rules that one value alone does not show.
func (c *Config) check(r *reader) {
	if r.given("listen") && !listenable(c.Listen) {
		r.faultAt("listen", "this is no address to listen on", "write host:port, as in 127.0.0.1:8080 or :8080")
	}
	if c.PublicBaseURL != "" && r.given("public_base_url") {
		if repair := BaseURL(c.PublicBaseURL); repair != "" {
			r.faultAt("public_base_url", "this URL cannot be used", repair)
		}
	}
	c.Storage.check(r)
	c.Watchdog.check(r)
	for i, l := range c.Languages {
		r.locale(fmt.Sprintf("languages[%d]", i), l)
	}
	for i, text := range c.PrivateNets {
		if _, err := netip.ParsePrefix(text); err != nil {
			r.faultAt(fmt.Sprintf("private_networks[%d]", i), "this is no network", "write an address and how many bits of it count, as in 10.1.0.0/16")
		}
	}
	ids := map[string]int{}
	for i, k := range c.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		if first, twice := ids[k.ID]; twice && r.given(path+".id") {
			r.faultAt(path+".id", fmt.Sprintf("keys[%d] has this id too", first), "give every key an id of its own, and never use one again")
		}
		ids[k.ID] = i
		if _, err := k.Bytes(); err != nil && r.given(path+".secret") {
			r.faultAt(path+".secret", "what it refers to is not a key", "make one with: openssl rand -base64 32")
		}
	}
	if _, err := KeyBytes(c.IndexKey); err != nil && r.given("index_key") {
		r.faultAt("index_key", "what it refers to is not a key", "make one with: openssl rand -base64 32")
	}
	names := map[string]int{}
	for i, ch := range c.Channels {
		path := fmt.Sprintf("channels[%d]", i)
		if first, twice := names[ch.Name]; twice && r.given(path+".name") {
			r.faultAt(path+".name", fmt.Sprintf("channels[%d] has this name too", first), "give every channel a name of its own")
		}
		names[ch.Name] = i
	}
}

func listenable(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := net.LookupPort("tcp", port)
	return err == nil && n >= 0 && port != ""
}

// BaseURL says how to mend a public_base_url, which stands before /hooks and /m; empty if it can be used.
func BaseURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "write it whole, as in https://carillon.example"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/"):
		return "write scheme, host and path only, without / at the end"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "use https: members' links and providers' reports must not travel in clear"
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
