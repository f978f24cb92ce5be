package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const groupColumns = "id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries, replies, release, climb_from FROM groups"

func scanGroup(r *lite.Stmt) (g gateway.Group, topics []roll.Topic, err error) {
	var fallback, list, budget, countries, replies, release, climbs string
	if err = r.Scan(&g.ID, &g.Slug, &g.Name, &g.Locale, &fallback, &g.Zone, &g.Region, &list, &g.Floor, &budget, &countries, &replies, &release, &climbs); err != nil {
		return g, nil, err
	}
	g.Countries = roll.Split(countries)
	g.ClimbFrom = roll.Split(climbs)
	if budget != "" {
		g.Budget = &gateway.Budget{}
		if err = fromJSON(budget, g.Budget); err != nil {
			return g, nil, err
		}
	}
	if replies != "" {
		g.Replies = &gateway.Replies{}
		if err = fromJSON(replies, g.Replies); err != nil {
			return g, nil, err
		}
	}
	if release != "" {
		g.Release = &gateway.ReleaseRule{}
		if err = fromJSON(release, g.Release); err != nil {
			return g, nil, err
		}
	}
	if err = errors.Join(fromJSON(fallback, &g.Fallback), fromJSON(list, &topics)); err != nil {
		return g, nil, err
	}
	g.Topics = roll.Current(topics)
	return g, topics, nil
}

// PutGroup makes a group with a key of its own, or changes the one with its slug.
func (s *Store) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	err := s.write.do(ctx, false, func(t *txn) error {
		var known gateway.Group
		var topics []roll.Topic
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
			budget = row.JSON(g.Budget)
		}
		clear(t.w.money.budgets)
		list, err := roll.MergeTopics(topics, g.Topics)
		if err != nil {
			return err
		}
		if found {
			g.ID = known.ID
			_, err := t.exec("UPDATE groups SET name = ?, locale = ?, fallback = ?, zone = ?, region = ?, topics = ?, floor = ?, budget = ?, countries = ?, replies = ?, release = ?, climb_from = ? WHERE id = ?",
				g.Name, g.Locale, row.JSON(g.Fallback), g.Zone, g.Region, row.JSON(list), g.Floor, budget, strings.Join(g.Countries, ","), roll.RepliesText(g), roll.ReleaseText(g), strings.Join(g.ClimbFrom, ","), g.ID[:])
			if err == nil && !roll.SameLeads(topics, list) {
				_, err = t.exec(lookAgain, t.now, g.ID)
			}
			return err
		}
		if g.ID.IsZero() {
			g.ID = gateway.NewID()
		}
		keyID, wrapped := s.keys.New(g.ID)
		_, err = t.exec("INSERT INTO groups (id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries, replies, release, climb_from, key_id, key_sealed, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			g.ID[:], g.Slug, g.Name, g.Locale, row.JSON(g.Fallback), g.Zone, g.Region, row.JSON(list), g.Floor, budget, strings.Join(g.Countries, ","), roll.RepliesText(g), roll.ReleaseText(g), strings.Join(g.ClimbFrom, ","), keyID, wrapped, t.now)
		return err
	})
	return g, err
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

func (s *Store) group(ctx context.Context, where string, arg any) (gateway.Group, []roll.Topic, error) {
	var g gateway.Group
	var topics []roll.Topic
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, "SELECT "+groupColumns+" WHERE "+where, []any{arg}, func(r *lite.Stmt) (err error) {
			g, topics, err = scanGroup(r)
			return err
		})
	})
	if err == nil && g.ID.IsZero() {
		err = row.Missing("group")
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
