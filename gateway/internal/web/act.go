package web

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// change carries out what a form asks for.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	v, ok := s.enter(w, r)
	if !ok {
		return
	}
	if !v.genuine() {
		s.plain(w, r, http.StatusForbidden, "stale")
		return
	}
	act := r.PathValue("view") + " " + r.PostFormValue("do")
	switch act {
	case "home save":
		v.save()
	case "home up":
		v.up()
	case "home pause", "home resume":
		v.pause()
	case "home stopall":
		v.stop(v.member.Points...)
	case "everywhere stop":
		v.stopEverywhere()
	case "point topics":
		v.topics()
	case "point stop":
		if p, ok := v.asked(); ok {
			v.stop(p)
			return
		}
		v.home("fault")
	case "point dropcode":
		v.askPoint()
	case "point drop":
		v.drop()
	case "add send":
		v.prove()
	case "add take":
		v.take()
	case "erase send":
		v.askErase()
	case "erase erase":
		v.erase()
	default:
		v.home("fault")
	}
}

// proof is the evidence of what she does here.
func (v *visit) proof(what string, granted bool) gateway.Consent {
	return gateway.Consent{Granted: granted, At: v.Now(), Source: "member", Wording: fromPage + v.say.plain, Locale: v.say.plain,
		Proof: gateway.Private(what + " on her own page, by link " + v.link.ID.Short())}
}

// wish carries out a wish, and shows the settings again.
func (v *visit) wish(w gateway.Wish, what string) {
	err := v.Wishes.Wish(v.r.Context(), v.group.ID, v.member.ID, w, v.proof(what, true))
	v.done(err, v.home, "home?saved")
}

// done goes on to a view once something is done, or says on the view where it was asked for why it is not.
func (v *visit) done(err error, again func(fault string), next string) {
	switch {
	case err == nil:
		v.tellOthers()
		http.Redirect(v.w, v.r, next, http.StatusSeeOther)
	case faulty(err) != "":
		again(faulty(err))
	default:
		v.failed(v.w, v.r, "what a member wishes cannot be kept", err)
	}
}

// faulty gives the words for a fault that she can mend; empty: she cannot.
func faulty(err error) string {
	var f *gateway.Fault
	if !errors.As(err, &f) {
		return ""
	}
	switch f.Code {
	case gateway.CodeInvalid, gateway.CodeNotFound:
		return "fault"
	case gateway.CodeConflict:
		return "fault_conflict"
	case gateway.CodeTooMany:
		return "too_many"
	case gateway.CodeForbidden:
		return "wrong_code"
	}
	return ""
}

// save keeps her settings. The form holds all of them; hers becomes what she changes.
func (v *visit) save() {
	form := v.r.PostForm
	locale := form.Get("locale")
	if locale != "" && form.Get("digits") == "latn" {
		locale += "-u-nu-latn"
	}
	if old, latin, _ := strings.Cut(v.member.Locale, "-u-"); old == form.Get("locale") && strings.Contains(latin, "nu-latn") == (form.Get("digits") == "latn") {
		locale = v.member.Locale // with whatever else it asks for
	}
	neutral := form.Get("neutral") != ""
	quiet := enteredQuiet(form)
	w := gateway.Wish{Locale: locale, Zone: strings.TrimSpace(form.Get("zone")), Quiet: quiet, Neutral: &neutral}
	if w.Locale == v.member.Locale {
		w.Locale = ""
	}
	if w.Zone == v.member.Zone {
		w.Zone = ""
	}
	w.Leads = v.chosenLeads()
	if neutral == v.member.Neutral {
		w.Neutral = nil
	}
	if had := cmp.Or(v.member.Quiet, gateway.NoQuiet); quiet == had {
		w.Quiet = ""
	} else if q, err := gateway.ParseQuiet(quiet); err == nil && q.String() == had {
		w.Quiet = ""
	}
	v.wish(w, "chosen")
}

