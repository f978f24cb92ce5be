package directory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// field is what a column of an import holds.
type field int

const (
	ignored field = iota
	fieldRef
	fieldName
	fieldLanguage
	fieldFallback
	fieldZone
	fieldNeutral
	fieldQuiet
	fieldLeads
	fieldTags
	fieldOrder
	fieldTopics
	fieldWording
	fieldConsentLanguage
	fieldConsentTime
	fieldProof
	fieldConsentKinds
	fieldAddress
)

// headings lists the names of every column but those of addresses, the documented one first.
var headings = []struct {
	field field
	names []string
}{
	{fieldRef, []string{"ref", "id", "member", "member_id", "external_id", "reference", "pseudonym"}},
	{fieldName, []string{"name", "full_name", "display_name"}},
	{fieldLanguage, []string{"language", "locale", "lang"}},
	{fieldFallback, []string{"fallback", "fallbacks", "fallback_languages"}},
	{fieldZone, []string{"zone", "time_zone", "timezone", "tz"}},
	{fieldNeutral, []string{"neutral", "neutral_mode"}},
	{fieldQuiet, []string{"quiet", "quiet_hours", "do_not_disturb"}},
	{fieldLeads, []string{"leads", "lead_times"}},
	{fieldTags, []string{"tags", "tag", "labels"}},
	{fieldOrder, []string{"order", "order_of_preference", "preference", "prefers"}},
	{fieldTopics, []string{"consent_topics", "consent_topic", "topics", "topic"}},
	{fieldWording, []string{"consent_wording", "wording"}},
	{fieldConsentLanguage, []string{"consent_language", "consent_locale"}},
	{fieldConsentTime, []string{"consent_time", "consent_at", "consent_date"}},
	{fieldProof, []string{"consent_proof", "proof", "evidence"}},
	{fieldConsentKinds, []string{"consent_kinds", "consent_channels"}},
}

// kindNames are other names that lists give to a kind of contact point.
var kindNames = map[string]string{
	"phone": "sms", "mobile": "sms", "cell": "sms", "telephone": "sms", "number": "sms",
	"e_mail": "email", "mail": "email", "telegram_id": "telegram",
}

// column is one column of a file.
type column struct {
	field field
	kind  string // for fieldAddress
	title string // as the file names it
}

// readHeader says what each column holds, and everything that is wrong with the header.
func readHeader(fields, kinds []string) ([]column, []gateway.ImportProblem) {
	var problems []gateway.ImportProblem
	columns := make([]column, len(fields))
	taken := map[string]int{}
	reaches, known, strange := false, false, false
	for i, title := range fields {
		name := normalHeading(title)
		// What is no heading may be a person's data, in a file without a header: reports give its number only.
		c := column{title: "column " + strconv.Itoa(i+1)}
		var ok bool
		if c.field, c.kind, ok = heading(name, kinds); ok && name != "" {
			c.title, known = strings.TrimSpace(title), true
		}
		key := fmt.Sprint(c.field)
		if c.field == fieldAddress {
			key = name // "sms" and "sms2" are two columns of one kind
		}
		switch {
		case !ok:
			text := "this column is not known either"
			if !strange { // the list is long
				text = "this column is not known; the columns are " + strings.Join(documented(kinds), ", ") + ". Rename it, or begin its name with x_ to have it passed over; a kind of an adapter of your own is a column once its channel is there"
			}
			strange = true
			problems = append(problems, flawed(c.title, gateway.FlawHeader, text))
		case c.field == ignored:
		case taken[key] > 0:
			problems = append(problems, flawed(c.title, gateway.FlawHeader,
				fmt.Sprintf("column %d holds the same already; leave one out", taken[key])))
		default:
			taken[key] = i + 1
		}
		reaches = reaches || c.field == fieldAddress || c.field == fieldRef
		columns[i] = c
	}
	if !known { // the first member stands where the header should
		return columns, []gateway.ImportProblem{flawed("", gateway.FlawHeader,
			"the first line must name the columns, and none of its fields is the name of one; write such a line above the members, or rename those of your first line, with ref or one of "+strings.Join(kinds, ", ")+
				" among them. The columns are "+strings.Join(documented(kinds), ", "))}
	}
	if !reaches {
		problems = append(problems, flawed("", gateway.FlawHeader,
			"the first line must name the columns, with ref or one of "+strings.Join(kinds, ", ")+" among them"))
	}
	return columns, problems
}

func heading(name string, kinds []string) (f field, kind string, ok bool) {
	if name == "" || strings.HasPrefix(name, "x_") {
		return ignored, "", true
	}
	for _, h := range headings {
		if slices.Contains(h.names, name) {
			return h.field, "", true
		}
	}
	kind = strings.TrimSuffix(strings.TrimRight(name, "0123456789"), "_")
	if slices.Contains(kinds, name) {
		kind = name
	} else if k, found := kindNames[kind]; found {
		kind = k
	}
	return fieldAddress, kind, slices.Contains(kinds, kind)
}

// documented lists the names of all columns as the manual gives them.
func documented(kinds []string) []string {
	var names []string
	for _, h := range headings {
		names = append(names, h.names[0])
	}
	return append(names, kinds...)
}

func normalHeading(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '.' {
			return '_'
		}
		return r
	}, s)
}

func flawed(column string, flaw gateway.ImportFlaw, text string) gateway.ImportProblem {
	return gateway.ImportProblem{Column: column, Flaw: flaw, Text: text}
}
