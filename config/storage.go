package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// Storage picks the profile, and says where the scaled one keeps things. The two are not mixed.
type Storage struct {
	Profile     Profile `yaml:"profile" enum:"alone,scaled" doc:"alone: SQLite in the data folder and one process; scaled: PostgreSQL and Redis, and any number of processes"`
	Postgres    Secret  `yaml:"postgres" doc:"scaled: where PostgreSQL is, by reference; the text is like postgres://user:password@host:5432/carillon?sslmode=verify-full"`
	Pooled      bool    `yaml:"pooled" doc:"scaled: a connection pooler in transaction mode, such as PgBouncer, stands before PostgreSQL"`
	Connections int     `yaml:"connections" min:"4" max:"1000" doc:"scaled: how many connections to PostgreSQL one process takes at most"`
	Redis       Redis   `yaml:"redis" doc:"scaled: where Redis is"`
}

// Redis says where Redis is: one server, Sentinels that know it, or a cluster.
type Redis struct {
	Addresses        []string `yaml:"addresses" max:"100" doc:"host:port of the server, of the Sentinels, or of some nodes of the cluster"`
	Master           string   `yaml:"master" doc:"the name under which Sentinels watch the server; with it, the addresses are theirs"`
	Cluster          bool     `yaml:"cluster" doc:"the addresses are nodes of a Redis Cluster"`
	Username         string   `yaml:"username" doc:"of an access control list"`
	Password         Secret   `yaml:"password" doc:"by reference"`
	SentinelPassword Secret   `yaml:"sentinel_password" doc:"by reference, if the Sentinels have another one"`
	TLS              bool     `yaml:"tls" doc:"speak TLS, and check the certificate against the address"`
}

// Profile is one of the two ways to run.
type Profile string

// The profiles.
const (
	Alone  Profile = "alone"
	Scaled Profile = "scaled"
)

// Alone says that one process keeps everything in the data folder.
func (s *Storage) Alone() bool { return s.Profile == Alone }

func (s *Storage) check(r *reader) {
	if s.Alone() {
		for _, key := range [...]string{"postgres", "pooled", "connections", "redis"} {
			if path := "storage." + key; r.given(path) {
				r.faultAt(path, "the profile alone keeps everything in the data folder and uses no server", "delete this, or write profile: scaled, which needs both PostgreSQL and Redis")
			}
		}
		return
	}
	switch {
	case s.Profile != Scaled: // said already
	case !r.given("storage.postgres"):
		r.fault(r.places["storage"], "storage.postgres", "the profile scaled needs PostgreSQL", "add postgres: {env: NAME} or {file: PATH}, which hold an address like postgres://user:password@host:5432/carillon; for SQLite write profile: alone")
	case s.Postgres.clear != "" && !postgresURL(s.Postgres.clear):
		r.faultAt("storage.postgres", "what it refers to is no address of PostgreSQL", "write it like postgres://user:password@host:5432/carillon")
	}
	if s.Profile == Scaled && len(s.Redis.Addresses) == 0 {
		r.fault(r.places["storage"], "storage.redis", "the profile scaled needs Redis", "add redis: {addresses: [host:6379]}; without Redis write profile: alone")
	}
	for i, a := range s.Redis.Addresses {
		if path := fmt.Sprintf("storage.redis.addresses[%d]", i); r.given(path) && !dialable(a) {
			r.faultAt(path, "this is no address of a server", "write host:port, as in redis.internal:6379")
		}
	}
	if s.Redis.Cluster && s.Redis.Master != "" {
		r.faultAt("storage.redis.master", "a cluster has no Sentinels", "keep cluster or master, not both")
	}
	if s.Redis.Master == "" && r.given("storage.redis.sentinel_password") {
		r.faultAt("storage.redis.sentinel_password", "there are no Sentinels", "add master, or delete this")
	}
}

func postgresURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && len(u.Path) > 1
}

func dialable(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.Atoi(port)
	return err == nil && host != "" && bad == nil && n > 0 && n < 1<<16
}
