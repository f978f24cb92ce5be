package sealed

import (
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Drill seals a drill: what it says and whom it asks is for nobody else to read.
func Drill(key *seal.Group, d *gateway.Drill) ([]byte, error) {
	return document(key, Place(d.ID, "drill"), d)
}

// OpenDrills opens what Drill sealed, into drills of which the columns are known, each under the key of its group.
func OpenDrills(all []gateway.Drill, sealed [][]byte, key func(group gateway.ID) (*seal.Group, error)) error {
	for i := range all {
		d := &all[i]
		known := *d
		k, err := key(d.GroupID)
		if err != nil {
			return err
		}
		if err := open(k, Place(d.ID, "drill"), sealed[i], d); err != nil {
			return err
		}
		d.ID, d.GroupID, d.Revision, d.DueAt = known.ID, known.GroupID, known.Revision, known.DueAt
	}
	return nil
}
