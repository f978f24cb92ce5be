package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Erasure is the proof of one, for her to keep. It holds nothing about a person.
type Erasure struct {
	Statement string `json:"statement"` // what the signature is of: the JSON of an ErasureStatement
	Key       string `json:"key"`       // the instance's public key: Ed25519, base64
	Signature string `json:"signature"` // base64
}

// ErasureStatement is what the instance says it did.
type ErasureStatement struct {
	Did     string    `json:"did"`
	Request string    `json:"request"` // the request by which it was asked for; the instance's log has it
	At      time.Time `json:"at"`
	Erased  []string  `json:"erased"`
	Kept    []string  `json:"kept"`
}

// what is erased and what is not, in the words of the proof.
var (
	erasedThings = []string{"the key under which her name, addresses and messages were sealed", "contact points", "consents and their evidence", "messages she wrote", "links and calendars of hers"}
	keptThings   = []string{"that messages were sent, as numbers without a person", "a STOP against an address, as a keyed hash, so that it is not written to again", "backups, until they expire: they must not outlive the operator's time for them"}
)

// erase destroys what is held of her, and gives her the proof.
func (v *visit) erase() {
	again := func(fault string) { v.answer(statusOf(fault), "erase", "", fault, &ask{}) }
	if err := v.spend("erase", v.member.ID, digits(v.r.PostFormValue("code"))); err != nil {
		v.done(err, again, "")
		return
	}
	if err := v.Members.Erase(v.r.Context(), v.group.ID, v.member.ID); err != nil {
		v.done(err, again, "")
		return
	}
	request := v.w.Header().Get("X-Request-Id")
	if request == "" {
		request = gateway.NewID().String()
	}
	v.Log.Info("a member erased herself", "request", request, "group", v.group.ID)
	proof, err := v.proofOfErasure(request)
	if err != nil {
		v.failed(v.w, v.r, "the proof of an erasure cannot be written", err)
		return
	}
	v.write(v.w, http.StatusOK, "erased", page{speech: v.say, Title: "erased_title", Data: proof})
}

func (v *visit) proofOfErasure(request string) (string, error) {
	statement, err := json.Marshal(ErasureStatement{Did: "erased a person", Request: request, At: v.Now().UTC().Truncate(time.Second), Erased: erasedThings, Kept: keptThings})
	if err != nil {
		return "", err
	}
	signature, key := v.Sign(statement)
	text, err := json.MarshalIndent(Erasure{Statement: string(statement), Key: base64.StdEncoding.EncodeToString(key), Signature: base64.StdEncoding.EncodeToString(signature)}, "", "  ")
	return string(text), err
}

// key gives the instance's public key, so that a proof can be checked against more than what stands in it.
func (s *Server) key(w http.ResponseWriter, _ *http.Request) {
	_, key := s.Sign(nil)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(base64.StdEncoding.EncodeToString(key) + "\n"))
}
