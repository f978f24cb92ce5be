package email

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/carillon-gateway/carillon/channels"
)

// The kinds of tagged address.
const (
	bounceTag = 'b' // return path
	replyTag  = 'r' // Reply-To
	leaveTag  = 'u' // the mailto of List-Unsubscribe
)

// The uses of sealed addresses. What is sealed for one is nothing to another.
const (
	messageID = "message id"
	oneClick  = "one click"
	ownPage   = "own page"
)

const (
	macLength = 8                             // bytes; guessing means sending that many mails
	tagLength = 1 + (16+1+macLength)*8/5      // a letter for the kind, and attempt, part and MAC in base 32
	mostParts = 256                           // a tag has a byte for the part
	nonceSize = 12                            // of AES-GCM
	sealSalt  = "carillon channels/email v1 " // separates the keys that are made from one secret
)

// tagged names the part that something came back for.
type tagged struct {
	kind    byte
	attempt string
	part    int
}

// key makes and checks tags and sealed addresses under one secret.
type key struct {
	tags, nonces []byte
	seal         cipher.AEAD
}

// keys is the live secret and, behind it, the one before it, if that is still taken.
type keys []key

func newKeys(secrets ...channels.Secret) keys {
	var out keys
	for _, s := range secrets {
		if s == "" {
			continue
		}
		derive := func(what string) []byte {
			k, err := hkdf.Key(sha256.New, []byte(s.Reveal()), nil, sealSalt+what, 32)
			if err != nil {
				panic(err) // 32 bytes are never too many
			}
			return k
		}
		block, err := aes.NewCipher(derive("addresses"))
		if err != nil {
			panic(err) // 32 bytes are a key of AES
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic(err) // AES has blocks of 16 bytes
		}
		out = append(out, key{tags: derive("tags"), nonces: derive("nonces"), seal: aead})
	}
	return out
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tag names an attempt's part in the local part of an address. Except for bounces, which come from anywhere, it also
// binds the address of the person, so that no one can answer as another.
func (k key) tag(t tagged, person string) (string, error) {
	id, err := uuid.Parse(t.attempt)
	if err != nil {
		return "", fmt.Errorf("the attempt's id is no UUID: %w", err)
	}
	if t.part < 0 || t.part >= mostParts {
		return "", fmt.Errorf("part %d is beyond the %d that a tag can name", t.part, mostParts)
	}
	body := append(id[:], byte(t.part))
	return string(t.kind) + base32Lower.EncodeToString(append(body, k.mac(t.kind, body, person)...)), nil
}

func (k key) mac(kind byte, body []byte, person string) []byte {
	m := hmac.New(sha256.New, k.tags)
	m.Write([]byte{kind})
	m.Write(body)
	if kind != bounceTag {
		m.Write([]byte(strings.ToLower(person)))
	}
	return m.Sum(nil)[:macLength]
}

// open reads a tag that one of the keys made for that person. Mail systems may have changed its case.
func (ks keys) open(tag, person string) (tagged, bool) {
	if len(tag) != tagLength {
		return tagged{}, false
	}
	tag = strings.ToLower(tag)
	raw, err := base32Lower.DecodeString(tag[1:])
	if err != nil || base32Lower.EncodeToString(raw) != tag[1:] {
		return tagged{}, false
	}
	body, mac := raw[:17], raw[17:]
	for _, k := range ks {
		if hmac.Equal(mac, k.mac(tag[0], body, person)) {
			return tagged{kind: tag[0], attempt: uuid.UUID(body[:16]).String(), part: int(body[16])}, true
		}
	}
	return tagged{}, false
}

// hide seals an address, the same way whenever it is for the same part: the nonce follows from all that is sealed, so no
// nonce meets two texts.
func (k key) hide(use, partKey, address string) string {
	m := hmac.New(sha256.New, k.nonces)
	fmt.Fprintf(m, "%s\x00%s\x00%s", use, partKey, address)
	nonce := m.Sum(nil)[:nonceSize]
	return base64.RawURLEncoding.EncodeToString(k.seal.Seal(nonce, nonce, []byte(address), []byte(use)))
}

// reveal opens what hide made.
func (ks keys) reveal(use, sealed string) (channels.Address, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < nonceSize || base64.RawURLEncoding.EncodeToString(raw) != sealed {
		return "", false
	}
	for _, k := range ks {
		if address, err := k.seal.Open(nil, raw[:nonceSize], raw[nonceSize:], []byte(use)); err == nil {
			return channels.Address(address), true
		}
	}
	return "", false
}
