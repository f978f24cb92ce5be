package inbound_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

func TestWhatSoundsLikeAnEmergency(t *testing.T) {
	for _, text := range []string{"SOS", "two hurt, road closed", "Hilfe!", "au secours", "¡Auxilio!", "há feridos", "msaada tafadhali", "imdat", "acil yardım", "Помогите!", "рятуйте", "النجدة", "به اورژانس نیاز داریم", "कोई घायल है", "我们需要救护车", "ကယ်ပါဦး"} {
		if !inbound.Emergency(text) {
			t.Errorf("%q is one", text)
		}
	}
	for _, text := range []string{"", "thank you", "helpful", "die Verletzlichkeit", "See you at noon", "谢谢"} {
		if inbound.Emergency(text) {
			t.Errorf("%q is none", text)
		}
	}
}
