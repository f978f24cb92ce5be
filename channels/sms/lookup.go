package sms

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

const (
	// ListSettles is how long after an attempt its message may be missing from the list although Twilio has it. Twilio
	// documents no bound; nothing that is younger is ever said not to be there.
	ListSettles = time.Minute
	// clockSkew is how far Twilio's clock and ours may be apart, and covers its whole seconds.
	clockSkew = 30 * time.Second
	// pageSize keeps a page under httpsend.MaxBody even if every text on it has the full length, each character escaped.
	pageSize  = 80
	lookPages = 6
)

// FindStatus asks Twilio what became of a message: by its id if that is known, else by looking through what was sent to
// that number in the time of the attempt for the same text. One such message, if it is not known to be another attempt's, is taken for ours. With several it cannot
// tell which, and with none it says NotSent only once the list has settled (ListSettles).
func (a *Adapter) FindStatus(ctx context.Context, q channels.Query) (channels.Finding, error) {
	if q.ProviderID != "" {
		return a.findByID(ctx, q)
	}
	until := q.Until
	if until.IsZero() {
		until = q.Since.Add(longestAttempt)
	}
	var found *api.ApiV2010Message
	page, whole := twilio.Page{}, false
	p := (&api.ListMessageParams{}).SetTo(q.To.Reveal()).SetPageSize(pageSize)
	for range lookPages {
		list, next, err := a.client.PageMessages(ctx, p, page)
		if err != nil {
			return channels.Finding{}, ofRead(err)
		}
		for i := range list {
			m := &list[i]
			at := created(m)
			if at.Before(q.Since.Add(-clockSkew)) && !at.IsZero() {
				whole = true // newest first: all that follow are older still
				continue
			}
			if at.After(until.Add(clockSkew)) || !a.couldBe(m, q) || q.IsOthers(value(m.Sid)) {
				continue
			}
			if found != nil {
				return channels.Finding{Found: channels.CannotTell}, nil
			}
			found = m
		}
		if next == (twilio.Page{}) {
			whole = true
		}
		if whole {
			break
		}
		page = next
	}
	switch {
	case found != nil && whole:
		return finding(found, q), nil
	case whole && a.options.AddressRetention != "obfuscate" && a.now().After(until.Add(ListSettles)):
		return channels.Finding{Found: channels.NotSent}, nil
	}
	return channels.Finding{Found: channels.CannotTell}, nil
}

// couldBe says whether a listed message may be the one that is looked for. Where Twilio was told to discard texts, a
// message without one may be; of a text with room for a name, one that says the same around it.
func (a *Adapter) couldBe(m *api.ApiV2010Message, q channels.Query) bool {
	if strings.HasPrefix(value(m.Direction), "inbound") {
		return false
	}
	body := value(m.Body)
	return body == q.Part.Text || content.HasHole(q.Part.Text) && compose.Recalls(q.Part.Text, body) || body == "" && a.options.ContentRetention == "discard"
}

func (a *Adapter) findByID(ctx context.Context, q channels.Query) (channels.Finding, error) {
	m, err := a.client.FetchMessage(ctx, q.ProviderID)
	var refused *twilio.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return channels.Finding{Found: channels.CannotTell}, nil // deleted, or not listed yet: it was accepted once
	case err != nil:
		return channels.Finding{}, ofRead(err)
	}
	return finding(m, q), nil
}

func finding(m *api.ApiV2010Message, q channels.Query) channels.Finding {
	events := receipt(value(m.Sid), value(m.Status), value(m.ErrorCode), q.Attempt, q.PartNo)
	if len(events) == 0 {
		return channels.Finding{Found: channels.CannotTell}
	}
	return channels.Finding{Found: channels.WasSent, Receipt: *events[0].Receipt}
}

// created is when Twilio took a message, to the second; zero if it does not say.
func created(m *api.ApiV2010Message) time.Time {
	at, err := time.Parse(time.RFC1123Z, value(m.DateCreated))
	if err != nil {
		return time.Time{}
	}
	return at
}
