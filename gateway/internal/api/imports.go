package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/carillon-gateway/carillon/gateway"
)

// stallTime is how long the next bytes of a file may take to arrive.
const stallTime = time.Minute

type importMembers struct {
	InGroup
	DryRun  bool   `query:"dry_run" doc:"Say what would happen, and change nothing."`
	SkipBad bool   `query:"skip_bad" doc:"Take the good rows although others are bad; otherwise one bad row leaves everything as it was."`
	Digest  string `header:"Content-Digest" doc:"sha-256=:…: of the whole body (RFC 9530). Needed with an Idempotency-Key. A body that differs changes nothing."`
	Type    string `header:"Content-Type" example:"text/csv"`

	file io.Reader
	want []byte
}

// Resolve takes hold of the body, which is read as it comes and never kept.
func (in *importMembers) Resolve(ctx huma.Context) []error {
	var errs []error
	if kind, params, err := mime.ParseMediaType(in.Type); err != nil || kind != "text/csv" {
		errs = append(errs, &huma.ErrorDetail{Location: "header.Content-Type", Message: "send a file of members as text/csv"})
	} else if set := params["charset"]; set != "" && set != "utf-8" && set != "UTF-8" {
		errs = append(errs, &huma.ErrorDetail{Location: "header.Content-Type", Message: "the file must be UTF-8; convert it first"})
	}
	var err error
	if in.want, err = parseDigest(in.Digest); err != nil {
		errs = append(errs, &huma.ErrorDetail{Location: "header.Content-Digest", Message: err.Error()})
	}
	r, w := humago.Unwrap(ctx)
	limited := http.MaxBytesReader(w, r.Body, ctx.Operation().MaxBodyBytes)
	in.file = newChecked(&timed{body: limited, deadline: http.NewResponseController(w).SetReadDeadline, each: stallTime}, in.want)
	return errs
}

func (s *server) addImports() {
	add(s, route{ID: "import-members", Method: http.MethodPost, Path: "/api/v1/groups/{group}/imports", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator,
		Limit: s.ImportLimit, Stream: "text/csv",
		Summary: "Take in a file of members", About: "UTF-8, separated by commas, semicolons or tabs, its columns named in the first line. All rows become members in one step, or none does. " +
			"The report says of each bad row, by its line, what to do; it quotes nothing from the file.",
		Example: "ref,language,zone,sms,consent_topic,consent_wording,consent_language,consent_time,consent_proof\nK-17,de,Europe/Berlin,+447700900100,reports,2026-01,de,2026-01-10T12:00:00Z,paper form 12\n",
		Answer:  gateway.ImportReport{ID: sampleID, Published: true, Rows: 1, New: 1, Problems: []gateway.ImportProblem{}, Counts: map[gateway.ImportFlaw]int{}}},
		func(ctx context.Context, who caller, in *importMembers) (*body[gateway.ImportReport], error) {
			report, err := s.Importer.Import(ctx, who.Group, in.file, gateway.ImportOptions{Author: who.Token.Label, DryRun: in.DryRun, SkipBad: in.SkipBad})
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = gateway.Faultf(gateway.CodeInvalid, "the file ended before it was whole; nothing was changed; send it again")
			}
			if err != nil {
				return nil, err
			}
			s.Log.Info("a file of members was read", "request", requestID(ctx), "group", who.Group.ID, "import", report.ID, "token", who.Token.ID, "rows", report.Rows)
			return &body[gateway.ImportReport]{report}, nil
		})
}

var _ huma.Resolver = (*importMembers)(nil)
