package sealed

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Alert seals an alert: what it says apart from the rest, which is kept for longer.
func Alert(key *seal.Group, a *gateway.AlertCase) (body, saying []byte, err error) {
	if saying, err = document(key, Place(a.ID, "saying"), &a.Saying); err != nil {
		return nil, nil, err
	}
	rest := *a
	rest.Saying = gateway.AlertSaying{}
	body, err = document(key, Place(a.ID, "alert"), &rest)
	return body, saying, err
}

// OpenAlerts opens what Alert sealed, body and saying of each, into alerts of which the columns are known, each under the key of
// its group; saying may be forgotten.
func OpenAlerts(all []gateway.AlertCase, bodies [][2][]byte, key func(group gateway.ID) (*seal.Group, error)) error {
	for i := range all {
		k, err := key(all[i].GroupID)
		if err == nil {
			err = openAlert(k, &all[i], bodies[i][0], bodies[i][1])
		}
		if err != nil {
			return fmt.Errorf("open the alert %s: %w", all[i].ID, err)
		}
	}
	return nil
}

func openAlert(key *seal.Group, a *gateway.AlertCase, body, saying []byte) error {
	known := *a
	if err := open(key, Place(known.ID, "alert"), body, a); err != nil {
		return err
	}
	a.ID, a.GroupID, a.Reference, a.State, a.Revision = known.ID, known.GroupID, known.Reference, known.State, known.Revision
	if saying == nil {
		return nil
	}
	return open(key, Place(known.ID, "saying"), saying, &a.Saying)
}

// AlertEvent seals an event of an alert.
func AlertEvent(key *seal.Group, alert gateway.ID, e *gateway.AlertEvent) ([]byte, error) {
	return document(key, Place(alert, "event"), e)
}

// OpenAlertEvent opens what AlertEvent sealed.
func OpenAlertEvent(key *seal.Group, alert gateway.ID, e *gateway.AlertEvent, body []byte) error {
	known := e.Key
	err := open(key, Place(alert, "event"), body, e)
	e.Key = known
	return err
}

// AlertParts is a change of an alert, sealed.
type AlertParts struct {
	Body, Saying []byte
	Events       [][]byte
	Words        [][]byte
}

// AlertWrite seals a change of an alert.
func AlertWrite(key *seal.Group, w *gateway.AlertWrite) (p AlertParts, err error) {
	if p.Body, p.Saying, err = Alert(key, &w.Alert); err != nil {
		return p, err
	}
	for i := range w.Events {
		body, err := AlertEvent(key, w.Alert.ID, &w.Events[i])
		if err != nil {
			return p, err
		}
		p.Events = append(p.Events, body)
	}
	for i := range w.Sends {
		words, err := Words(key, w.Sends[i].Broadcast.ID, w.Sends[i].Broadcast.Words)
		if err != nil {
			return p, err
		}
		p.Words = append(p.Words, words)
	}
	return p, nil
}
