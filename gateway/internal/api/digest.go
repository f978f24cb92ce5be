package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// parseDigest reads the SHA-256 of a Content-Digest (RFC 9530, section 2); nil if the field is empty. Other algorithms
// beside it are passed over.
func parseDigest(field string) ([]byte, error) {
	if field == "" {
		return nil, nil
	}
	for member := range strings.SplitSeq(field, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if name != "sha-256" {
			continue
		}
		coded, ok := strings.CutPrefix(value, ":")
		coded, closed := strings.CutSuffix(coded, ":")
		sum, err := base64.StdEncoding.DecodeString(coded)
		if ok && closed && err == nil && len(sum) == sha256.Size {
			return sum, nil
		}
	}
	return nil, gateway.Faultf(gateway.CodeInvalid, "Content-Digest must be sha-256=:…: with the digest of the whole body in base64")
}

// checked reads a body and, instead of its end, gives an error if it is not what its digest said. Whoever takes in the
// body all or nothing then takes nothing.
type checked struct {
	body io.Reader
	sum  hash.Hash
	want []byte
}

func newChecked(body io.Reader, want []byte) io.Reader {
	if want == nil {
		return body
	}
	return &checked{body: body, sum: sha256.New(), want: want}
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.sum.Write(p[:n])
	if err == io.EOF && !bytes.Equal(c.sum.Sum(nil), c.want) {
		return n, gateway.Faultf(gateway.CodeInvalid, "the body is not what its Content-Digest says; nothing was changed; send it again")
	}
	return n, err
}

var _ io.Reader = (*checked)(nil)
