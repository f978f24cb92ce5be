package gateway

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Rota says who of a group is on duty when: turns that follow a rule, and what was changed of them.
type Rota struct {
	ID       ID     `json:"id"`
	GroupID  ID     `json:"group_id"`
	Name     string `json:"name"`            // a-z 0-9 -, 2 to 40 characters; unique in the group
	Title    string `json:"title,omitempty"` // as those on duty read it; empty: its name
	Revision int    `json:"revision"`        // rises with everything that is written of a rota. Who writes names the one that he saw
	Rotation
	Overrides []RotaOverride `json:"overrides,omitempty"` // of two for the same time the later in the list holds
	Away      []Absence      `json:"away,omitempty"`
	Swaps     []Swap         `json:"swaps,omitempty"` // asked, and not answered
	ChangedAt time.Time      `json:"changed_at"`      // by people

	Holder ID        `json:"-"` // who was last told to be on duty; zero: nobody
	Noted  []Span    `json:"-"` // gaps that owners were told of
	Next   time.Time `json:"-"` // when it is to be looked at; zero: never
}

// Shown is the name by which those on duty know a rota.
func (r *Rota) Shown() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}

// RotaKind says how turns follow each other.
type RotaKind string

// The kinds of rotation.
const (
	RotaDays  RotaKind = "days"  // a turn lasts so many days
	RotaWeeks RotaKind = "weeks" // a turn lasts so many weeks
	RotaList  RotaKind = "list"  // each turn is written down
)

// Rotation is the rule of a rota. All times are wall times of its zone, by the clock rules of package civil.
type Rotation struct {
	Kind    RotaKind     `json:"rotation"`
	Every   int          `json:"every,omitempty"`   // days or weeks that a turn lasts, 1 to MaxRotaEvery
	Zone    string       `json:"zone"`              // IANA name
	Start   civil.Wall   `json:"start"`             // when the first turn begins; with it, the time of day at which people change. Of a list: its first turn
	Until   civil.Wall   `json:"until,omitzero"`    // when the last turn ends; zero: never. A list has one
	Members []ID         `json:"members,omitempty"` // in the order of their turns; of a list: none
	Turns   []ListedTurn `json:"turns,omitempty"`   // of a list, one behind the other; each lasts until the next begins
}

// ListedTurn is a turn of a list.
type ListedTurn struct {
	From   civil.Wall `json:"from"`
	Member ID         `json:"member_id,omitzero"` // zero: nobody
}

// RotaOverride puts somebody on duty for a time, whoever's turn it is.
type RotaOverride struct {
	ID     ID         `json:"id"`
	From   civil.Wall `json:"from"`
	To     civil.Wall `json:"to"`
	Member ID         `json:"member_id,omitzero"` // zero: nobody
	Swap   ID         `json:"swap_id,omitzero"`   // that it comes from
	By     string     `json:"by"`                 // label of the token, or "member"
}

// Absence is a time that a member is away. A turn of hers is a gap then.
type Absence struct {
	ID     ID         `json:"id"`
	Member ID         `json:"member_id"`
	From   civil.Wall `json:"from"`
	To     civil.Wall `json:"to"`
	By     string     `json:"by"`
}

// Swap is a question of one member to another: to take over a turn of hers, for one of the other's or for nothing.
type Swap struct {
	ID    ID         `json:"id"`
	From  ID         `json:"from_id"` // who asks
	With  ID         `json:"with_id"` // who is asked
	Give  civil.Wall `json:"give"`    // when the turn begins that the first gives
	Take  civil.Wall `json:"take,omitzero"`
	AskAt time.Time  `json:"asked_at"`
	By    string     `json:"by"`
	Told  bool       `json:"told"` // a message with the question goes to her; false: she has no contact point that may be used
}