// enteredQuiet gives the quiet hours that a form of her settings asks for.
func enteredQuiet(form url.Values) string {
	quiet := strings.TrimSpace(form.Get("rule"))
	if from, to := form.Get("from"), form.Get("to"); from != "" || to != "" {
		quiet = shortTime(from) + "-" + shortTime(to)
		if form.Get("alerts") == "" {
			quiet += "; alerts wait"
		}
		if form.Get("danger") == "" {
			quiet += "; danger waits"
		}
	}
	return cmp.Or(quiet, gateway.NoQuiet)
}

// entered leaves in the view what she entered and could not be saved, and says which of it is at fault: she mends that alone.
func (d *settings) entered(form url.Values) {
	d.Zone, d.Rule, d.From, d.To = form.Get("zone"), form.Get("rule"), form.Get("from"), form.Get("to")
	d.Alerts, d.Danger, d.Neutral = form.Get("alerts") != "", form.Get("danger") != "", form.Get("neutral") != ""
	_, zone := civil.Zone(strings.TrimSpace(d.Zone))
	_, quiet := gateway.ParseQuiet(enteredQuiet(form))
	d.WrongZone, d.WrongQuiet = zone != nil && strings.TrimSpace(d.Zone) != "", quiet != nil
}

// shortTime cuts the seconds that some browsers send.
func shortTime(text string) string { return text[:min(len(text), len("22:00"))] }

// up moves an address one place up.
func (v *visit) up() {
	order := make([]gateway.ID, len(v.member.Points))
	for i, p := range v.member.Points {
		order[i] = p.ID
	}
	i := slices.IndexFunc(order, func(id gateway.ID) bool { return id.String() == v.r.PostFormValue("point") })
	if i < 1 {
		v.home("fault")
		return
	}
	order[i-1], order[i] = order[i], order[i-1]
	v.wish(gateway.Wish{Order: order}, "ordered")
}

func (v *visit) pause() {
	until := time.Time{}
	if v.r.PostFormValue("do") == "pause" {
		days, err := strconv.Atoi(v.r.PostFormValue("days"))
		if err != nil || days < 1 {
			v.home("fault")
			return
		}
		until = v.Now().Add(time.Duration(min(days, 1000)) * 24 * time.Hour)
	}
	v.wish(gateway.Wish{PausedUntil: &until}, "paused")
}

// stop stops addresses at once. It ends the links that were sent there, so what is said of it is the last of this page.
func (v *visit) stop(points ...gateway.ContactPoint) {
	for _, p := range points {
		if p.State == gateway.PointStopped || p.State == gateway.PointProving {
			continue
		}
		if _, err := v.Stops.StopAddress(v.r.Context(), v.group.ID, p.Kind, p.Address, v.proof("STOP", false)); err != nil {
			v.failed(v.w, v.r, "a STOP cannot be kept", err)
			return
		}
	}
	v.write(v.w, http.StatusOK, "plain", page{speech: v.say, Title: "stopped_title", Text: "stopped"})
}

// stopEverywhere is STOP ALL for each of her addresses: in every group of the instance, and in those to come. One that is somebody else's
// by now (WRONG) is left alone. The page says the same as of any STOP.
func (v *visit) stopEverywhere() {
	if err := v.stopInAll(); err != nil {
		v.failed(v.w, v.r, "a STOP for all groups cannot be kept", err)
		return
	}
	v.write(v.w, http.StatusOK, "plain", page{speech: v.say, Title: "stopped_title", Text: "stopped"})
}

func (v *visit) stopInAll() error {
	ctx := v.r.Context()
	groups, err := v.Groups.Groups(ctx)
	if err != nil {
		return err
	}
	for _, p := range v.member.Points {
		if p.State == gateway.PointProving {
			continue
		}
		if who, err := v.Members.FindMembers(ctx, v.group.ID, p.Kind, p.Address); err != nil {
			return err
		} else if !slices.Contains(who, v.member.ID) {
			continue
		}
		if err := v.Stops.StopEverywhere(ctx, p.Kind, p.Address); err != nil {
			return err
		}
		for i := range groups {
			proof := v.proof("STOP ALL", false)
			if groups[i].ID != v.group.ID { // what tells her link would tell one group's people of another's member
				proof.Proof = "STOP ALL on a page of a member's own"
			}
			if _, err := v.Stops.StopAddress(ctx, groups[i].ID, p.Kind, p.Address, proof); err != nil {
				return err
			}
		}
	}
	return nil
}

