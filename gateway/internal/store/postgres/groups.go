package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

const groupColumns = "id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries, replies, release, climb_from FROM groups"

func scanGroup(r pgx.Rows) (g gateway.Group, topics []roll.Topic, err error) {
	var fallback, list, budget, countries, replies, release, climbs string
	if err = r.Scan(&g.ID, &g.Slug, &g.Name, &g.Locale, &fallback, &g.Zone, &g.Region, &list, &g.Floor, &budget, &countries, &replies, &release, &climbs); err != nil {
		return g, nil, err
	}
	g.Countries = roll.Split(countries)
	g.ClimbFrom = roll.Split(climbs)
	if budget != "" {
		g.Budget = &gateway.Budget{}
		if err = json.Unmarshal([]byte(budget), g.Budget); err != nil {
			return g, nil, err
		}
	}
	if replies != "" {
		g.Replies = &gateway.Replies{}
		if err = json.Unmarshal([]byte(replies), g.Replies); err != nil {
			return g, nil, err
		}
	}
	if release != "" {
		g.Release = &gateway.ReleaseRule{}
		if err = json.Unmarshal([]byte(release), g.Release); err != nil {
			return g, nil, err
		}
	}
	if err = errors.Join(json.Unmarshal([]byte(fallback), &g.Fallback), json.Unmarshal([]byte(list), &topics)); err != nil {
		return g, nil, err
	}
	g.Topics = roll.Current(topics)
	return g, topics, nil
}

// PutGroup makes a group with a key of its own, or changes the one with its slug.
func (s *Store) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	given := g.ID
	err := s.do(ctx, false, func(t *txn) error {
		g.ID = given
		for made := false; ; {
			var known gateway.Group
			var topics []roll.Topic
			if err := t.query("SELECT "+groupColumns+" WHERE slug = $1 FOR UPDATE", []any{g.Slug}, func(r pgx.Rows) (err error) {
				known, topics, err = scanGroup(r)
				return err
			}); err != nil {
				return err
			}
			list, err := roll.MergeTopics(topics, g.Topics)
			if err != nil {
				return err
			}
			if !known.ID.IsZero() {
				g.ID = known.ID
				if _, err := t.exec("UPDATE groups SET name = $1, locale = $2, fallback = $3, zone = $4, region = $5, topics = $6, floor = $7, budget = $8, countries = $9, replies = $10, release = $11, climb_from = $12 WHERE id = $13",
					g.Name, g.Locale, row.JSON(g.Fallback), g.Zone, g.Region, row.JSON(list), g.Floor, budgetText(g), strings.Join(g.Countries, ","), roll.RepliesText(g), roll.ReleaseText(g), strings.Join(g.ClimbFrom, ","), g.ID); err != nil {
					return err
				}
				if !roll.SameLeads(topics, list) {
					if _, err := t.exec(lookAgain, t.now, g.ID); err != nil {
						return err
					}
				}
				return t.moneyChanged()
			}
			if made { // by somebody else, who has just taken it away again: nothing does
				return row.Missing("group")
			}
			if g.ID.IsZero() {
				g.ID = gateway.NewID()
			}
			keyID, wrapped := s.keys.New(g.ID)
			n, err := t.exec("INSERT INTO groups (id, slug, name, locale, fallback, zone, region, topics, floor, budget, countries, key_id, key_sealed, created_at, replies, release, climb_from) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17) ON CONFLICT (slug) DO NOTHING",
				g.ID, g.Slug, g.Name, g.Locale, row.JSON(g.Fallback), g.Zone, g.Region, row.JSON(list), g.Floor, budgetText(g), strings.Join(g.Countries, ","), keyID, wrapped, t.now, roll.RepliesText(g), roll.ReleaseText(g), strings.Join(g.ClimbFrom, ","))
			if err != nil || n > 0 {
				return err
			}
			made = true // another process made it meanwhile: change that one
		}
	})
	return g, err
}

func budgetText(g gateway.Group) string {
	if g.Budget == nil {
		return ""
	}
	return row.JSON(g.Budget)
}

// Group reads one by its slug.
func (s *Store) Group(ctx context.Context, slug string) (gateway.Group, error) {
	g, _, err := s.group(ctx, "slug = $1", slug)
	return g, err
}

// GroupByID reads one.
func (s *Store) GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error) {
	g, _, err := s.group(ctx, "id = $1", id)
	return g, err
}

func (s *Store) group(ctx context.Context, where string, arg any) (gateway.Group, []roll.Topic, error) {
	var g gateway.Group
	var topics []roll.Topic
	err := s.queryKey(ctx, "SELECT "+groupColumns+" WHERE "+where, []any{arg}, func(r pgx.Rows) (err error) {
		g, topics, err = scanGroup(r)
		return err
	})
	if err == nil && g.ID.IsZero() {
		err = row.Missing("group")
	}
	return g, topics, err
}

// Groups lists all by slug.
func (s *Store) Groups(ctx context.Context) ([]gateway.Group, error) {
	all := []gateway.Group{}
	err := s.query(ctx, "SELECT "+groupColumns+" ORDER BY slug", nil, func(r pgx.Rows) error {
		g, _, err := scanGroup(r)
		all = append(all, g)
		return err
	})
	return all, err
}
