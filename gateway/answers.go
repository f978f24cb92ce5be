package gateway

import (
	"context"
	"time"
)

// Most answers that we give by ourselves to one contact point: within an hour and within a day, each from the first on. Where two
// machines answer each other, that is where it ends; what a person asked for is done all the same.
const (
	MostAnswersHour = 10 // enough for somebody who joins, chooses her language, asks and pauses, one word at a time
	MostAnswersDay  = 40
)

// MayAnswer asks for leave to answer a contact point, or a member, of a group once more, and notes it. An answer that was given
// leave before, which its key tells, has it still for a day. False: it would be one too many, by the store's clock.
func MayAnswer(ctx context.Context, tries Tries, group, to ID, key string) (bool, error) {
	whom := group.String() + " " + to.String()
	once := Limit{What: "answer", By: whom + " " + key, Most: 1, Within: 24 * time.Hour}
	if fresh, err := tries.Try(ctx, 0, once); err != nil || !fresh {
		return err == nil, err
	}
	return tries.Try(ctx, 1, append(AnswerLimits(group, to), once)...)
}

// AnswerLimits are the limits of answers to a contact point, or a member.
func AnswerLimits(group, to ID) []Limit {
	whom := group.String() + " " + to.String()
	return []Limit{
		{What: "answers in an hour", By: whom, Most: MostAnswersHour, Within: time.Hour},
		{What: "answers in a day", By: whom, Most: MostAnswersDay, Within: 24 * time.Hour},
	}
}
