package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/carillon-gateway/carillon/gateway"
)

// SeriesOf lists a group's series of reports.
func (c *Client) SeriesOf(ctx context.Context, group string) ([]gateway.Series, error) {
	return list[gateway.Series](ctx, c, groupPath(group, "series"), nil, 0, false)
}

// PutSeries makes a series or changes it.
func (c *Client) PutSeries(ctx context.Context, group, name string, d gateway.DocumentSeries) (gateway.Series, error) {
	return fetch[gateway.Series](ctx, c, call{method: http.MethodPut, path: groupPath(group, "series", name), in: d})
}

// HandIn has the numbers of a series' indicators read from a file: of those that are named, or of all that have no address.
func (c *Client) HandIn(ctx context.Context, group, series string, names []string, file io.Reader, kind string) (gateway.Series, error) {
	var out gateway.Series
	_, err := c.once(ctx, call{method: http.MethodPut, path: groupPath(group, "series", series, "indicators"), query: url.Values{"indicator": names}, out: &out}, file, kind)
	return out, err
}

// Contribute puts what a group says into a report.
func (c *Client) Contribute(ctx context.Context, group string, d gateway.DocumentContribution) (gateway.Contributed, error) {
	return fetch[gateway.Contributed](ctx, c, call{method: http.MethodPost, path: groupPath(group, "contributions"), in: d})
}

// Editions lists the editions of a series, the newest first, most of them at most (zero: all).
func (c *Client) Editions(ctx context.Context, group, series string, most int) ([]gateway.EditionStanding, error) {
	all, before := []gateway.EditionStanding{}, 0
	for {
		part, err := fetch[struct {
			Items []gateway.EditionStanding `json:"items"`
			Next  int                       `json:"next_before"`
		}](ctx, c, call{method: http.MethodGet, path: groupPath(group, "series", series, "editions"), query: url.Values{"before": {strconv.Itoa(before)}}})
		if err != nil {
			return nil, err
		}
		if all = append(all, part.Items...); most > 0 && len(all) >= most {
			return all[:most], nil
		}
		if before = part.Next; before == 0 {
			return all, nil
		}
	}
}

// Edition reads one.
func (c *Client) Edition(ctx context.Context, group, series string, number int) (gateway.EditionView, error) {
	return fetch[gateway.EditionView](ctx, c, call{method: http.MethodGet, path: groupPath(group, "series", series, "editions", strconv.Itoa(number))})
}

// StepEdition takes a step of an edition: freeze, reopen, approve, send or withdraw; or correct, which gives the correction.
func (c *Client) StepEdition(ctx context.Context, group, series string, number int, step string) (gateway.EditionStanding, error) {
	return fetch[gateway.EditionStanding](ctx, c, call{method: http.MethodPost, path: groupPath(group, "series", series, "editions", strconv.Itoa(number), step)})
}
