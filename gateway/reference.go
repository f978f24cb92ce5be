package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// ReferenceDigits is the length of a message's reference. Invitations have eight digits, links of addresses seven, codes of a
// member's page six.
const ReferenceDigits = 9

// Reference is the number by which a member can ask whether a message is genuine: eight digits that follow from the id of its
// broadcast, and one by which a slip is found (Luhn, ISO/IEC 7812-1). It tells nothing, and nobody guesses that of a message
// that she was not sent.
func Reference(broadcast ID) string {
	sum := sha256.Sum256(append([]byte("reference "), broadcast[:]...))
	digits := fmt.Sprintf("%08d", binary.BigEndian.Uint64(sum[:8])%100_000_000)
	return digits + string(rune('0'+(10-luhn(digits+"0"))%10))
}

// IsReference reports whether digits can be a reference.
func IsReference(digits string) bool { return len(digits) == ReferenceDigits && luhn(digits) == 0 }

// luhn is the weighted sum of digits, modulo 10.
func luhn(digits string) int {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum % 10
}
