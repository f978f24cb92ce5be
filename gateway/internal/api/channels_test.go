package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// A group cannot have so many channels that the gateway has no time for those of others; those that it has can be changed.
func TestAGroupsChannelsAreCounted(t *testing.T) {
	w := newWorld(t)
	for i := range mostChannels {
		_, err := w.store.PutChannel(t.Context(), gateway.Channel{GroupID: w.nairobi.ID, Name: fmt.Sprintf("own-%d", i), Adapter: "sms", Kind: "sms"})
		must(t, err)
	}
	for name, want := range map[string]int{"own-0": 200, "own-one-more": 409} {
		w.want(want, ask{method: "POST", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator", body: map[string]any{"name": name, "adapter": "sms", "options": map[string]string{"k": "own"}}}, nil)
	}
}

// Nobody of another group sees a group's channel, learns anything of it, or changes, tests, stops or replaces it: on every
// route that the document has about channels, by name and by id, through her own group's path and through the owner's.
func TestAnotherGroupsChannelIsNotThere(t *testing.T) {
	w := newWorld(t)
	own, err := w.store.PutChannel(t.Context(), gateway.Channel{GroupID: w.nairobi.ID, Name: "sms-nairobi-own", Adapter: "sms", Kind: "sms"})
	must(t, err)
	before, err := w.store.Channels(t.Context())
	must(t, err)
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	w.want(200, ask{method: "GET", path: "/api/v1/openapi.json"}, &document)
	tried := 0
	for path, methods := range document.Paths {
		if !strings.HasPrefix(path, "/api/v1/groups/{group}/channels/{channel}") {
			continue
		}
		for method := range methods {
			for _, name := range []string{"sms-berlin", w.channel.ID.String()} {
				for group, want := range map[string][]int{"nairobi": {404}, "berlin": {403, 404}} {
					tried++
					at := strings.NewReplacer("{group}", group, "{channel}", name).Replace(path)
					if strings.HasSuffix(path, "/replace") {
						at += "?by=" + own.ID.String()
					}
					r := w.ask(ask{method: strings.ToUpper(method), path: at, token: "nairobi administrator"})
					if r.status != want[0] && r.status != want[len(want)-1] {
						t.Errorf("%s %s: status %d: %s", method, at, r.status, r.body)
					}
				}
			}
		}
	}
	if tried < 16 { // check, pause, resume and replace, two ways to name it, two paths
		t.Errorf("only %d requests were made", tried)
	}
	replace := func(old, by, token string, want int) {
		t.Helper()
		w.want(want, ask{method: "POST", path: "/api/v1/groups/nairobi/channels/" + old + "/replace?by=" + by, token: token}, nil)
	}
	replace(own.Name, "sms-berlin", "nairobi administrator", 404) // its messages would leave with another's credentials
	replace(own.Name, "sms-shared", "nairobi administrator", 403)
	replace(own.Name, own.Name, "nairobi administrator", 422)
	if r := w.ask(ask{method: "GET", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator"}); r.status != 200 || strings.Contains(string(r.body), "sms-berlin") || strings.Contains(string(r.body), w.channel.ID.String()) {
		t.Errorf("status %d, the list shows it: %s", r.status, r.body)
	}
	r := w.want(409, ask{method: "POST", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator", body: map[string]any{"name": "sms-berlin", "adapter": "sms", "options": map[string]string{"k": "stolen"}}}, nil)
	if strings.Contains(string(r.body), w.channel.ID.String()) {
		t.Errorf("the refusal tells its id: %s", r.body)
	}
	_, err = w.store.PutChannel(t.Context(), gateway.Channel{Name: "mail-two", Adapter: "email", Kind: "email", Groups: []string{"berlin", "nairobi"}})
	must(t, err)
	if r := w.ask(ask{method: "GET", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator"}); !strings.Contains(string(r.body), `"mail-two"`) || !strings.Contains(string(r.body), `["nairobi"]`) || strings.Contains(string(r.body), "berlin") {
		t.Errorf("status %d, the operator's channel tells which other groups there are: %s", r.status, r.body)
	}
	if before, err = w.store.Channels(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{w.channel.ID.String(), gateway.NewID().String()} { // paths name a channel by its id as well
		w.want(422, ask{method: "POST", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator", body: map[string]any{"name": id, "adapter": "sms", "options": map[string]string{"k": "own"}}}, nil)
	}
	after, err := w.store.Channels(t.Context())
	must(t, err)
	for i, c := range after {
		if string(c.Options) != string(before[i].Options) || c.Health != before[i].Health || c.ReplacedBy != before[i].ReplacedBy {
			t.Errorf("%s was changed", c.Name)
		}
	}
}

// A channel's place is taken by one of the same owner and kind, and taken back.
func TestReplacingAChannel(t *testing.T) {
	w := newWorld(t)
	for name, kind := range map[string]string{"sms-second": "sms", "sms-third": "sms", "chat-berlin": "telegram"} {
		_, err := w.store.PutChannel(t.Context(), gateway.Channel{GroupID: w.berlin.ID, Name: name, Adapter: kind, Kind: kind})
		must(t, err)
	}
	replace := func(old, by string, want int) {
		t.Helper()
		w.want(want, ask{method: "POST", path: "/api/v1/groups/berlin/channels/" + old + "/replace?by=" + by, token: "berlin administrator"}, nil)
	}
	by := func(name string) gateway.ID {
		var list page[gateway.ChannelView]
		w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/channels", token: "berlin administrator"}, &list)
		for _, c := range list.Items {
			if c.Name == name {
				return c.ReplacedBy
			}
		}
		return gateway.ID{}
	}
	replace("sms-berlin", "chat-berlin", 409)
	w.fake.checked = gateway.CheckResult{Code: "20003", Detail: "refused"}
	replace("sms-berlin", "sms-second", 409) // what waits would wait on
	replace("sms-berlin", "sms-third&unchecked=true", 204)
	replace("sms-third", "sms-berlin&unchecked=true", 204)
	w.fake.checked = gateway.CheckResult{OK: true}
	replace("sms-berlin", "sms-second", 204)
	if by("sms-berlin").IsZero() {
		t.Error("nobody sees that it was replaced")
	}
	replace("sms-third", "sms-berlin", 409) // it would be moved on at once
	replace("sms-second", "sms-berlin", 204)
	if !by("sms-berlin").IsZero() || by("sms-second").IsZero() {
		t.Error("it was not taken back")
	}
}

// A channel is deleted by an administrator of its group, once nothing needs it; then its name is anybody's, and who deleted it is told.
func TestDeletingAChannel(t *testing.T) {
	w := newWorld(t)
	w.planned("waits")
	r := w.want(409, ask{method: "DELETE", path: "/api/v1/groups/berlin/channels/sms-berlin", token: "berlin administrator"}, nil)
	if !strings.Contains(string(r.body), "wait on it") {
		t.Errorf("the refusal does not say why: %s", r.body)
	}
	_, err := w.store.PutChannel(t.Context(), gateway.Channel{GroupID: w.berlin.ID, Name: "sms-spare", Adapter: "sms", Kind: "sms"})
	must(t, err)
	w.want(403, ask{method: "DELETE", path: "/api/v1/groups/berlin/channels/sms-spare", token: "berlin author"}, nil)
	w.want(204, ask{method: "DELETE", path: "/api/v1/groups/berlin/channels/sms-spare", token: "berlin administrator"}, nil)
	w.want(404, ask{method: "DELETE", path: "/api/v1/groups/berlin/channels/sms-spare", token: "berlin administrator"}, nil)
	for group, want := range map[string]int{"berlin": 1, "nairobi": 0} {
		var list page[gateway.FormerChannel]
		w.want(200, ask{method: "GET", path: "/api/v1/groups/" + group + "/channels/former", token: group + " administrator"}, &list)
		if len(list.Items) != want || want == 1 && (list.Items[0].Name != "sms-spare" || list.Items[0].DeletedBy == "" || list.Items[0].DeletedAt.IsZero()) {
			t.Errorf("%s: %+v", group, list.Items)
		}
	}
	w.want(200, ask{method: "POST", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator", body: map[string]any{"name": "sms-spare", "adapter": "sms", "options": map[string]string{"k": "own"}}}, nil)
}
