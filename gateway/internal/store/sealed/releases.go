package sealed

import (
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// releaseRecord is what is kept of a release for long: who, when and why.
type releaseRecord struct {
	Class    gateway.Class         `json:"class"`
	Why      string                `json:"why"`
	Members  int                   `json:"members"`
	Channels []gateway.ReleaseWay  `json:"channels"`
	Hands    []gateway.Hand        `json:"hands"`
	Steps    []gateway.ReleaseStep `json:"steps"`
}

// Release seals who wrote something that needs a second person, who decided and why; and, apart from it, what it says.
func Release(key *seal.Group, r *gateway.Release) (record, draft []byte, err error) {
	record, err = document(key, Place(r.ID, "release record"), releaseRecord{r.Class, r.Why, r.Members, r.Channels, r.Hands, r.Steps})
	if err == nil && r.Draft != nil {
		draft, err = document(key, Place(r.ID, "release draft"), r.Draft)
	}
	return record, draft, err
}

// OpenRelease opens what Release sealed, into the release, of which the columns are known. Without a draft it has none.
func OpenRelease(key *seal.Group, r *gateway.Release, record, draft []byte) error {
	var kept releaseRecord
	if err := open(key, Place(r.ID, "release record"), record, &kept); err != nil {
		return err
	}
	r.Class, r.Why, r.Members, r.Channels, r.Hands, r.Steps = kept.Class, kept.Why, kept.Members, kept.Channels, kept.Hands, kept.Steps
	if len(draft) == 0 {
		return nil
	}
	r.Draft = &gateway.Draft{}
	if err := open(key, Place(r.ID, "release draft"), draft, r.Draft); err != nil {
		return err
	}
	r.Draft.Group = r.GroupID
	if len(r.Hands) > 0 {
		r.Draft.Author, r.Draft.Token = r.Hands[0].Label, r.Hands[0].Token
	}
	return nil
}
