package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"
)

// PageLink lets a member see what is held of her and decide about it, for a time. Its token is sent to one of her contact
// points and shown to nobody else; the ledger keeps the digest only.
type PageLink struct {
	ID        ID
	GroupID   ID
	MemberID  ID
	PointID   ID     // where it was sent
	Digest    []byte // SHA-256 of the token
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PageLinkLife is how long a link to a member's own page works.
const PageLinkLife = 24 * time.Hour

// Bounds of links and codes. Each costs a message, and whoever has her telephone for a minute should not try for long.
const (
	MaxPageLinks   = 10               // that a member has at once
	MaxPageCodes   = 6                // that are sent under one link
	MaxPageTries   = 5                // at one code
	PageCodeLife   = 15 * time.Minute //
	ProvingLife    = time.Hour        // of an address that is not proven
	MaxPagePoints  = 10               // contact points of a member who adds some herself
	pageTokenBytes = 18
)

// MintPageToken makes the token of a link: 144 random bits in 24 characters. Only its digest is kept.
func MintPageToken() (text Private, digest []byte) {
	var secret [pageTokenBytes]byte
	rand.Read(secret[:]) // never fails; see crypto/rand
	text = Private(base64.RawURLEncoding.EncodeToString(secret[:]))
	return text, DigestToken(text.Reveal())
}

// Pages keeps links to members' own pages, and the codes that what cannot be undone asks for besides. A STOP ends the links
// that were sent to the address, erasing a member all of hers. The links by which somebody joins by mail, and the codes by
// which another address is linked, stand among them; whoever keeps one makes its digest such that it opens nothing else.
type Pages interface {
	// PutPageLink keeps a link. ErrNotFound: the group has no such member, or she no such contact point. CodeTooMany: she
	// has MaxPageLinks that work.
	PutPageLink(ctx context.Context, l PageLink) error
	// PageLink finds the link of a token by its digest; ErrNotFound also if its time is over or it was ended.
	PageLink(ctx context.Context, digest []byte) (PageLink, error)
	// PutPageCode keeps the digest of a code in the place of the one before, for PageCodeLife. CodeTooMany: MaxPageCodes
	// were sent under this link.
	PutPageCode(ctx context.Context, group, link ID, digest []byte) error
	// SpendPageCode uses a code up. CodeForbidden: it is another, its time is over, or MaxPageTries were wrong.
	SpendPageCode(ctx context.Context, group, link ID, digest []byte) error
	// InboundOf lists what a member wrote and is kept, the newest first, before the given id (zero: from the newest).
	InboundOf(ctx context.Context, group, member, before ID, limit int) ([]InboundMessage, error)
}

// Points takes contact points that a member adds or takes away herself.
type Points interface {
	// ProvePoint adds a contact point whose address is yet to be proven: it can be sent a code, and nobody finds her by it.
	// It takes the place of others of hers that were not proven. CodeConflict: she has this address, or MaxPagePoints.
	// CodeForbidden: a STOP stands against the address.
	ProvePoint(ctx context.Context, group, member ID, p ContactPoint) error
	// TakePoint makes a contact point that was to be proven one of hers, with these topics, and keeps the proof as evidence
	// for each of them. ErrNotFound: there is none to be proven under this id. CodeForbidden as above.
	TakePoint(ctx context.Context, group, member, point ID, topics []string, proof Consent) error
	// DropPoint takes a contact point away, and ends the links that were sent there. A STOP against its address stays.
	// CodeConflict: it is the only one that is not stopped.
	DropPoint(ctx context.Context, group, member, point ID) error
}
