package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// declared reads the indicators of a series from a file; without one, it gives those that the series has.
func (sh *shell) declared(ctx context.Context, api *client.Client, group, series, file string) (all []gateway.DocumentIndicator, err error) {
	if file != "" {
		in, _, err := sh.open(file)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		decoder := json.NewDecoder(io.LimitReader(in, 1<<20))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&all); err != nil {
			return nil, wrong("%s is no JSON list of indicators (docs/reports.md has one): %w", file, err)
		}
		return all, nil
	}
	have, err := api.SeriesOf(ctx, group)
	for _, s := range have {
		if s.Name == series {
			all = s.Document().Indicators
		}
	}
	return all, err
}

func (sh *shell) reportIndicators() *cobra.Command {
	list := sh.inGroup(&cobra.Command{Use: "list SERIES", Short: "show the numbers that the next edition would tell, and what is wrong with their sources", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			all, err := api.SeriesOf(ctx, group)
			if err != nil {
				return err
			}
			for _, s := range all {
				if s.Name == args[0] {
					return sh.tellIndicators(s)
				}
			}
			return gateway.Faultf(gateway.CodeNotFound, "the group has no series %s", args[0])
		})
	var only []string
	put := &cobra.Command{Use: "put SERIES FILE", Short: "hand in the numbers of a series, from a CSV or JSON file (- reads standard input)", Args: cobra.ExactArgs(2),
		Long:    "Read the numbers of a series' indicators from a file: of all that have no address, or of those that are named. A name that\nends in .json is read as JSON, everything else as CSV. The file itself is not kept.",
		Example: "  carillon report indicators put harbour-report counts.csv"}
	put.Flags().StringArrayVar(&only, "indicator", nil, "this indicator only (again for others)")
	return holder("indicators", "numbers that each edition of a series tells", list, sh.inGroup(put, func(ctx context.Context, api *client.Client, group string, args []string) error {
		in, _, err := sh.open(args[1])
		if err != nil {
			return err
		}
		defer in.Close()
		kind := "text/csv"
		if strings.EqualFold(filepath.Ext(args[1]), ".json") {
			kind = "application/json"
		}
		s, err := api.HandIn(ctx, group, args[0], only, in, kind)
		if err != nil {
			return err
		}
		return sh.tellIndicators(s)
	}))
}

// tellIndicators shows what is known of the indicators of a series.
func (sh *shell) tellIndicators(s gateway.Series) error {
	return listed(sh, s.Indicators, []string{"INDICATOR", "NUMBER", "OF", "FROM", "WHAT IS WRONG"}, "This series has no indicators. Declare them with: carillon report put "+s.Name+" --indicators FILE", func(i gateway.Indicator) []string {
		fault := i.Measure.Fault
		if fault != "" {
			fault += ", since " + clock(i.Measure.Since)
		}
		return []string{i.Name, strings.TrimSpace(i.Measure.Value + " " + i.Unit), i.Measure.Date, cmp.Or(i.Host, "files"), fault}
	})
}