// mintCode makes a code of six digits. It is good for a few minutes and tries only.
func mintCode() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // never fails; see crypto/rand
	return fmt.Sprintf("%06d", n)
}

// digits reads a code as people type it: in any script, with whatever between.
func digits(text string) string {
	var out strings.Builder
	for _, r := range text {
		if d := content.Digit(r); d >= 0 {
			out.WriteByte(byte('0' + d))
		}
	}
	return out.String()
}

// digestOf binds codes to the link, what they are for and whom. It is keyed by the token, which the ledger does not have:
// six digits alone could be tried.
func (v *visit) digestOf(purpose string, about gateway.ID, codes ...string) []byte {
	mac := hmac.New(sha256.New, []byte(v.token))
	fmt.Fprintf(mac, "carillon code\x00%s\x00%s\x00%s", purpose, about, strings.Join(codes, "\x00"))
	return mac.Sum(nil)
}

// sendCode sends a code to one of her contact points.
func (v *visit) sendCode(code string, point gateway.ID) (broadcast gateway.ID, err error) {
	return v.Tell(v.r.Context(), v.group.ID, "page-code:"+gateway.NewID().String(), CodeText, map[string]string{
		"code": code, "minutes": strconv.Itoa(int(gateway.PageCodeLife.Minutes()))}, gateway.Audience{Members: []gateway.ID{v.member.ID}, Point: point})
}

// ask keeps a code for a purpose and sends it where the link was sent.
func (v *visit) ask(purpose string, about gateway.ID) error {
	code := mintCode()
	if err := v.Pages.PutPageCode(v.r.Context(), v.group.ID, v.link.ID, v.digestOf(purpose, about, code)); err != nil {
		return err
	}
	_, err := v.sendCode(code, v.link.PointID)
	return err
}

// spend checks the code that she gives.
func (v *visit) spend(purpose string, about gateway.ID, codes ...string) error {
	return v.Pages.SpendPageCode(v.r.Context(), v.group.ID, v.link.ID, v.digestOf(purpose, about, codes...))
}

func (v *visit) askPoint() {
	p, ok := v.asked()
	if !ok {
		v.home("fault")
		return
	}
	if err := v.ask("drop", p.ID); err != nil {
		v.done(err, v.point, "")
		return
	}
	v.pointAsked("", true)
}

// drop takes an address away.
func (v *visit) drop() {
	p, ok := v.asked()
	if !ok {
		v.home("fault")
		return
	}
	err := v.spend("drop", p.ID, digits(v.r.PostFormValue("code")))
	if err == nil {
		err = v.Points.DropPoint(v.r.Context(), v.group.ID, v.member.ID, p.ID)
	}
	v.done(err, v.point, "home?saved")
}