// Span is a stretch of time; To is without.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// RotaTurn is a stretch of time with one holder, or without.
type RotaTurn struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`                  // without
	Member  ID        `json:"member_id,omitzero"`  // who is on duty; zero: nobody is
	Planned ID        `json:"planned_id,omitzero"` // whose turn it would be, if she is not the one
	Why     TurnWhy   `json:"why,omitempty"`
}

// TurnWhy says why a turn is not as the rotation has it.
type TurnWhy string

// Why a turn is not as the rotation has it.
const (
	TurnOverride TurnWhy = "override" // somebody was put in her place
	TurnSwap     TurnWhy = "swap"     // both agreed
	TurnAway     TurnWhy = "away"     // whoever has it is away: nobody is on duty
	TurnLeft     TurnWhy = "left"     // whoever has it is no member any more
	TurnNobody   TurnWhy = "nobody"   // nobody was named
)

// RotaTable is a rota with its turns of some time.
type RotaTable struct {
	Rota  Rota       `json:"rota"`
	Turns []RotaTurn `json:"turns"`
}

// Limits of rotas.
const (
	MaxRotas       = 20  // of a group
	MaxRotaMembers = 50  // of a rotation
	MaxListedTurns = 366 // of a list
	MaxRotaChanges = 200 // overrides, absences and open swaps of a rota, each
	MaxRotaEvery   = 60
	MaxRotaTitle   = 80 // characters
	MaxRotaDays    = 400
	// KeepRotaChanges is how long what was changed of a rota is kept after its time.
	KeepRotaChanges = 30 * 24 * time.Hour
	// GapNotice is how long before a gap the group's owners are told.
	GapNotice = 7 * 24 * time.Hour
)

// RotaBook keeps rotas. What they hold is sealed.
type RotaBook interface {
	// PutRota makes a rota (its id is zero), or writes the one with its id over the revision that it names, submits what is
	// said to those on duty, and keeps what owners must be told, in one transaction; it returns the rota as it is kept.
	// CodeConflict: its name is taken, or the group has MaxRotas. ErrStale: somebody else wrote it since. ErrKeyReused: a key
	// of a message is taken.
	PutRota(ctx context.Context, r Rota, say RotaSayings) (Rota, error)
	// Rota reads one by its name; ErrNotFound.
	Rota(ctx context.Context, group ID, name string) (Rota, error)
	// Rotas lists a group's in order of their names.
	Rotas(ctx context.Context, group ID) ([]Rota, error)
	// DueRotas lists those whose Next has come by the store's clock. An erased member makes all of her group due.
	DueRotas(ctx context.Context, limit int) ([]Rota, error)
	// DeleteRota deletes one, and the feeds of it.
	DeleteRota(ctx context.Context, group, id ID) error
}

// RotaSayings is what is said when a rota is written.
type RotaSayings struct {
	Sends   []*ReadyBroadcast
	Notices []OwnerNotice
}

// DutyMessage is something to be said to one member about her duty.
type DutyMessage struct {
	Group   ID
	Member  ID
	Key     string // makes it happen once
	Wording string
	Data    map[string]string
	Expires time.Time
}

// The shipped texts about duty. Times are told by the reader's clock.
const (
	DutyBegins      = "duty-begins"       // to who is on duty for {rota} from now on, until {until}
	DutyEnds        = "duty-ends"         // to who no longer is
	DutyAskCover    = "duty-ask-cover"    // will she take over {rota} from {when} until {until}?
	DutyAskSwap     = "duty-ask-swap"     // the same, for her turn that begins at {next}
	DutySwapAgreed  = "duty-swap-agreed"  // to who asked: yes
	DutySwapRefused = "duty-swap-refused" // to who asked: no
	NoticeGap       = "duty-gap"          // to owners: nobody is on duty for {rota} from {when} until {until}
)

// GapAhead is what owners are told of a time for which nobody is on duty.
func GapAhead(r *Rota, from, to time.Time) OwnerNotice {
	once := "gap/" + hex.EncodeToString(r.ID[:]) + "/" + strconv.FormatInt(from.Unix(), 10) + "/" + strconv.FormatInt(to.Unix(), 10)
	return OwnerNotice{Once: once, GroupID: r.GroupID, Wording: NoticeGap,
		Data: map[string]string{"rota": r.Shown(), "when": from.UTC().Format(time.RFC3339), "until": to.UTC().Format(time.RFC3339)}}
}

// DutyGap is a time, or a step of a policy, for which an alert would find nobody.
type DutyGap struct {
	Rota   string    `json:"rota,omitempty"` // its name; empty: it is of a policy
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`        // without
	Member ID        `json:"member_id,omitzero"` // who is on duty, and cannot be told; zero: nobody is
	Policy string    `json:"policy,omitempty"`   // its name
	Step   int       `json:"step,omitempty"`     // of it, from 1. Zero: the last resort
	Role   string    `json:"role,omitempty"`     // whom the step asks, as in medic, topic alerts, or rota telephone
	Why    string    `json:"why"`                // safe to show
	About  ID        `json:"-"`                  // the rota or the policy
}

// Place names a step of a policy as people read it.
func (g DutyGap) Place() string {
	if g.Step == 0 {
		return "the last resort"
	}
	return "step " + strconv.Itoa(g.Step)
}

// Rotas says who is on duty.
type Rotas interface {
	// OnDuty gives the turn of a rota at an instant; without a member in it, nobody is on duty. ErrNotFound: the group has no
	// such rota. Before its first turn and behind its last nobody is.
	OnDuty(ctx context.Context, group ID, rota string, at time.Time) (RotaTurn, error)
}

// DocumentRota is the rule of a rota as people and documents write it. Nobody is named in a document; a rota that exists keeps
// its people.
type DocumentRota struct {
	Title   string       `json:"title,omitempty" maxLength:"80" doc:"As those on duty read it. Absent: its name."`
	Kind    RotaKind     `json:"rotation" enum:"days,weeks,list" doc:"A turn lasts so many days or weeks, or each is written down."`
	Every   int          `json:"every,omitempty" minimum:"0" maximum:"60" doc:"Days or weeks that a turn lasts; 0: one."`
	Zone    string       `json:"zone,omitempty" maxLength:"64" doc:"IANA name of the zone of all its times. Absent: the group's."`
	Start   civil.Wall   `json:"start" doc:"When the first turn begins, and at which time of day people change."`
	Until   civil.Wall   `json:"until,omitzero" doc:"When the last turn ends. Absent: never; a list needs it."`
	Members []ID         `json:"members,omitempty" maxItems:"50" doc:"In the order of their turns. Absent, of a rota that exists: as they were."`
	Turns   []ListedTurn `json:"turns,omitempty" maxItems:"366" doc:"Of a list: its turns, one behind the other; each lasts until the next begins. Absent, of a rota that exists: as they were."`
}

// NamedRota is a rota of a Document.
type NamedRota struct {
	Name string `json:"name"`
	DocumentRota
}

// Rota gives what a document says, under a name.
func (d DocumentRota) Rota(name string) Rota {
	return Rota{Name: name, Title: d.Title, Rotation: Rotation{Kind: d.Kind, Every: d.Every, Zone: d.Zone, Start: d.Start, Until: d.Until, Members: d.Members, Turns: d.Turns}}
}

// Document gives the rule of a rota without its people.
func (r *Rota) Document() DocumentRota {
	return DocumentRota{Title: r.Title, Kind: r.Kind, Every: r.Every, Zone: r.Zone, Start: r.Start, Until: r.Until}
}
