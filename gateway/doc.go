// Package gateway holds what Carillon speaks of: coalitions, groups, members, broadcasts, deliveries, attempts and
// the table of steps that they may take. It does no I/O and knows no provider and no database; package channels
// speaks of providers, and packages below gateway/internal bring the two together.
package gateway