// prove takes a new address that she names, and sends a code there and another where the link was sent. Whether others have
// the address, or whose it is, is not looked at.
func (v *visit) prove() {
	kind, raw := v.r.PostFormValue("kind"), v.r.PostFormValue("address")
	d := addition{Address: raw, kind: kind, fault: "fault_address"}
	if !slices.Contains(v.Kinds(v.group.ID), kind) {
		v.add(d)
		return
	}
	address, err := v.Parse(v.group.ID, kind, v.group.Region, raw)
	if err != nil {
		v.add(d)
		return
	}
	point, old, fresh := gateway.NewID(), mintCode(), mintCode()
	ctx := v.r.Context()
	err = v.Pages.PutPageCode(ctx, v.group.ID, v.link.ID, v.digestOf("add", point, old, fresh))
	if err == nil {
		err = v.Points.ProvePoint(ctx, v.group.ID, v.member.ID, gateway.ContactPoint{ID: point, Kind: kind, Address: address})
	}
	if errors.Is(err, &gateway.Fault{Code: gateway.CodeForbidden}) {
		// A STOP stands against the address. That is for whoever has it to know: she is asked for a code that nobody gets.
		_, err = v.sendCode(old, v.link.PointID)
	} else if err == nil {
		if _, err = v.sendCode(old, v.link.PointID); err == nil {
			_, err = v.Tell(ctx, v.group.ID, proofKey(point), CodeText, map[string]string{
				"code": fresh, "minutes": strconv.Itoa(int(gateway.PageCodeLife.Minutes()))}, gateway.Audience{Members: []gateway.ID{v.member.ID}, Point: point})
		}
	}
	if err != nil {
		v.done(err, func(fault string) { d.fault = fault; v.add(d) }, "")
		return
	}
	v.add(addition{New: isolated(address.Reveal()), Point: point.String()})
}

// proofKey is the key of the broadcast by which an address is proven.
func proofKey(point gateway.ID) string { return "page-proof:" + point.String() }

// take makes the new address hers, if both codes are right and the second one went nowhere else.
func (v *visit) take() {
	again := func(fault string) { v.add(addition{fault: fault}) }
	point, err := gateway.ParseID(v.r.PostFormValue("point"))
	i := slices.IndexFunc(v.member.Points, func(p gateway.ContactPoint) bool { return p.ID == point && p.State == gateway.PointProving })
	if err != nil || i < 0 {
		again("wrong_code")
		return
	}
	ctx := v.r.Context()
	if err := v.spend("add", point, digits(v.r.PostFormValue("code")), digits(v.r.PostFormValue("second"))); err != nil {
		v.done(err, again, "")
		return
	}
	went, err := v.wentTo(point)
	if err != nil {
		v.failed(v.w, v.r, "where a code went cannot be read", err)
		return
	}
	if !went {
		again("wrong_code")
		return
	}
	var topics []string // as at the address by which she proved who she is
	for _, p := range v.member.Points {
		if p.ID == v.link.PointID {
			topics = p.Topics
		}
	}
	v.done(v.Points.TakePoint(ctx, v.group.ID, v.member.ID, point, topics, v.proof("proven by codes to this address and another", true)), again, "home?saved")
}

// mostListed is how many deliveries are read at a time.
const mostListed = 1000

// wentTo says whether the code for a new address was sent there alone: a message that cannot be delivered may go on to another
// contact point, where it proves nothing.
func (v *visit) wentTo(point gateway.ID) (bool, error) {
	ctx := v.r.Context()
	var found []gateway.Delivery
	for after, page := (gateway.ID{}), mostListed; page == mostListed; {
		some, err := v.Sent.Deliveries(ctx, gateway.DeliveryFilter{Group: v.group.ID, Member: v.member.ID, After: after, Limit: mostListed})
		if err != nil {
			return false, err
		}
		if page = len(some); page > 0 {
			found, after = append(found, some...), some[page-1].ID
		}
	}
	there := false
	for _, d := range found {
		if !d.CreatedAt.Add(gateway.ProvingLife).After(v.Now()) {
			continue
		}
		whole, err := v.Sent.Delivery(ctx, v.group.ID, d.ID)
		if err != nil {
			return false, err
		}
		for _, a := range whole.Attempts {
			if a.PointID == point {
				there = whole.PointID == point && len(whole.Attempts) == 1
			}
		}
	}
	return there, nil
}

func (v *visit) askErase() {
	if err := v.ask("erase", v.member.ID); err != nil {
		v.done(err, func(fault string) { v.answer(statusOf(fault), "erase", "", fault, &ask{}) }, "")
		return
	}
	v.render(http.StatusOK, "erase", &ask{Asked: true})
}
