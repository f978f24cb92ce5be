package sms

import (
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// subject gives the kit its four answers.
func subject() channeltest.Subject {
	build := func(token string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return New(channels.Settings{
				Name: "sms-kit", HookURL: hook,
				Options: base.with("auth_token", token).with("region", "US").with("base_url", d.URL()).raw(),
			})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			return channeltest.Sandbox(sandbox.Twilio, sandbox.KindSMS, "", sandbox.Options{Accounts: []sandbox.Account{{SID: account, Token: token}}, Strict: true})
		},
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if box, ok := d.(*channeltest.SandboxDouble); ok {
				box.Box.Account(sandbox.Account{SID: account, Token: token, SMSURL: hook})
			}
			return build(token)(d, hook)
		},
		Stranger: build("another-token"),
		Valid: map[string]channels.Address{
			"+12025550123": "+12025550123", "(202) 555-0123": "+12025550123", "+44 7700 900123": "+447700900123", "٢٠٢٥٥٥٠١٢٣": "+12025550123",
		},
		Invalid:   []string{"", "Anna", "12345", "+1 202 555", "+999 123 456 789", "+1 900 234 5678"},
		People:    []channels.Address{"+12025550123", "+447700900123", "+12025550124"},
		Read:      read,
		Secrets:   []string{token},
		Proof:     "X-Twilio-Signature",
		SignsBody: true,
		OptOut:    func(d channeltest.Double, a channels.Address) error { return d.Reply(a.Reveal(), "STOP") },
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
