package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Micro is how many of an amount's millionths make one unit of a currency.
const Micro = 1_000_000

// Money is an amount in millionths of a currency's unit: 79,000 of EUR are 7.9 cents.
type Money struct {
	Currency string `json:"currency"` // three capital letters of ISO 4217
	Micros   int64  `json:"micros"`
}

// String writes the amount with the digits that it needs, two at least, and its currency.
func (m Money) String() string {
	sign, n := "", m.Micros
	if n < 0 {
		sign, n = "-", -n
	}
	digits := strings.TrimRight(fmt.Sprintf("%06d", n%Micro), "0")
	for len(digits) < 2 {
		digits += "0"
	}
	return fmt.Sprintf("%s%d.%s %s", sign, n/Micro, digits, m.Currency)
}

// ParseMicros reads an amount as people write it, such as "0.0075" or "120": digits, and at most six behind a point.
func ParseMicros(s string) (int64, error) {
	whole, part, _ := strings.Cut(s, ".")
	digits := func(s string) bool {
		return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
	}
	if whole == "" || len(whole) > 9 || len(part) > 6 || strings.HasSuffix(s, ".") || !digits(whole) || !digits(part) {
		return 0, fmt.Errorf("%q is no amount; write digits with at most six behind a point, such as 0.0075, less than a thousand million", s)
	}
	var n int64
	for _, r := range whole + part + strings.Repeat("0", 6-len(part)) {
		n = n*10 + int64(r-'0')
	}
	return n, nil
}

// UnknownCountry stands for the country of an address whose kind has countries, when nobody can tell which.
const UnknownCountry = "ZZ"

// Price is what one unit costs: a segment of a text message, a message of other kinds. An empty channel means every
// channel of the kind, an empty country every country that has no price of its own.
type Price struct {
	Kind     string `json:"kind"` // of contact point: "sms", …
	Channel  string `json:"channel,omitempty"`
	Country  string `json:"country,omitempty"` // ISO 3166, two capital letters; ZZ: unknown
	Currency string `json:"currency"`
	Micros   int64  `json:"micros"` // of the currency's unit; 0: free
}

// Money is the price itself.
func (p Price) Money() Money { return Money{p.Currency, p.Micros} }

// Check says what is wrong with a price; it is safe to show.
func (p Price) Check() error {
	switch {
	case !isWord(p.Kind, 'a', 'z', 1, 40):
		return fmt.Errorf("kind: name a kind of contact point, such as sms")
	case len(p.Channel) > 40:
		return fmt.Errorf("channel: name one of the channels, or none")
	case p.Country != "" && !isWord(p.Country, 'A', 'Z', 2, 2):
		return fmt.Errorf("country %q: use the two capital letters of ISO 3166, such as DE", p.Country)
	case !isWord(p.Currency, 'A', 'Z', 3, 3):
		return fmt.Errorf("currency %q: use the three capital letters of ISO 4217, such as EUR", p.Currency)
	case p.Micros < 0 || p.Micros > 1000*Micro:
		return fmt.Errorf("micros: a price is 0 to 1,000 units of its currency, in millionths")
	}
	return nil
}

func isWord(s string, from, to rune, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.IndexFunc(s, func(r rune) bool { return r < from || r > to }) < 0
}

// MaxPrices is the largest number of prices of one list.
const MaxPrices = 10_000

// PriceTable finds prices: a group's own list comes before the operator's, in each a channel before its kind, and a
// country before all countries. It is read only.
type PriceTable struct {
	lists [2]map[priceKey]Money
}

type priceKey struct{ kind, channel, country string }

// NewPriceTable makes a table of a group's own prices and the operator's.
func NewPriceTable(own, operators []Price) *PriceTable {
	t := &PriceTable{}
	for i, list := range [2][]Price{own, operators} {
		t.lists[i] = make(map[priceKey]Money, len(list))
		for _, p := range list {
			t.lists[i][priceKey{p.Kind, p.Channel, p.Country}] = p.Money()
		}
	}
	return t
}

// Of gives the price of one unit. Without one, a kind that has no countries is free (no currency, priced), and any
// other has no known price.
func (t *PriceTable) Of(kind, channel, country string) (price Money, priced bool) {
	for _, list := range t.lists {
		for _, key := range [...]priceKey{{kind, channel, country}, {kind, channel, ""}, {kind, "", country}, {kind, "", ""}} {
			if price, ok := list[key]; ok {
				return price, true
			}
		}
	}
	return Money{}, country == ""
}

