// Package report is what people and schedules do with series of progress reports: groups contribute to an edition, it is
// frozen with its figures, approved and sent. Who says it in which words is not its business.
package report
