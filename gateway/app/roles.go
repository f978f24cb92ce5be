package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
)

// Role is a part of the work that a process takes on.
type Role string

// The roles. In the profile scaled any number of processes may have each of them; somebody must have every one.
const (
	RoleAPI       Role = "api"       // the HTTP API
	RoleScheduler Role = "scheduler" // does the runs of schedules, plans broadcasts, does the daily work, tells owners
	RoleRelay     Role = "relay"     // fills the lanes, and mends what cannot go on by itself
	RoleSender    Role = "sender"    // claims and sends
	RoleInbound   Role = "inbound"   // hears providers and members, by webhook and by polling
)

// AllRoles lists them.
func AllRoles() []Role { return []Role{RoleAPI, RoleScheduler, RoleRelay, RoleSender, RoleInbound} }

// ParseRoles reads roles separated by commas; none are all.
func ParseRoles(text string) ([]Role, error) {
	var roles []Role
	for name := range strings.SplitSeq(text, ",") {
		role := Role(strings.TrimSpace(name))
		switch {
		case role == "" && strings.TrimSpace(text) == "":
			return AllRoles(), nil
		case !slices.Contains(AllRoles(), role):
			return nil, fmt.Errorf("there is no role %q; the roles are %s", role, joinRoles(AllRoles(), ", "))
		case !slices.Contains(roles, role):
			roles = append(roles, role)
		}
	}
	return roles, nil
}

func joinRoles(roles []Role, by string) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, by)
}

// checkRoles refuses roles that the profile does not share out.
func (o *Options) checkRoles() error {
	if len(o.Roles) == 0 {
		o.Roles = AllRoles()
	}
	if o.Config.Storage.Alone() && len(o.Roles) < len(AllRoles()) {
		return gateway.Faultf(gateway.CodeInvalid, "in the profile alone one process does everything; leave --roles out, or set storage up for the profile scaled")
	}
	return nil
}

func (o *Options) has(r Role) bool { return slices.Contains(o.Roles, r) }

// work is what the roles are to dispatch.
func (o *Options) work() dispatch.Work {
	switch relays, sends := o.has(RoleRelay), o.has(RoleSender); {
	case relays && sends:
		return dispatch.Everything
	case relays:
		return dispatch.Relaying
	case sends:
		return dispatch.Sending
	}
	return dispatch.Listening
}

// offered serves what the roles offer. Health and metrics are every process's own.
func (o *Options) offered(all http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		needs := RoleAPI
		switch {
		case strings.HasPrefix(r.URL.Path, "/hooks/"):
			needs = RoleInbound
		case r.URL.Path == "/healthz", r.URL.Path == "/readyz", r.URL.Path == "/metrics":
			needs = ""
		}
		if needs == "" || o.has(needs) {
			all.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Connection", "close") // whoever has been led here should be led elsewhere
		w.WriteHeader(http.StatusMisdirectedRequest)
		fmt.Fprintf(w, `{"title":"Misdirected Request","status":421,"code":%q,"detail":"this process does not have the role %s; see the load balancer"}`+"\n", gateway.CodeNotFound, needs)
	})
}
