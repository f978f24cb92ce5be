package dispatch

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
)

// texts keeps frozen texts, the least recently used ones going first once they pass so many bytes.
type texts struct {
	source Texts
	most   int

	mu     sync.Mutex
	byKey  map[textKey]*list.Element
	recent *list.List // of *text
	bytes  int
}

type textKey struct {
	broadcast    gateway.ID
	locale, kind string
	pointer      bool
}

// text is a frozen text that can be sent, or why it cannot ever.
type text struct {
	key   textKey
	parts []channels.Part
	cost  []int // of the part and all behind it; with the dearest name, if it has holes
	holes bool  // the member's name is to be put in
	bad   error
	bytes int
}

// errBadText marks a text that no try can send.
var errBadText = errors.New("the text of this message cannot be read")

func newTexts(source Texts, most int) *texts {
	return &texts{source: source, most: most, byKey: map[textKey]*list.Element{}, recent: list.New()}
}

// of gives the text of a claim; errBadText if it is missing or spoilt, other errors may pass.
func (t *texts) of(ctx context.Context, c *gateway.Claim) (*text, error) {
	key := textKey{c.Broadcast, c.Locale, c.Kind, c.Pointer}
	t.mu.Lock()
	if e, ok := t.byKey[key]; ok {
		t.recent.MoveToFront(e)
		t.mu.Unlock()
		found := e.Value.(*text)
		return found, found.bad
	}
	t.mu.Unlock()
	rendering, err := t.source.Rendering(ctx, c.Group, c.Broadcast, c.Locale, c.Kind, c.Pointer)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return nil, fmt.Errorf("reading the text of a message: %w", err)
	}
	found := read(rendering)
	if err != nil {
		found.bad = fmt.Errorf("%w: there is none for this language and kind of contact point", errBadText)
		if c.Neutral {
			found.bad = fmt.Errorf("%w: the member has gone into neutral mode since it was planned, and no pointer lies ready in her language; send it anew", errBadText)
		}
		return found, found.bad // not kept: it may be written yet
	}
	t.keep(found)
	return found, found.bad
}

// personal gives the text of a claim with its member's name put in, where there is room for one. Where she is not to be called by
// name after all, as in a chat of many, it is the text without; defect is told of a panic.
func (t *texts) personal(ctx context.Context, c *gateway.Claim, adapter channels.Adapter, defect func(recovered any)) (*text, error) {
	found, err := t.of(ctx, c)
	if err != nil || !found.holes {
		return found, err
	}
	if filler, fills := adapter.(channels.Filler); fills {
		if filled := found.fill(filler, channels.Address(c.Address.Reveal()), c.Name.Reveal(), defect); filled != nil {
			return filled, nil
		}
	}
	nameless := *c
	nameless.Locale = gateway.NamelessLocale(c.Locale)
	if found, err = t.of(ctx, &nameless); err == nil && found.holes {
		err = errBadText
	}
	return found, err
}

// fill puts a name into a copy; nil: she is not to be called by name.
func (t *text) fill(by channels.Filler, to channels.Address, name string, defect func(recovered any)) (whole *text) {
	defer func() {
		if r := recover(); r != nil { // an adapter that meets a defect spoils no more than her name
			defect(r)
			whole = nil
		}
	}()
	filled := *t
	filled.parts, filled.cost = make([]channels.Part, len(t.parts)), make([]int, len(t.parts)+1)
	for i := len(t.parts) - 1; i >= 0; i-- {
		p, ok := by.Fill(t.parts[i], to, name)
		if !ok {
			return nil
		}
		p.Cost = max(1, p.Cost)
		filled.parts[i], filled.cost[i] = p, filled.cost[i+1]+p.Cost
	}
	return &filled
}

// read makes a text that can be sent of a rendering.
func read(r gateway.Rendering) (t *text) {
	t = &text{key: textKey{r.BroadcastID, r.Locale, r.Kind, r.Neutral}, bytes: 256}
	defer func() {
		if recover() != nil {
			t.bad = errBadText
		}
	}()
	t.parts, t.cost = make([]channels.Part, len(r.Parts)), make([]int, len(r.Parts)+1)
	for i := len(r.Parts) - 1; i >= 0; i-- {
		t.bytes += 3 * len(r.Parts[i])
		if json.Unmarshal(r.Parts[i], &t.parts[i]) != nil {
			t.bad = errBadText
			return t
		}
		t.parts[i].Cost = max(1, t.parts[i].Cost)
		t.holes = t.holes || content.HasHole(t.parts[i].Text+t.parts[i].HTML+t.parts[i].Subject)
		t.cost[i] = t.cost[i+1] + t.parts[i].Cost
	}
	if len(r.Parts) == 0 {
		t.bad = errBadText
	}
	return t
}

func (t *texts) keep(read *text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.byKey[read.key]; twice {
		return
	}
	t.byKey[read.key] = t.recent.PushFront(read)
	t.bytes += read.bytes
	for t.bytes > t.most && t.recent.Len() > 1 {
		oldest := t.recent.Remove(t.recent.Back()).(*text)
		delete(t.byKey, oldest.key)
		t.bytes -= oldest.bytes
	}
}
