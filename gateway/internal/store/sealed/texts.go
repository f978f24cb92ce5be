package sealed

import (
	"encoding/json"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// What a group writes is sealed under the group's key, as JSON. A ledger is moved with these columns closed, so both
// databases seal them alike.

// Words seals what a broadcast says.
func Words(key *seal.Group, broadcast gateway.ID, words gateway.Words) ([]byte, error) {
	return document(key, Place(broadcast, "words"), wordsDocument{words, words.Edition, words.Week, words.Alert})
}

// OpenWords opens what Words sealed. Nothing is sealed any more once a broadcast's texts were forgotten: it says nothing.
func OpenWords(key *seal.Group, broadcast gateway.ID, sealed []byte) (words gateway.Words, err error) {
	if len(sealed) == 0 {
		return words, nil
	}
	var d wordsDocument
	err = open(key, Place(broadcast, "words"), sealed, &d)
	words = d.Words
	words.Edition, words.Week, words.Alert = d.Edition, d.Week, d.Alert
	return words, err
}

// wordsDocument is what a broadcast says, with what no author may hand in.
type wordsDocument struct {
	gateway.Words
	Edition *gateway.EditionWords `json:"edition,omitempty"`
	Week    *gateway.WeekWords    `json:"week,omitempty"`
	Alert   *gateway.AlertWords   `json:"alert,omitempty"`
}

// Parts seals the parts of a rendering.
func Parts(key *seal.Group, r *gateway.Rendering) ([]byte, error) {
	return document(key, Place(r.BroadcastID, "rendering"), r.Parts)
}

// OpenParts opens what Parts sealed, into the rendering.
func OpenParts(key *seal.Group, r *gateway.Rendering, sealed []byte) error {
	return open(key, Place(r.BroadcastID, "rendering"), sealed, &r.Parts)
}

// Wording seals a group's own template: locale → source.
func Wording(key *seal.Group, group gateway.ID, name string, sources map[string]string) ([]byte, error) {
	return document(key, Place(group, "wording "+name), sources)
}

// OpenWording opens what Wording sealed.
func OpenWording(key *seal.Group, group gateway.ID, name string, sealed []byte) (sources map[string]string, err error) {
	err = open(key, Place(group, "wording "+name), sealed, &sources)
	return sources, err
}

// Review seals what is private in a review: the text's name and language, and who reviewed it.
func Review(key *seal.Group, group gateway.ID, r *gateway.Review) ([]byte, error) {
	return document(key, Place(group, "review "+r.Digest), [3]string{r.Name, r.Locale, r.By})
}

// OpenReview opens what Review sealed, into the review, whose digest is known.
func OpenReview(key *seal.Group, group gateway.ID, r *gateway.Review, sealed []byte) error {
	var words [3]string
	err := open(key, Place(group, "review "+r.Digest), sealed, &words)
	r.Name, r.Locale, r.By = words[0], words[1], words[2]
	return err
}

// Closed is what is sealed of a broadcast that is ready.
type Closed struct{ Words, Edition []byte }

// Ready seals a broadcast that is ready; nil: nothing is.
func Ready(key *seal.Group, send *gateway.ReadyBroadcast) (c Closed, err error) {
	if send == nil {
		return c, nil
	}
	if send.Edition != nil {
		if c.Edition, err = Edition(key, send.Edition); err != nil {
			return c, err
		}
	}
	c.Words, err = Words(key, send.Broadcast.ID, send.Broadcast.Words)
	return c, err
}

// Action seals what a schedule does.
func Action(key *seal.Group, schedule gateway.ID, action gateway.Action) ([]byte, error) {
	return document(key, Place(schedule, "action"), action)
}

// OpenAction opens what Action sealed.
func OpenAction(key *seal.Group, schedule gateway.ID, sealed []byte) (action gateway.Action, err error) {
	err = open(key, Place(schedule, "action"), sealed, &action)
	return action, err
}

// Series seals a series but for its name.
func Series(key *seal.Group, series *gateway.Series) ([]byte, error) {
	d := seriesDocument{Series: *series}
	for _, one := range series.Indicators {
		d.Addresses = append(d.Addresses, one.URL.Reveal())
	}
	return document(key, Place(series.ID, "series"), d)
}

// seriesDocument is a series with the addresses of its indicators, which are shown to nobody.
type seriesDocument struct {
	gateway.Series
	Addresses []string `json:"addresses,omitempty"`
}

// OpenSeries opens what Series sealed, into series of which the columns are known, each under the key of its group.
func OpenSeries(all []gateway.Series, sealed [][]byte, key func(group gateway.ID) (*seal.Group, error)) error {
	for i := range all {
		k, err := key(all[i].GroupID)
		if err == nil {
			err = openSeries(k, &all[i], sealed[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func openSeries(key *seal.Group, series *gateway.Series, sealed []byte) error {
	var d seriesDocument
	err := open(key, Place(series.ID, "series"), sealed, &d)
	d.ID, d.GroupID, d.Name, d.Revision, d.Next = series.ID, series.GroupID, series.Name, series.Revision, series.Next
	for i := range min(len(d.Indicators), len(d.Addresses)) {
		d.Indicators[i] = d.Indicators[i].At(gateway.Private(d.Addresses[i]))
	}
	*series = d.Series
	return err
}

// Edition seals what an edition says, and who did what to it.
func Edition(key *seal.Group, e *gateway.Edition) ([]byte, error) {
	return document(key, Place(e.ID, "edition"), e)
}

// OpenEdition opens what Edition sealed, into the edition, of which the columns are known.
func OpenEdition(key *seal.Group, e *gateway.Edition, sealed []byte) error {
	known := *e
	err := open(key, Place(known.ID, "edition"), sealed, e)
	e.ID, e.GroupID, e.SeriesID, e.Number, e.State, e.Revision, e.BroadcastID = known.ID, known.GroupID, known.SeriesID, known.Number, known.State, known.Revision, known.BroadcastID
	return err
}

func document(key *seal.Group, place []byte, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return key.Box.Seal(plain, place), nil
}

func open(key *seal.Group, place, sealed []byte, into any) error {
	plain, err := key.Box.Open(sealed, place)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}
