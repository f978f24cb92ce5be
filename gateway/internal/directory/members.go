package directory

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// Listed gives a page of members in order of id, behind after, with names, refs and addresses masked.
func (d *Directory) Listed(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error) {
	if limit < 1 || limit > 1000 {
		return nil, gateway.Faultf(gateway.CodeInvalid, "limit %d: ask for 1 to 1000 members", limit)
	}
	page, err := d.Members.Members(ctx, group, after, limit)
	if err != nil {
		return nil, err
	}
	for i := range page {
		page[i] = Masked(page[i])
	}
	return page, nil
}

// Look gives one member, masked as Listed does.
func (d *Directory) Look(ctx context.Context, group, id gateway.ID) (gateway.Member, error) {
	m, err := d.Members.Member(ctx, group, id)
	if err != nil {
		return gateway.Member{}, err
	}
	return Masked(m), nil
}

// Masked gives a member without her name, ref and addresses in clear.
func Masked(m gateway.Member) gateway.Member {
	m.Name, m.Ref = maskWord(m.Name), maskWord(m.Ref)
	points := make([]gateway.ContactPoint, len(m.Points))
	for i, p := range m.Points {
		p.Address = Mask(p.Address)
		points[i] = p
	}
	m.Points = points
	return m
}

// Mask shortens an address so that its owner recognises it and nobody else can use it: "+49…42", "a…@example.org", "7…49".
func Mask(address gateway.Private) gateway.Private {
	a := address.Reveal()
	local, domain, mail := strings.Cut(a, "@")
	switch {
	case mail && local != "":
		_, first := utf8.DecodeRuneInString(local)
		return gateway.Private(local[:first] + "…@" + domain)
	case strings.HasPrefix(a, "+") && len(a) >= 9:
		return gateway.Private(a[:3] + "…" + a[len(a)-2:])
	case utf8.RuneCountInString(a) >= 6:
		runes := []rune(a)
		return gateway.Private(string(runes[:1]) + "…" + string(runes[len(runes)-2:]))
	default:
		return "…"
	}
}

// maskWord leaves the first character of a name.
func maskWord(word gateway.Private) gateway.Private {
	if word == "" {
		return ""
	}
	_, first := utf8.DecodeRuneInString(word.Reveal())
	return word[:first] + "…"
}

// Show gives one member in clear, with the evidence of her consent, oldest first.
func (d *Directory) Show(ctx context.Context, group, id gateway.ID) (gateway.Member, []gateway.Consent, error) {
	m, err := d.Members.Member(ctx, group, id)
	if err != nil {
		return gateway.Member{}, nil, err
	}
	evidence, err := d.Members.Evidence(ctx, group, id)
	if err != nil {
		return gateway.Member{}, nil, fmt.Errorf("read the evidence of consent: %w", err)
	}
	return m, evidence, nil
}

// Find gives the members who have a ref (kind "ref") or an address of a kind, typed as people type it.
func (d *Directory) Find(ctx context.Context, group gateway.Group, kind, value string) ([]gateway.ID, error) {
	if kind == "ref" {
		return d.Members.FindMembers(ctx, group.ID, kind, gateway.Private(strings.TrimSpace(value)))
	}
	address, err := d.Parse(group.ID, kind, group.Region, value)
	if err != nil {
		return nil, &gateway.Fault{Code: gateway.CodeInvalid, Text: "the address cannot be read: " + unquoted(err, value)}
	}
	return d.Members.FindMembers(ctx, group.ID, kind, gateway.Private(address.Reveal()))
}

// Erase destroys a member's key and deletes her rows. A STOP of her addresses stays.
func (d *Directory) Erase(ctx context.Context, group, id gateway.ID) error {
	return d.Members.Erase(ctx, group, id)
}
