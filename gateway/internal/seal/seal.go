// Package seal keeps personal data unreadable at rest and still findable: AES-256-GCM under keys in three layers, and
// blind indexes by HMAC. It knows bytes, not people, and stores nothing itself.
//
// The instance's ring wraps a key for each group; a group's key wraps a key for each member; a member's key seals her
// fields. Destroying a member's wrapped key makes her fields unreadable for ever.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// KeySize is the size of every key, in bytes.
const KeySize = 32

// IndexSize is the size of a blind index, in bytes.
const IndexSize = 16

// ErrOpen is returned when sealed bytes, their key or their place do not belong together.
var ErrOpen = errors.New("sealed data does not open: wrong key, wrong place or altered bytes")

// Key is one key of the instance's ring.
type Key struct {
	ID     string // 1 to 40 characters; stored beside everything it wraps
	Secret []byte // KeySize bytes
}

// Ring holds the instance's keys: the first wraps, all unwrap. It is safe for concurrent use.
type Ring struct {
	current string
	boxes   map[string]Box
	global  Index
	signing ed25519.PrivateKey
}

// NewRing makes a ring of at least one key. The index over the whole instance (STOP ALL) derives from indexSecret,
// which must stay the same when keys rotate.
func NewRing(indexSecret []byte, keys ...Key) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("the key ring is empty; carillon init makes one")
	}
	if len(indexSecret) < KeySize {
		return nil, fmt.Errorf("the index secret has %d bytes; it needs %d", len(indexSecret), KeySize)
	}
	r := &Ring{current: keys[0].ID, boxes: make(map[string]Box, len(keys))}
	for _, k := range keys {
		if len(k.Secret) != KeySize {
			return nil, fmt.Errorf("key %q has %d bytes; it needs %d", k.ID, len(k.Secret), KeySize)
		}
		if _, twice := r.boxes[k.ID]; twice || k.ID == "" || len(k.ID) > 40 {
			return nil, fmt.Errorf("key id %q is empty, too long or used twice", k.ID)
		}
		box, err := newBox(derive(k.Secret, "ring"))
		if err != nil {
			return nil, err
		}
		r.boxes[k.ID] = box
	}
	r.global = Index{derive(indexSecret, "suppression of the instance")}
	r.signing = ed25519.NewKeyFromSeed(derive(indexSecret, "signatures of the instance"))
	return r, nil
}

// Current is the id of the key that wraps.
func (r *Ring) Current() string { return r.current }

// Has reports whether the ring has a key of that id.
func (r *Ring) Has(keyID string) bool {
	_, ok := r.boxes[keyID]
	return ok
}

// Wrap seals a group's key, or another secret of the instance, under the current key.
func (r *Ring) Wrap(secret, place []byte) (keyID string, sealed []byte) {
	return r.current, r.boxes[r.current].Seal(secret, place)
}

// Unwrap opens what Wrap sealed.
func (r *Ring) Unwrap(keyID string, sealed, place []byte) ([]byte, error) {
	box, ok := r.boxes[keyID]
	if !ok {
		return nil, fmt.Errorf("the key ring has no key %q: %w", keyID, ErrOpen)
	}
	return box.Open(sealed, place)
}

// Sign signs a text in the name of the instance (Ed25519, RFC 8032), and gives the public key. The key stays when those of
// the ring rotate.
func (r *Ring) Sign(text []byte) (signature, key []byte) {
	return ed25519.Sign(r.signing, text), r.signing.Public().(ed25519.PublicKey)
}

// Mark tells the index secret from every other one, and says nothing about it.
func (r *Ring) Mark() []byte { return r.global.Of("instance", "the index secret") }

// Suppression is the instance-wide index for STOP ALL only.
func (r *Ring) Suppression() Index { return r.global }

// Group holds what derives from a group's key. It is safe for concurrent use.
type Group struct {
	Box         Box   // seals the group's own texts
	members     Box   // wraps its members' keys
	Addresses   Index // finds contact points
	Suppression Index // finds STOPs; survives erasure
}

// NewGroup derives a group's keys from its secret.
func NewGroup(secret []byte) (*Group, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("a group's key has %d bytes, not %d", len(secret), KeySize)
	}
	texts, err := newBox(derive(secret, "texts"))
	if err != nil {
		return nil, err
	}
	members, err := newBox(derive(secret, "members"))
	if err != nil {
		return nil, err
	}
	return &Group{
		Box: texts, members: members,
		Addresses:   Index{derive(secret, "addresses")},
		Suppression: Index{derive(secret, "suppression")},
	}, nil
}

// NewMember makes a member's key and its wrapping.
func (g *Group) NewMember(place []byte) (Box, []byte, error) {
	secret := NewSecret()
	box, err := newBox(secret)
	return box, g.members.Seal(secret, place), err
}

// Member opens a member's wrapped key.
func (g *Group) Member(wrapped, place []byte) (Box, error) {
	secret, err := g.members.Open(wrapped, place)
	if err != nil {
		return Box{}, err
	}
	return newBox(secret)
}

// Box seals under one key.
type Box struct{ aead cipher.AEAD }

func newBox(key []byte) (Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Box{aead}, err
}

// Seal encrypts plain. The same place (row and column) must be given to open it.
func (b Box) Seal(plain, place []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	fill(nonce)
	return b.aead.Seal(nonce, nonce, plain, place)
}

// Open decrypts what Seal made.
func (b Box) Open(sealed, place []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrOpen
	}
	plain, err := b.aead.Open(nil, sealed[:n], sealed[n:], place)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Index turns values into blind indexes under one key.
type Index struct{ key []byte }

// Of gives the index of a value of a kind. Equal values of two kinds have unrelated indexes.
func (i Index) Of(kind, value string) []byte {
	mac := hmac.New(sha256.New, i.key)
	_, _ = io.WriteString(mac, kind)
	_, _ = mac.Write([]byte{0})
	_, _ = io.WriteString(mac, value)
	return mac.Sum(nil)[:IndexSize]
}

// NewSecret makes a random key.
func NewSecret() []byte {
	secret := make([]byte, KeySize)
	fill(secret)
	return secret
}

func fill(b []byte) { _, _ = rand.Read(b) } // crypto/rand.Read never fails: it ends the process instead

func derive(secret []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "carillon "+purpose, KeySize)
	if err != nil {
		panic("seal: " + err.Error()) // only for lengths that HKDF cannot give
	}
	return key
}
