package twilio

import (
	"encoding/json"
	"reflect"
	"testing"

	api "github.com/twilio/twilio-go/rest/api/v2010"
)

const answer = `{"account_sid":"AC1","api_version":"2010-04-01","body":"All \"is\" {well}","date_created":"Mon, 23 Nov 2026 10:00:00 +0000","date_sent":null,"direction":"outbound-api","error_code":30007,"error_message":null,"from":"+12025550100","num_segments":"1","price":null,"price_unit":"USD","sid":"SM1","status":"queued","subresource_uris":{"media":"/m","sid":"no"},"to":"+12025550117","uri":"/m.json"}`

// What is read of an answer is the same whether it was cut or not.
func TestCutAnswer(t *testing.T) {
	for _, body := range []string{answer, `{"sid":"SM1"}`, `{}`, `{"status":"queued","sid":null}`, " " + answer + "\n"} {
		var whole, part api.ApiV2010Message
		if err := json.Unmarshal([]byte(body), &whole); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(cut([]byte(body)), &part); err != nil {
			t.Fatalf("%s was cut to %s: %v", body, cut([]byte(body)), err)
		}
		kept := api.ApiV2010Message{Sid: whole.Sid, Status: whole.Status, ErrorCode: whole.ErrorCode}
		if !reflect.DeepEqual(part, kept) {
			t.Errorf("%s was cut to %s", body, cut([]byte(body)))
		}
	}
}

// What cannot be read stays as it is, so that the error is the library's.
func TestCutLeavesTheUnreadable(t *testing.T) {
	for _, body := range []string{"", "null", "[1]", `"sid"`, "<html>", `{"sid":`, `{"sid":"SM1"`, `{"sid" "SM1"}`, `{"sid":"SM1",}`} {
		if got := string(cut([]byte(body))); got != body {
			t.Errorf("%q became %q", body, got)
		}
	}
}

func BenchmarkCut(b *testing.B) {
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m api.ApiV2010Message
			_ = json.Unmarshal([]byte(answer), &m)
		}
	})
	b.Run("cut", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m api.ApiV2010Message
			_ = json.Unmarshal(cut([]byte(answer)), &m)
		}
	})
}
