package gateway

import "testing"

// A delivery that waits for another try: when all its tries were refused, and when another has hardly a hope.
func TestWhatWasRefused(t *testing.T) {
	phone, mail := ID{1}, ID{2}
	try := func(point ID, state AttemptState, class string) Attempt {
		return Attempt{PointID: point, State: state, Refusal: Refusal{Class: class}}
	}
	for what, c := range map[string]struct {
		state        DeliveryState
		point        ID
		tries        []Attempt
		all, forGood bool
	}{
		"refused for good":                            {Waiting, phone, []Attempt{try(phone, Refused, classPermanent)}, true, true},
		"for now, then for good":                      {Waiting, phone, []Attempt{try(phone, Refused, classTemporary), try(phone, Refused, classPermanent)}, true, true},
		"at both for good, she has left one":          {Waiting, phone, []Attempt{try(mail, Refused, classGone), try(phone, Refused, classPermanent)}, true, true},
		"for now":                                     {Waiting, phone, []Attempt{try(phone, Refused, classTemporary)}, true, false},
		"too fast":                                    {Waiting, phone, []Attempt{try(phone, Refused, classThrottled)}, true, false},
		"at one for good, at the other for now":       {Waiting, phone, []Attempt{try(mail, Refused, classTemporary), try(phone, Refused, classPermanent)}, true, false},
		"she moved, and it goes to her new address":   {Waiting, phone, []Attempt{try(phone, Refused, classGone)}, true, false},
		"for good, and it goes to the next":           {Waiting, mail, []Attempt{try(phone, Refused, classPermanent)}, false, false},
		"in doubt, then for good":                     {Waiting, phone, []Attempt{try(phone, InDoubt, "unknown"), try(phone, Refused, classPermanent)}, false, false},
		"under way again":                             {Sending, phone, []Attempt{try(phone, Refused, classPermanent), try(phone, Claimed, "")}, false, false},
		"handed over at the other, and never arrived": {Waiting, phone, []Attempt{try(phone, Refused, classPermanent), try(mail, Accepted, "")}, false, false},
		"not tried yet":                               {Waiting, phone, nil, false, false},
	} {
		d := Delivery{State: c.state, PointID: c.point, Attempts: c.tries}
		if all, forGood := d.Refused(); all != c.all || forGood != c.forGood {
			t.Errorf("%s: all refused %v, for good %v", what, all, forGood)
		}
	}
}
