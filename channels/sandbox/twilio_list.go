package sandbox

import (
	"math"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// rfc2822 is how Twilio writes times.
const rfc2822 = "Mon, 02 Jan 2006 15:04:05 -0700"

// appendFirst writes the message as the answer to its creation: nothing has been sent yet.
func (r *record) appendFirst(st status) []byte {
	return r.appendMessage(make([]byte, 0, 1024), st, 0, time.Time{})
}

// appendTwilio writes the message as it is now.
func (r *record) appendTwilio(b []byte) []byte {
	st, code := r.status()
	return r.appendMessage(b, st, code, time.UnixMicro(r.changed.Load()))
}

// appendMessage writes the Message resource (https://www.twilio.com/docs/messaging/api/message-resource). A zero time
// means that it is the answer to the creation.
func (r *record) appendMessage(b []byte, st status, code int, changed time.Time) []byte {
	from, service, body := r.from.Value(), r.service.Value(), r.text.Value()
	segs := segments(body)
	direction := "outbound-api"
	switch r.kind {
	case EntryReply:
		direction = "inbound"
	case EntryAuto:
		direction = "outbound-reply"
	}
	first := changed.IsZero()
	if first {
		changed = r.time()
		if service != "" {
			segs = 0
		}
	}
	uri := twilioRoot + r.owner.name + "/Messages/" + r.id()
	b = append(b, `{"account_sid":`...)
	b = appendString(b, r.owner.name)
	b = append(b, `,"api_version":"2010-04-01","body":`...)
	b = appendString(b, body)
	b = append(b, `,"date_created":`...)
	b = appendTime(b, r.time())
	b = append(b, `,"date_sent":`...)
	if st < statusSent {
		b = append(b, "null"...)
	} else {
		b = appendTime(b, changed)
	}
	b = append(b, `,"date_updated":`...)
	b = appendTime(b, changed)
	b = append(b, `,"direction":"`...)
	b = append(b, direction...)
	b = append(b, `","error_code":`...)
	if code == 0 {
		b = append(b, `null,"error_message":null`...)
	} else {
		b = strconv.AppendInt(b, int64(code), 10)
		b = append(b, `,"error_message":"Scripted by the sandbox"`...)
	}
	b = append(b, `,"from":`...)
	if first && service != "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, from)
	}
	b = append(b, `,"messaging_service_sid":`...)
	if service == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, service)
	}
	b = append(b, `,"num_media":"0","num_segments":"`...)
	b = strconv.AppendInt(b, int64(segs), 10)
	b = append(b, `","price":null,"price_unit":"USD","sid":"`...)
	b = append(b, uri[len(uri)-34:]...)
	b = append(b, `","status":"`...)
	b = append(b, st.String()...)
	b = append(b, `","subresource_uris":{"media":"`...)
	b = append(b, uri...)
	b = append(b, `/Media.json"},"to":`...)
	b = appendString(b, r.to)
	b = append(b, `,"uri":"`...)
	b = append(b, uri...)
	return append(b, `.json"}`...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, rfc2822)
	return append(b, '"')
}

// listQuery is what a list of messages is asked for.
type listQuery struct {
	to, from  string
	since     int64 // microseconds, inclusive
	until     int64 // microseconds, exclusive
	size      int
	page      int
	before    uint64 // only messages older than this sequence number
	malformed bool
}

// readList reads the filters. Times are dates or instants in UTC; "DateSent<" and "DateSent>" include the day or second
// they name (same page, "Read multiple Message resources").
func readList(q url.Values) listQuery {
	l := listQuery{to: q.Get("To"), from: q.Get("From"), until: math.MaxInt64, size: 50, before: math.MaxUint64}
	at := func(name string) (first, next int64, given bool) {
		raw := q.Get(name)
		if raw == "" {
			return 0, 0, false
		}
		if t, err := time.Parse(time.DateOnly, raw); err == nil {
			return t.UnixMicro(), t.AddDate(0, 0, 1).UnixMicro(), true
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime} {
			if t, err := time.Parse(layout, raw); err == nil {
				return t.UnixMicro(), t.Add(time.Second).UnixMicro(), true
			}
		}
		l.malformed = true
		return 0, 0, false
	}
	if first, next, ok := at("DateSent"); ok {
		l.since, l.until = first, next
	}
	if first, _, ok := at("DateSent>"); ok {
		l.since = max(l.since, first)
	}
	if _, next, ok := at("DateSent<"); ok {
		l.until = min(l.until, next)
	}
	if n, err := strconv.Atoi(q.Get("PageSize")); err == nil && n > 0 {
		l.size = min(n, 1000)
	}
	if n, err := strconv.Atoi(q.Get("Page")); err == nil && n > 0 {
		l.page = n
	}
	if token, ok := strings.CutPrefix(q.Get("PageToken"), "PB"); ok {
		if n, err := strconv.ParseUint(token, 16, 64); err == nil {
			l.before = n
		}
	}
	return l
}

