package gateway

import (
	"reflect"
	"testing"
)

// The roll counts members by language, and by tag where one may have two.
func TestTheRollIsCountedByLanguageAndTag(t *testing.T) {
	r := NewRollCall(&AlertCase{Reference: "4711"}, []RollMember{
		{ID: ID{1}, Locale: "en", Tags: []string{"medic", "driver"}, Answer: AnswerSafe}, {ID: ID{2}, Locale: "my", Tags: []string{"medic"}},
		{ID: ID{3}, Locale: "my", Answer: AnswerHelp}, {ID: ID{4}, Locale: "en", Answer: AnswerSafe, Shared: true}})
	if want := []RollCount{{Of: "en", Told: 2, Safe: 1, Shared: 1}, {Of: "my", Told: 2, Help: 1, Silent: 1}}; !reflect.DeepEqual(r.Languages, want) {
		t.Errorf("languages: %+v", r.Languages)
	}
	if want := []RollCount{{Of: "driver", Told: 1, Safe: 1}, {Of: "medic", Told: 2, Safe: 1, Silent: 1}}; !reflect.DeepEqual(r.Tags, want) {
		t.Errorf("tags: %+v", r.Tags)
	}
}
