package mattermost_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// subject gives the kit its four answers.
func subject() channeltest.Subject {
	builder := func(secret, command string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return build(channels.Settings{Name: "mattermost-kit", HookURL: hook}, d.URL(), map[string]any{"action_secret": secret, "command_token": command})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			d, stop, err := channeltest.Sandbox(sandbox.Mattermost, sandbox.KindMattermost, "", sandbox.Options{TeamBots: []sandbox.MattermostBot{{Token: token}}, Strict: true})
			if err != nil {
				return nil, nil, err
			}
			for _, address := range []string{anna, badr, harbour} {
				if err := d.Box.Phones(sandbox.Phone{Kind: sandbox.KindMattermost, Address: address, Started: []string{"*"}}); err != nil {
					stop()
					return nil, nil, err
				}
			}
			return d, stop, nil
		},
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if box, ok := d.(*channeltest.SandboxDouble); ok {
				box.Box.MattermostBot(sandbox.MattermostBot{Token: token, Command: sandbox.Command{Trigger: "carillon", URL: hook, Token: command}})
			}
			return builder(secret, command)(d, hook)
		},
		Stranger: builder("another-secret-another-secret-0001", "anothercommandtoken0000001"),
		Valid: map[string]channels.Address{
			anna: anna, " ABCDEFGHIJKLMNOPQRSTUVWXY1 ": "abcdefghijklmnopqrstuvwxy1", "@Anna.K": "@anna.k", "＠anna": "@anna", "channel: " + harbourID: harbour,
		},
		Invalid: []string{"", "anna", "@channel", "@All", "@here", "anna@example.org", "~town-square", "channel:short", "@an na", "+12025550123"},
		People:  []channels.Address{anna, badr, harbour},
		Read:    mattermost.ReadPart,
		Secrets: []string{token, secret, command},
		Proof:   "Authorization",
		// Mattermost calls no hook for a reply, but for the slash command.
		Prompt: func(d channeltest.Double, address channels.Address) error {
			return d.Reply(address.Reveal(), "/carillon STOP 7391")
		},
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