// list answers a list of messages, newest first, in pages that a token continues.
func (a *account) list(r *http.Request) reply {
	query := r.URL.Query()
	l := readList(query)
	if l.malformed {
		return twilioError(refusal{400, 20001, "A date must be written YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ."})
	}
	found, more := a.find(l)
	base := twilioRoot + a.name + "/Messages.json?"
	query.Del("PageToken")
	query.Set("PageSize", strconv.Itoa(l.size))
	query.Set("Page", strconv.Itoa(l.page))
	here := base + query.Encode()
	query.Set("Page", "0")
	home := base + query.Encode()
	b := append([]byte(nil), `{"first_page_uri":`...)
	b = appendString(b, home)
	b = append(b, `,"end":`...)
	b = strconv.AppendInt(b, int64(l.page*l.size+max(len(found)-1, 0)), 10)
	b = append(b, `,"previous_page_uri":null,"messages":[`...)
	for i, m := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.appendTwilio(b)
	}
	b = append(b, `],"uri":`...)
	b = appendString(b, here)
	b = append(b, `,"page_size":`...)
	b = strconv.AppendInt(b, int64(l.size), 10)
	b = append(b, `,"start":`...)
	b = strconv.AppendInt(b, int64(l.page*l.size), 10)
	b = append(b, `,"next_page_uri":`...)
	if more {
		query.Set("Page", strconv.Itoa(l.page+1))
		query.Set("PageToken", "PB"+strconv.FormatUint(found[len(found)-1].seq, 16))
		b = appendString(b, base+query.Encode())
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"page":`...)
	b = strconv.AppendInt(b, int64(l.page), 10)
	return reply{status: 200, body: append(b, '}')}
}

// find collects one page of messages and says whether there are more. It walks the shortest list that must hold them.
func (a *account) find(l listQuery) (found []*record, more bool) {
	var walk []uint32
	all := false
	switch {
	case l.to != "" && a.s.phones.find(KindSMS, l.to) != nil:
		walk = a.s.phones.find(KindSMS, l.to).list()
	case l.from != "" && a.s.phones.find(KindSMS, l.from) != nil:
		walk = a.s.phones.find(KindSMS, l.from).list()
	case l.to != "":
		a.mu.Lock()
		walk = append(walk, a.inbound[l.to]...)
		a.mu.Unlock()
	default:
		all = true
	}
	take := func(r *record) (enough bool) {
		if r.owner != &a.owner || r.status0() == statusNone || r.seq >= l.before || r.at >= l.until {
			return false
		}
		if r.at < l.since {
			return true
		}
		if l.to != "" && r.to != l.to || l.from != "" && r.from.Value() != l.from {
			return false
		}
		if len(found) == l.size {
			more = true
			return true
		}
		found = append(found, r)
		return false
	}
	if all {
		for seq := min(a.s.journal.len(), l.before-1); seq > 0; seq-- {
			if take(a.s.journal.get(seq)) {
				break
			}
		}
		return found, more
	}
	start := sort.Search(len(walk), func(i int) bool { return uint64(walk[i]) >= l.before })
	for i := start - 1; i >= 0; i-- {
		if take(a.s.journal.get(uint64(walk[i]))) {
			break
		}
	}
	return found, more
}

// list copies the sequence numbers of what was on the phone.
func (p *phone) list() []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]uint32(nil), p.items...)
}
