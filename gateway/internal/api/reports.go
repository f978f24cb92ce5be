package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Reports is what people do with series of reports.
type Reports interface {
	// Put makes a series, or changes the one with its name.
	Put(ctx context.Context, g gateway.Group, s gateway.Series) (done gateway.Series, created bool, err error)
	// Contribute puts what a group says into the edition of a series that is collecting.
	Contribute(ctx context.Context, owner gateway.Group, series string, correction int, c gateway.Contribution) (number int, kept gateway.Contribution, err error)
	// HandIn reads the numbers of a series' indicators from a file: of those that are named, or of all that have no address.
	HandIn(ctx context.Context, g gateway.Group, series string, names []string, file []byte) (gateway.Series, error)
	ReportSteps
	ReportCorrections
	ReportArchive
}

// ReportSteps is what becomes of an edition.
type ReportSteps interface {
	Freeze(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
	Reopen(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
	Approve(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
	Send(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
	Withdraw(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
}

// ReportCorrections begins a correction of an edition that was sent.
type ReportCorrections interface {
	Correct(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)
}

// ReportArchive is what the API reads of series.
type ReportArchive interface {
	Series(ctx context.Context, group gateway.ID, name string) (gateway.Series, error)
	SeriesOf(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Series, error)
	Editions(ctx context.Context, group, series gateway.ID, before, limit int) ([]gateway.Edition, error)
	Edition(ctx context.Context, group gateway.ID, series string, number int) (gateway.Series, gateway.Edition, error)
}

// InSeries is a path to a series.
type InSeries struct {
	InGroup
	Series string `path:"series" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"harbour-report"`
}

// InEdition is a path to an edition.
type InEdition struct {
	InSeries
	Edition int `path:"edition" minimum:"1" maximum:"1000000" doc:"Its number." example:"12"`
}

type (
	listSeries struct {
		InGroup
		Paging
	}
	putSeries struct {
		InSeries
		Body gateway.DocumentSeries
	}
	listEditions struct {
		InSeries
		Before int `query:"before" minimum:"0" maximum:"1000001" doc:"List those with a lower number. Absent: from the newest."`
		Limit  int `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Entries of a page."`
	}
	contribute struct {
		InGroup
		Body gateway.DocumentContribution
	}
	putSeriesAnswer struct {
		Status int
		Body   gateway.Series
	}
)

// editionPage is a part of an archive. NextBefore is before of the next part; 0: this was the last.
type editionPage struct {
	Items      []gateway.EditionStanding `json:"items"`
	NextBefore int                       `json:"next_before,omitempty"`
}

// takeStep is a method of ReportSteps.
type takeStep = func(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error)

const reportTag = "Reports"

func (s *server) addReports() {
	draft := gateway.DocumentSeries{Title: "Harbour report", Topic: "reports", Contributors: []string{"rivers"}, Approve: gateway.ApprovePerson,
		Indicators: []gateway.DocumentIndicator{{Name: "meals", Titles: map[string]string{"en": "Meals served"}, Source: "the kitchen", Spot: gateway.Spot{Column: "meals", Date: "day"}, Stale: gateway.IndicatorStale}}}
	sample := gateway.Series{ID: sampleID, GroupID: sampleID, Name: "harbour-report", Title: draft.Title, Topic: draft.Topic, Contributors: draft.Contributors, Approve: draft.Approve, Author: "the office", Revision: 1, Indicators: draft.Series("").Indicators}
	sample.Indicators[0].Measure = gateway.Measure{Value: "412", Date: "2026-03-28", Good: sampleTime}
	said := gateway.DocumentContribution{Owner: "harbour", Series: sample.Name, Section: gateway.SectionObjections, Credit: gateway.CreditAnonymous, Texts: map[string]string{"en": "Too few chairs."}}
	kept := gateway.Contribution{Group: "rivers", Section: said.Section, Entry: 1, Credit: said.Credit, Texts: said.Texts, Author: "the office", Token: sampleID, At: sampleTime}
	edition := gateway.Edition{ID: sampleID, GroupID: sampleID, SeriesID: sampleID, Number: 12, State: gateway.EditionSent, Revision: 4, Entries: []gateway.Contribution{kept}, BroadcastID: sampleID}
	path := "/api/v1/groups/{group}/series"

	add(s, route{ID: "list-series", Method: http.MethodGet, Path: path, Tag: reportTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List series of reports", Answer: page[gateway.Series]{Items: []gateway.Series{sample}}},
		func(ctx context.Context, who caller, in *listSeries) (*body[page[gateway.Series]], error) {
			list, err := s.Reports.SeriesOf(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Series]]{pageOf(list, in.Limit, func(one gateway.Series) gateway.ID { return one.ID })}, err
		})
	add(s, route{ID: "put-series", Method: http.MethodPut, Path: path + "/{series}", Tag: reportTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Make or change a series of reports", About: "201: it is new.", Example: draft, Answer: sample},
		func(ctx context.Context, who caller, in *putSeries) (*putSeriesAnswer, error) {
			want := in.Body.Series(in.Series)
			want.Author = who.Token.Label
			done, created, err := s.Reports.Put(ctx, who.Group, want)
			if err != nil {
				return nil, err
			}
			s.Log.Info("a series was changed", "request", requestID(ctx), "group", who.Group.ID, "series", done.ID, "token", who.Token.ID)
			if created {
				return &putSeriesAnswer{http.StatusCreated, done}, nil
			}
			return &putSeriesAnswer{http.StatusOK, done}, nil
		})
	s.addIndicators(path, sample)
	if s.Editions != nil {
		s.open("GET /r/{edition}", s.Editions.ServeHTTP)
	}
	add(s, route{ID: "contribute", Method: http.MethodPost, Path: "/api/v1/groups/{group}/contributions", Tag: reportTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Contribute to a report", About: "What this group says in one section, in one or more languages, goes into the edition that is collecting; nobody edits it. Sent again for the same entry it changes it: languages that are not named stay.", Example: said, Answer: gateway.Contributed{Edition: 12, Contribution: kept}},
		s.contribute)
	add(s, route{ID: "list-editions", Method: http.MethodGet, Path: path + "/{series}/editions", Tag: reportTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the editions of a series", About: "The newest first.", Answer: editionPage{Items: []gateway.EditionStanding{edition.Standing()}}},
		func(ctx context.Context, who caller, in *listEditions) (*body[editionPage], error) {
			one, err := s.Reports.Series(ctx, who.Group.ID, in.Series)
			if err != nil {
				return nil, err
			}
			list, err := s.Reports.Editions(ctx, who.Group.ID, one.ID, in.Before, in.Limit+1)
			if err != nil {
				return nil, err
			}
			out := editionPage{Items: []gateway.EditionStanding{}}
			for i, e := range list {
				if i == in.Limit {
					out.NextBefore = list[i-1].Number
					break
				}
				out.Items = append(out.Items, e.Standing())
			}
			return &body[editionPage]{out}, nil
		})
	add(s, route{ID: "get-edition", Method: http.MethodGet, Path: path + "/{series}/editions/{edition}", Tag: reportTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read an edition", About: "All that is in it, as it was written, and in which languages something is missing.", Answer: edition.View()},
		func(ctx context.Context, who caller, in *InEdition) (*body[gateway.EditionView], error) {
			_, e, err := s.Reports.Edition(ctx, who.Group.ID, in.Series, in.Edition)
			return &body[gateway.EditionView]{e.View()}, err
		})
	for _, step := range []struct {
		id, summary, about string
		role               gateway.Role
		do                 func(Reports) takeStep
	}{
		{"freeze", "Freeze an edition", "Nothing in it changes any more; its figures are written into it. What is contributed from now on goes into the next.", gateway.Author, func(r Reports) takeStep { return r.Freeze }},
		{"reopen", "Reopen an edition", "One that was frozen and not sent is collecting again.", gateway.Author, func(r Reports) takeStep { return r.Reopen }},
		{"approve", "Approve an edition", "Not by a token that wrote a part of it or froze it.", gateway.Approver, func(r Reports) takeStep { return r.Approve }},
		{"send", "Send an edition", "It must be approved; where the rule of the series is none, frozen is enough. Each member reads it in her language, and an entry that is not written in it in another, under the tag of that.", gateway.Author, func(r Reports) takeStep { return r.Send }},
		{"withdraw", "Withdraw an edition", "One that was not sent. It stays in the archive.", gateway.Author, func(r Reports) takeStep { return r.Withdraw }},
		{"correct", "Correct an edition", "One that was sent: the answer is a new edition, its correction, in which the group writes a summary under that number. It is frozen, approved and sent as every edition, to those for whom the first has left.", gateway.Author, func(r Reports) takeStep { return r.Correct }},
	} {
		add(s, route{ID: step.id + "-edition", Method: http.MethodPost, Path: path + "/{series}/editions/{edition}/" + step.id, Tag: reportTag, Scope: ofGroup, Role: step.role,
			Summary: step.summary, About: step.about, Answer: edition.Standing()},
			func(ctx context.Context, who caller, in *InEdition) (*body[gateway.EditionStanding], error) {
				e, err := step.do(s.Reports)(ctx, who.Group, in.Series, in.Edition, gateway.Hand{Label: who.Token.Label, Token: who.Token.ID})
				if err != nil {
					return nil, err
				}
				s.Log.Info("an edition took a step", "request", requestID(ctx), "group", who.Group.ID, "series", e.SeriesID, "edition", e.Number, "token", who.Token.ID, "state", string(e.State))
				return &body[gateway.EditionStanding]{e.Standing()}, nil
			})
	}
}

// contribute takes what a group says, in a series of its own or of another group.
func (s *server) contribute(ctx context.Context, who caller, in *contribute) (*body[gateway.Contributed], error) {
	d, owner := in.Body, who.Group
	if d.Owner != "" && d.Owner != owner.Slug {
		var err error
		if owner, err = s.Groups.Group(ctx, d.Owner); err != nil {
			return nil, err
		}
	}
	c := gateway.Contribution{Group: who.Group.Slug, Section: d.Section, Entry: d.Entry, Credit: d.Credit, Name: d.Name, Texts: d.Texts, Author: who.Token.Label, Token: who.Token.ID}
	if c.Credit != gateway.CreditName {
		c.Name = who.Group.Name
	}
	number, kept, err := s.Reports.Contribute(ctx, owner, d.Series, d.Edition, c)
	if err != nil {
		return nil, err
	}
	s.Log.Info("a group contributed to a report", "request", requestID(ctx), "group", who.Group.ID, "owner", owner.ID, "edition", number, "token", who.Token.ID)
	return &body[gateway.Contributed]{gateway.Contributed{Edition: number, Contribution: kept}}, nil
}
