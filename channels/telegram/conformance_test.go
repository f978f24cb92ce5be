package telegram_test

import (
	"encoding/json"
	"html"
	"regexp"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

const kitSecret = "kit-webhook-secret_1"

var tags = regexp.MustCompile(`<[^>]*>`)

// subject gives the kit its four answers.
func subject() channeltest.Subject {
	build := func(secret string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			options, err := json.Marshal(map[string]any{"token": token, "webhook_secret": secret, "base_url": d.URL()})
			if err != nil {
				return nil, err
			}
			return telegram.New(channels.Settings{Name: "telegram-kit", HookURL: hook, Options: options})
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			return channeltest.Sandbox(sandbox.Telegram, sandbox.KindTelegram, botID, sandbox.Options{Bots: []sandbox.Bot{{Token: token}}, Strict: true, OpenChats: true})
		},
		Make:     build(kitSecret),
		Stranger: build("another-webhook-secret"),
		Valid: map[string]channels.Address{
			"900000001": "900000001", " ٩٠٠٠٠٠٠٠١ ": "900000001", "-1009000000002": "-1009000000002", "-1009000000002:17": "-1009000000002:17",
			"https://t.me/Harbour_News": "@harbour_news", "@Harbour_News": "@harbour_news",
		},
		Invalid: []string{"", "Anna", "+12025550123", "0", "https://t.me/+AbCdEfGh", "@news_bot", "900000001:topic"},
		People:  []channels.Address{"900000001", "900000002", "-1009000000002"},
		Secrets: []string{token, "sandbox-secret_1", kitSecret},
		Proof:   "X-Telegram-Bot-Api-Secret-Token",
		OptOut: func(d channeltest.Double, a channels.Address) error {
			_, err := d.(*channeltest.SandboxDouble).Box.Reply(sandbox.Reply{Kind: sandbox.KindTelegram, Address: a.Reveal(), To: botID, Block: true})
			return err
		},
		Length: func(p channels.Part) int { // Telegram counts what is left once the markup is read
			return compose.Length(html.UnescapeString(tags.ReplaceAllString(p.Text, "")), channels.UTF16)
		},
		Read: read,
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
