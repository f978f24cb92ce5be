package email

import (
	"strings"
	"testing"
)

// Every fault is named with its key, all at once, and tells how to mend it.
func TestOptionsAreChecked(t *testing.T) {
	rsa512 := "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAu\n-----END PRIVATE KEY-----"
	for name, c := range map[string]struct {
		changes map[string]any
		says    []string
	}{
		"nothing":              {map[string]any{"host": nil, "from": nil, "secret": nil, "username": nil, "password": nil}, []string{"options.host", "options.from", "options.secret"}},
		"a password in clear":  {map[string]any{"tls": "none", "host": "mail.example.org"}, []string{"options.tls", "in the clear"}},
		"IMAP in clear":        {map[string]any{"return_to": "mail@example.org", "imap_host": "mail.example.org", "imap_tls": "none", "imap_username": "u", "imap_password": "p"}, []string{"options.imap_tls"}},
		"half a login":         {map[string]any{"password": nil}, []string{"options.username"}},
		"half a mailbox":       {map[string]any{"return_to": "mail@example.org"}, []string{"options.imap_host"}},
		"the other half":       {map[string]any{"imap_host": "mail.example.org"}, []string{"options.return_to"}},
		"no room for the tag":  {map[string]any{"return_to": strings.Repeat("a", 23) + "@example.org", "imap_host": "x.example", "imap_username": "u", "imap_password": "p"}, []string{"options.return_to", "22"}},
		"a name of two lines":  {map[string]any{"from_name": "x\r\nBcc: y"}, []string{"options.from_name"}},
		"a list of two lines":  {map[string]any{"list_id": "x>\r\nBcc: <y"}, []string{"options.list_id"}},
		"a greeting with more": {map[string]any{"hello_name": "x\r\nMAIL"}, []string{"options.hello_name"}},
		"a host with more":     {map[string]any{"host": "x y"}, []string{"options.host"}},
		"a port beyond":        {map[string]any{"port": 70000}, []string{"options.port"}},
		"short secrets":        {map[string]any{"secret": "short", "previous_secret": "short"}, []string{"options.secret", "options.previous_secret"}},
		"no certificate":       {map[string]any{"ca": "nonsense"}, []string{"options.ca"}},
		"no key":               {map[string]any{"dkim": []map[string]any{{"domain": "x.example", "selector": "s", "key": "nonsense"}, {"domain": "", "selector": "s", "key": rsa512}, {"domain": "x.example", "selector": "", "key": ""}}}, []string{"dkim has 3", "dkim[0]", "dkim[1]", "dkim[2]"}},
		"an unknown way":       {map[string]any{"tls": "ssl"}, []string{"options.tls"}},
		"an unknown key":       {map[string]any{"smtp": "x"}, []string{"smtp"}},
		"numbers beyond":       {map[string]any{"connections": 51, "messages_per_connection": -1, "per_second": -1}, []string{"options.connections", "options.messages_per_connection", "options.per_second"}},
	} {
		_, err := made(options(c.changes), "")
		if err == nil {
			t.Errorf("%s was taken", name)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(strings.ReplaceAll(err.Error(), "options.dkim: has", "dkim has"), says) {
				t.Errorf("%s: %v does not say %q", name, err, says)
			}
		}
		for _, hidden := range []string{password, secret, "nonsense"} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the error tells a secret", name)
			}
		}
	}
}