// Charge is what messages cost at one price. Without a price, nobody knows what they cost.
type Charge struct {
	ChannelID ID     `json:"channel_id,omitzero"`
	Segments  int64  `json:"segments"`        // of text messages; messages of other kinds
	Price     *Money `json:"price,omitempty"` // of one segment
	Amount    *Money `json:"amount,omitempty"`
}

// NewCharge multiplies.
func NewCharge(channel ID, segments int64, price Money, priced bool) Charge {
	c := Charge{ChannelID: channel, Segments: segments}
	if priced {
		c.Price, c.Amount = &price, &Money{price.Currency, price.Micros * segments}
	}
	return c
}

// Total is what several charges come to.
type Total struct {
	Segments int64   `json:"segments"`
	Unpriced int64   `json:"unpriced"` // of these, those without a known price: no amount counts them
	Amounts  []Money `json:"amounts"`  // one for each currency
}

// TotalOf adds charges up.
func TotalOf(charges []Charge) Total {
	total, micros := Total{Amounts: []Money{}}, map[string]int64{}
	for _, c := range charges {
		total.Segments += c.Segments
		if c.Amount == nil {
			total.Unpriced += c.Segments
		} else {
			micros[c.Amount.Currency] += c.Amount.Micros
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(micros)) {
		total.Amounts = append(total.Amounts, Money{currency, micros[currency]})
	}
	return total
}

// Budget is what a group means to spend within a month of its zone. Zero fields set no cap.
type Budget struct {
	Currency     string `json:"currency,omitempty"` // of the two amounts
	Soft         int64  `json:"soft_micros,omitempty"`
	Hard         int64  `json:"hard_micros,omitempty"`
	SoftSegments int64  `json:"soft_segments,omitempty"`
	HardSegments int64  `json:"hard_segments,omitempty"`
}

// Check says what is wrong with a budget; it is safe to show.
func (b Budget) Check() error {
	for _, n := range [...]int64{b.Soft, b.Hard, b.SoftSegments, b.HardSegments} {
		if n < 0 || n > 1_000_000_000*Micro {
			return fmt.Errorf("budget: a cap is a whole number above 0, or left out")
		}
	}
	switch {
	case (b.Soft > 0 || b.Hard > 0) && !isWord(b.Currency, 'A', 'Z', 3, 3):
		return fmt.Errorf("budget: name the currency of its amounts by the three capital letters of ISO 4217, such as EUR")
	case b.Soft > 0 && b.Hard > 0 && b.Soft > b.Hard, b.SoftSegments > 0 && b.HardSegments > 0 && b.SoftSegments > b.HardSegments:
		return fmt.Errorf("budget: the soft cap warns before the hard one holds; make it the smaller")
	}
	return nil
}

// Passed says whether a sum has come to a soft and a hard cap.
func (b Budget) Passed(micros, segments int64) (soft, hard bool) {
	at := func(n, limit int64) bool { return limit > 0 && n >= limit }
	return at(micros, b.Soft) || at(segments, b.SoftSegments), at(micros, b.Hard) || at(segments, b.HardSegments)
}

// Exempt says whether messages of a class leave although a hard cap is reached. An alert wants a person who takes
// charge, so it must not wait for a new month; codes and confirmations are what a fraudster would have us send.
func (c Class) Exempt() bool { return c == LifeSafety || c == Alert }

// Spend is what a group's messages of one month cost so far.
type Spend struct {
	Month    string    `json:"month"` // "2026-03", in the group's zone
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Segments int64     `json:"segments"` // of all that has a price or a country
	Unpriced int64     `json:"unpriced"` // of these, those without a known price: no amount counts them
	Amounts  []Money   `json:"amounts"`  // one for each currency
	Budget   *Budget   `json:"budget,omitempty"`
	Soft     bool      `json:"soft_reached,omitempty"`
	Hard     bool      `json:"hard_reached,omitempty"` // all but alerts waits for the next month or a higher cap
	Held     int       `json:"held"`                   // deliveries that wait for that
}

// MonthOf gives the month that the wall clock of a zone shows at an instant, and from when to when it lasts.
func MonthOf(zone string, at time.Time) (month string, from, to time.Time) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC // zones are checked when a group is stored; without their rules nothing better is known
	}
	y, m, _ := at.In(loc).Date()
	from, to = civil.In(civil.At(y, m, 1, 0, 0, 0), loc).Instant(), civil.In(civil.At(y, m+1, 1, 0, 0, 0), loc).Instant()
	return fmt.Sprintf("%04d-%02d", y, int(m)), from, to
}
