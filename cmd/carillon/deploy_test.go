package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway/app"
)

const deploy = "../../docs/deploy"

// secretsOf are what the files under docs/deploy refer to.
var secretsOf = map[string]string{"key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "index": "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	"postgres-url": "postgres://carillon:secret@postgres:5432/carillon", "postgres-password": "secret"}

// container is what compose.yaml says of one.
type container struct {
	Image    string   `yaml:"image"`
	Command  []string `yaml:"command"`
	Profiles []string `yaml:"profiles"`
	Volumes  []string `yaml:"volumes"`
	Secrets  []string `yaml:"secrets"`
}

// TestComposeFile: no container engine is here, so the file is held against what reads it: every command line and every
// operator's file is one that carillon takes, every secret is there, and every role is somebody's.
func TestComposeFile(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(deploy, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]container         `yaml:"services"`
		Secrets  map[string]map[string]string `yaml:"secrets"`
		Volumes  map[string]any               `yaml:"volumes"`
		X        map[string]any               `yaml:",inline"`
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		t.Fatal(err)
	}
	have := map[string][]app.Role{}
	for name, c := range file.Services {
		for _, secret := range c.Secrets {
			if file.Secrets[secret]["file"] != "./secrets/"+secret || secretsOf[secret] == "" {
				t.Errorf("%s: the secret %s is not there", name, secret)
			}
		}
		for _, v := range c.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, ok := file.Volumes[from]; !ok && !strings.HasPrefix(from, "./") {
				t.Errorf("%s: the volume %s is not there", name, from)
			}
		}
		if c.Image != "carillon" {
			continue
		}
		settings := mounted(t, name, &c)
		profile := string(settings.Storage.Profile)
		if !slices.Equal(c.Profiles, []string{profile}) {
			t.Errorf("%s belongs to %v, and its file is of the profile %s", name, c.Profiles, profile)
		}
		roles := ""
		switch args := c.Command; {
		case len(args) == 3 && slices.Equal(args, []string{"serve", "--config", "/etc/carillon/carillon.yaml"}):
		case len(args) == 5 && slices.Equal(args[:4], []string{"serve", "--config", "/etc/carillon/carillon.yaml", "--roles"}):
			roles = args[4]
		default:
			t.Errorf("%s runs %v", name, args)
		}
		list, err := app.ParseRoles(roles)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		have[profile] = append(have[profile], list...)
	}
	for _, profile := range []string{"alone", "scaled"} {
		for _, role := range app.AllRoles() {
			if !slices.Contains(have[profile], role) {
				t.Errorf("nobody has the role %s in the profile %s", role, profile)
			}
		}
	}
}

// mounted reads the operator's file that a container gets, with its secrets.
func mounted(t *testing.T, name string, c *container) *config.Config {
	t.Helper()
	i := slices.IndexFunc(c.Volumes, func(v string) bool { return strings.HasSuffix(v, ":/etc/carillon/carillon.yaml:ro") })
	if i < 0 {
		t.Fatalf("%s has no operator's file", name)
	}
	from, _, _ := strings.Cut(c.Volumes[i], ":")
	src, err := os.ReadFile(filepath.Join(deploy, from))
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for _, secret := range c.Secrets {
		if err := os.WriteFile(filepath.Join(secrets, secret), []byte(secretsOf[secret]), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := config.Parse(from, bytes.ReplaceAll(src, []byte("/run/secrets"), []byte(secrets)), func(string) (string, bool) { return "", false }, optionStructs())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return settings
}

// TestExamples: the files that people start from pass what they are told to try, with the adapters' say about their options.
func TestExamples(t *testing.T) {
	secrets := map[string]string{"CARILLON_KEY": secretsOf["key"], "CARILLON_INDEX_KEY": secretsOf["index"], "TWILIO_AUTH_TOKEN": "secret"}
	lookup := func(name string) (string, bool) { value, ok := secrets[name]; return value, ok }
	var out, complaint bytes.Buffer
	sh := &shell{in: strings.NewReader(""), out: &out, err: &complaint, lookup: lookup}
	if code := sh.run(t.Context(), []string{"config", "check", "--config", "../../config/carillon.example.yaml"}); code != exitDone {
		t.Errorf("exit %d: %s", code, complaint.String())
	}
	if _, err := config.LoadCoalition("../../config/coalition.example.yaml", lookup, optionStructs()); err != nil {
		t.Error(err)
	}
}

// TestUnits: systemd finds nothing wrong with the units, and what they start is a command line that carillon takes.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/carillon (.*)$`)
	var units []string
	for unit, want := range map[string]string{"carillon.service": "serve --config %d/carillon.yaml", "carillon@.service": "serve --config %d/carillon.yaml --roles ${ROLES}"} {
		src, err := os.ReadFile(filepath.Join(deploy, "systemd", unit))
		if err != nil {
			t.Fatal(err)
		}
		if found := start.FindStringSubmatch(string(src)); found == nil || found[1] != want {
			t.Errorf("%s starts %q, want %q", unit, found, want)
		}
		for _, line := range []string{"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "LoadCredential=carillon.yaml:/etc/carillon/carillon.yaml", "TimeoutStopSec=90s"} {
			if !strings.Contains(string(src), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", unit, line)
			}
		}
		src = start.ReplaceAll(src, []byte("ExecStart=/bin/true $1"))
		unit = filepath.Join(dir, strings.Replace(unit, "@.", "@sender.", 1))
		if err := os.WriteFile(unit, src, 0o600); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	switch {
	case err != nil && os.Getenv("CARILLON_REQUIRE_SERVICES") == "1":
		t.Fatal("systemd-analyze is not installed; install systemd")
	case err != nil:
		t.Skip("systemd-analyze is not installed; the units were read only")
	}
	if out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
