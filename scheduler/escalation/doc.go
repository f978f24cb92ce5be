// Package escalation has alerts climb until somebody takes charge. Decide is the whole of the rules, and pure; Desk is what
// people do with alerts, and Ticker has them climb in time.
package escalation
