package sandbox

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// messageSID writes a sequence number as a Twilio SID: SM (CA for a call) and 32 hexadecimal digits. It can be turned back without a
// table, so a million messages need no index by SID.
func (s *Sandbox) messageSID(seq uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], seq^s.salt)
	binary.BigEndian.PutUint64(raw[8:], scramble(seq^s.salt))
	var out [34]byte
	out[0], out[1] = 'S', 'M'
	hex.Encode(out[2:], raw[:])
	return string(out[:])
}

// messageOf finds the record that a SID names, nil if this sandbox never gave it out.
func (s *Sandbox) messageOf(sid string) *record {
	digits, ok := strings.CutPrefix(sid, "SM")
	if !ok {
		return nil
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 16 {
		return nil
	}
	masked := binary.BigEndian.Uint64(raw[:8])
	if binary.BigEndian.Uint64(raw[8:]) != scramble(masked) {
		return nil
	}
	return s.journal.get(masked ^ s.salt)
}

// scramble spreads a counter over 64 bits (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
func scramble(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
