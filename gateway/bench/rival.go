package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/telegram"
	"github.com/carillon-gateway/carillon/gateway"
)

// rival is a channel whose provider calls nobody back, against the bare library: the adapter alone, and then all of a
// gateway's way from a planned broadcast to the last outcome in the ledger.
type rival struct {
	kind    string
	must    float64 // of the bare library's rate
	address func(i int) string
	adapter func(url string) (channels.Adapter, error)
	bare    func(url string, senders int) (send func(i int) error, err error)
}

var rivals = map[string]rival{
	"telegram":   {kind: telegram.Kind, must: 0.6, address: chat, adapter: telegramAdapter, bare: bareTelegram},
	"mattermost": {kind: mattermost.Kind, must: 0.6, address: room, adapter: mattermostAdapter, bare: bareMattermost},
}

// unlimited takes a channel's rates away: the provider's limits are not what is measured.
type unlimited struct{ channels.Adapter }

// Capabilities are those of the channel, without rates.
func (u unlimited) Capabilities() channels.Capabilities {
	c := u.Adapter.Capabilities()
	c.Rates = nil
	return c
}

func (r *run) rival(ctx context.Context, name string) error {
	other := rivals[name]
	provider, err := startFake(0, r.senders)
	if err != nil {
		return err
	}
	defer provider.Close()
	adapter, err := other.adapter(provider.URL)
	if err != nil {
		return err
	}
	dir, err := r.place(ctx, name)
	if err != nil {
		return err
	}
	w, err := openWorldOf(ctx, dir, gateway.Channel{Name: name, Adapter: name, Kind: other.kind, Senders: r.senders}, unlimited{adapter}, other.address)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.members(ctx, r.n); err != nil {
		return err
	}
	parts, err := adapter.Compose(content.Document{Blocks: []content.Block{content.Text(message)}})
	if err != nil {
		return err
	}
	alone := func(i int) error {
		id := gateway.NewID().String()
		_, err := adapter.Send(ctx, channels.Outbound{Attempt: id, Key: id, To: channels.Address(other.address(i)), Part: parts[0]})
		return err
	}
	var ratios, whole []float64
	for i := range r.repeat {
		send, err := other.bare(provider.URL, r.senders)
		if err != nil {
			return err
		}
		bare, err := timed(r.n, r.senders, send)
		if err != nil {
			return err
		}
		ours, err := timed(r.n, r.senders, alone)
		if err != nil {
			return err
		}
		profile := ""
		if i == 0 {
			profile = r.profile(name)
		}
		ledger, err := dispatchAlone(w, r.n, profile)
		if err != nil {
			return err
		}
		fmt.Printf("%s: bare %v; adapter %v; with the ledger %v; load %s\n", name, bare, ours, ledger, load())
		ratios, whole = append(ratios, ours.rate()/bare.rate()), append(whole, ledger.rate()/bare.rate())
	}
	ratio := median(ratios)
	r.line(name+", adapter against the bare library", fmt.Sprintf("%.1f of its rate", other.must), fmt.Sprintf("%.2f; %.2f with the ledger", ratio, median(whole)), ratio >= other.must)
	return nil
}

// timed measures together.
func timed(n, senders int, send func(i int) error) (figures, error) {
	begin, cpu := time.Now(), cpuTime()
	err := together(n, senders, send)
	return figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}, err
}

// together sends n messages from so many senders at once, all of them; the error is the first.
func together(n, senders int, send func(i int) error) error {
	work := make(chan int, senders)
	failed := make(chan error, 1)
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for i := range work {
				if err := send(i); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

const botToken = "100000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// chat gives the i-th of ten million sample chats.
func chat(i int) string { return strconv.Itoa(5_550_000_000 + i%10_000_000) }

func telegramAdapter(url string) (channels.Adapter, error) {
	options, err := json.Marshal(map[string]any{"token": botToken, "base_url": url})
	if err != nil {
		return nil, err
	}
	return telegram.Factory().New(channels.Settings{Name: "telegram", Options: options, Now: time.Now})
}

// bareTelegram is the library with a tuned transport and nothing else.
func bareTelegram(url string, senders int) (func(int) error, error) {
	bot := &tgbotapi.BotAPI{Token: botToken, Client: &http.Client{Transport: tuned(senders)}}
	bot.SetAPIEndpoint(url + "/bot%s/%s")
	return func(i int) error {
		id, err := strconv.ParseInt(chat(i), 10, 64)
		if err != nil {
			return err
		}
		m := tgbotapi.NewMessage(id, message)
		m.ParseMode = tgbotapi.ModeHTML
		m.DisableWebPagePreview = true
		sent, err := bot.Send(m)
		if err == nil && sent.MessageID == 0 {
			err = errors.New("the answer names no message")
		}
		return err
	}, nil
}

// serveTelegram answers sendMessage.
func (p *provider) serveTelegram(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("chat_id") == "" || r.PostForm.Get("text") == "" {
		http.Error(w, `{"ok":false,"error_code":400,"description":"Bad Request: chat_id or text is missing"}`, http.StatusBadRequest)
		return
	}
	id := strconv.FormatInt(p.next.Add(1), 10)
	to := r.PostForm.Get("chat_id")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":`+id+`,"from":{"id":100000001,"is_bot":true,"first_name":"Bench","username":"bench_bot"},"chat":{"id":`+to+
		`,"first_name":"Sample","type":"private"},"date":1795600000,"text":"`+message+`"}}`)
}
