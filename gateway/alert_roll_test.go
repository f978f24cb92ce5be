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

// A roll-call has those who need help first, then the silent ones; that somebody at a shared address is safe counts apart.
func TestARollCall(t *testing.T) {
	id := func(n byte) ID { return ID{n} }
	members := []RollMember{{ID: id(1), Answer: AnswerSafe}, {ID: id(2), Answer: AnswerSafe, Shared: true}, {ID: id(3)}, {ID: id(4), Answer: AnswerHelp, Shared: true}, {ID: id(5)}}
	r := NewRollCall(&AlertCase{Reference: "4711"}, members)
	if r.Told != 5 || r.Help != 1 || r.Silent != 2 || r.Shared != 1 || r.Safe != 1 || r.Reference != "4711" {
		t.Fatalf("counted: %+v", r)
	}
	var order []ID
	for _, m := range r.Members {
		order = append(order, m.ID)
	}
	if want := []ID{id(4), id(3), id(5), id(2), id(1)}; !reflect.DeepEqual(order, want) {
		t.Errorf("in the order %v", order)
	}
}
