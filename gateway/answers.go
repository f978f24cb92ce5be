package gateway

import "context"

// Most answers that we give by ourselves to one contact point: within any hour and any day. Where two machines answer each
// other, that is where it ends; what a person asked for is done all the same.
const (
	MostAnswersHour = 10 // enough for somebody who joins, chooses her language, asks and pauses, one word at a time
	MostAnswersDay  = 40
)

// AnswerLimits counts the answers that are given to what people write.
type AnswerLimits interface {
	// MayAnswer asks for leave to answer a contact point, or a member, of a group once more, and notes it. An answer that was
	// given leave before, which its key tells, has it still. False: it would be one too many, by the store's clock.
	MayAnswer(ctx context.Context, group, to ID, key string) (bool, error)
}
