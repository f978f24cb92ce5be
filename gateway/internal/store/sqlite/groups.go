package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// topicRow is a topic as stored: its place in the list is its bit in every contact point, so a retired one keeps it.
type topicRow struct {
	gateway.Topic
	Retired bool `json:"retired,omitempty"`
}

const groupColumns = "id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries FROM groups"

func scanGroup(r *lite.Stmt) (g gateway.Group, topics []topicRow, err error) {
	var fallback, list, budget, countries string
	if err = r.Scan(&g.ID, &g.Slug, &g.Name, &g.Locale, &fallback, &g.Zone, &g.Region, &list, &g.Floor, &budget, &countries); err != nil {
		return g, nil, err
	}
	g.Countries = splitList(countries)
	if budget != "" {
		g.Budget = &gateway.Budget{}
		if err = fromJSON(budget, g.Budget); err != nil {
			return g, nil, err
		}
	}
	if err = errors.Join(fromJSON(fallback, &g.Fallback), fromJSON(list, &topics)); err != nil {
		return g, nil, err
	}
	for _, t := range topics {
		if !t.Retired {
			g.Topics = append(g.Topics, t.Topic)
		}
	}
	return g, topics, nil
}

// PutGroup makes a group with a key of its own, or changes the one with its slug.
func (s *Store) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	err := s.write.do(ctx, false, func(t *txn) error {
		var known gateway.Group
		var topics []topicRow
		found := false
		if err := t.query("SELECT "+groupColumns+" WHERE slug = ?", []any{g.Slug}, func(r *lite.Stmt) (err error) {
			known, topics, err = scanGroup(r)
			found = true
			return err
		}); err != nil {
			return err
		}
		budget := ""
		if g.Budget != nil {
			budget = toJSON(g.Budget)
		}
		clear(t.w.money.budgets)
		list, err := mergeTopics(topics, g.Topics)
		if err != nil {
			return err
		}
		if found {
			g.ID = known.ID
			_, err := t.exec("UPDATE groups SET name = ?, locale = ?, fallback = ?, zone = ?, region = ?, topics = ?, floor = ?, budget = ?, countries = ? WHERE id = ?",
				g.Name, g.Locale, toJSON(g.Fallback), g.Zone, g.Region, toJSON(list), g.Floor, budget, joinList(g.Countries), g.ID[:])
			return err
		}
		if g.ID.IsZero() {
			g.ID = gateway.NewID()
		}
		keyID, sealed := s.ring.Wrap(seal.NewSecret(), place(g.ID, "key"))
		_, err = t.exec("INSERT INTO groups (id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries, key_id, key_sealed, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			g.ID[:], g.Slug, g.Name, g.Locale, toJSON(g.Fallback), g.Zone, g.Region, toJSON(list), g.Floor, budget, joinList(g.Countries), keyID, sealed, t.now)
		return err
	})
	return g, err
}

// mergeTopics keeps every topic's place, retires those that are gone and puts new ones behind.
func mergeTopics(old []topicRow, now []gateway.Topic) ([]topicRow, error) {
	merged := slices.Clone(old)
	for i := range merged {
		merged[i].Retired = !slices.ContainsFunc(now, func(t gateway.Topic) bool { return t.Name == merged[i].Name })
	}
	for _, topic := range now {
		i := slices.IndexFunc(merged, func(t topicRow) bool { return t.Name == topic.Name })
		if i < 0 {
			merged = append(merged, topicRow{Topic: topic})
		} else {
			merged[i].Topic = topic
		}
	}
	if len(merged) > gateway.MaxTopics {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the group would have had %d topics, those it had before included; %d is the most", len(merged), gateway.MaxTopics)
	}
	return merged, nil
}

// Group reads one by its slug.
func (s *Store) Group(ctx context.Context, slug string) (gateway.Group, error) {
	g, _, err := s.group(ctx, "slug = ?", slug)
	return g, err
}

// GroupByID reads one.
func (s *Store) GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error) {
	g, _, err := s.group(ctx, "id = ?", id[:])
	return g, err
}

func (s *Store) group(ctx context.Context, where string, arg any) (gateway.Group, []topicRow, error) {
	var g gateway.Group
	var topics []topicRow
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, "SELECT "+groupColumns+" WHERE "+where, []any{arg}, func(r *lite.Stmt) (err error) {
			g, topics, err = scanGroup(r)
			return err
		})
	})
	if err == nil && g.ID.IsZero() {
		err = missing("group")
	}
	return g, topics, err
}

// Groups lists all by slug.
func (s *Store) Groups(ctx context.Context) ([]gateway.Group, error) {
	all := []gateway.Group{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, "SELECT "+groupColumns+" ORDER BY slug", nil, func(r *lite.Stmt) error {
			g, _, err := scanGroup(r)
			all = append(all, g)
			return err
		})
	})
	return all, err
}

// bits gives the bits of topics; names that the group does not have are left out.
func bits(topics []topicRow, names []string) (mask int64) {
	for i, t := range topics {
		if slices.Contains(names, t.Name) {
			mask |= 1 << i
		}
	}
	return mask
}

func topicNames(topics []topicRow, mask int64) []string {
	names := []string{}
	for i, t := range topics {
		if mask&(1<<i) != 0 && !t.Retired {
			names = append(names, t.Name)
		}
	}
	return names
}
