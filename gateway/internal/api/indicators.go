package api

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/carillon-gateway/carillon/gateway"
)

// indicatorFile is the most that a file of numbers may have; the reader has the same limit.
const indicatorFile = 1 << 20

type putIndicators struct {
	InSeries
	Names []string `query:"indicator,explode" maxItems:"12" doc:"Read these only. Absent: all of which files are handed in." example:"meals"`
	Type  string   `header:"Content-Type" example:"text/csv"`

	file io.Reader
}

// Resolve takes hold of the body, which the handler reads.
func (in *putIndicators) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	in.file = &timed{body: http.MaxBytesReader(w, r.Body, ctx.Operation().MaxBodyBytes), deadline: http.NewResponseController(w).SetReadDeadline, each: stallTime}
	if kind, _, err := mime.ParseMediaType(in.Type); err != nil || kind != "text/csv" && kind != "application/json" {
		return []error{&huma.ErrorDetail{Location: "header.Content-Type", Message: "send CSV as text/csv or JSON as application/json"}}
	}
	return nil
}

// addIndicators adds how numbers are handed in. Where they are read from otherwise is in the series.
func (s *server) addIndicators(path string, sample gateway.Series) {
	add(s, route{ID: "put-indicators", Method: http.MethodPut, Path: path + "/{series}/indicators", Tag: reportTag, Scope: ofGroup, Role: gateway.Author, Limit: indicatorFile, Stream: "text/csv",
		Summary: "Hand in the numbers of a report", About: "A CSV or JSON file, from which the numbers of the series' indicators are read; the file itself is not kept. It is refused whole if one of them is not in it.",
		Example: "day,meals\n2026-03-28,412\n", Answer: sample},
		func(ctx context.Context, who caller, in *putIndicators) (*body[gateway.Series], error) {
			file, err := io.ReadAll(in.file)
			if err != nil {
				return nil, err
			}
			done, err := s.Reports.HandIn(ctx, who.Group, in.Series, in.Names, file)
			if err != nil {
				return nil, err
			}
			s.Log.Info("numbers of a report were handed in", "request", requestID(ctx), "group", who.Group.ID, "series", done.ID, "token", who.Token.ID)
			return &body[gateway.Series]{done}, nil
		})
}
