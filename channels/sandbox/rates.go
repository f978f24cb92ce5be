package sandbox

import (
	"math"
	"strconv"
	"time"
)

// Telegram's rates, held only while a fault of kind Rates is in force: about a message a second to one person with a short
// burst, 20 a minute to a group, about 30 a second in all (https://core.telegram.org/bots/faq, "My bot is hitting limits").
const (
	personEvery, personBurst = time.Second, 3
	groupEvery, groupBurst   = 3 * time.Second, 20
	botEvery, botBurst       = time.Second / 30, 30
)

// Mattermost's limiter as it is when it is switched on without more: 10 requests a second and a burst of 100 for each
// account (https://docs.mattermost.com/configure/rate-limiting-configuration-settings.html).
const teamEvery, teamBurst = time.Second / 10, 100

// teamRate counts a request against the rate and returns how long the bot must wait in seconds; empty: it may go on.
func (s *Sandbox) teamRate(b *teamBot) string {
	if s.faults.strike(Mattermost, b.name, "", OnSend, isKind(Rates)) == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next, wait := pace(b.asked, s.now(), teamEvery, teamBurst)
	if wait > 0 {
		return strconv.Itoa(int(math.Ceil(wait.Seconds())))
	}
	b.asked = next
	return ""
}

// flood counts a message against the rates and returns how long the bot must wait; zero: it may send.
func (s *Sandbox) flood(b *bot, p *phone) time.Duration {
	if s.faults.strike(Telegram, b.name, p.key.address, OnSend, isKind(Rates)) == nil {
		return 0
	}
	now := s.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.telegram()
	every, burst := personEvery, personBurst
	if p.group() {
		every, burst = groupEvery, groupBurst
	}
	chatNext, chatWait := pace(c.tat, now, every, burst)
	botNext, botWait := pace(b.tat, now, botEvery, botBurst)
	if wait := max(chatWait, botWait); wait > 0 {
		return wait
	}
	c.tat, b.tat = chatNext, botNext
	return 0
}

// pace is the generic cell rate algorithm (ITU-T I.371, annex A): tat is when the next message would be due if all came
// evenly; burst of them may be ahead of it.
func pace(tat, now time.Time, every time.Duration, burst int) (next time.Time, wait time.Duration) {
	if tat.Before(now) {
		tat = now
	}
	ahead := tat.Sub(now) - time.Duration(burst-1)*every
	if ahead > 0 {
		return tat, ahead
	}
	return tat.Add(every), 0
}
