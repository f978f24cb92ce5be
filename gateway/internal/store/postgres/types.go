package postgres

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// teach has a connection carry our types: gateway.ID as uuid (null reads as the zero one), time.Time as microseconds in
// a bigint (0: the zero time), and whole slices as arrays without a detour over each element.
func teach(m *pgtype.Map) {
	ids := &pgtype.Type{Name: "uuid", OID: pgtype.UUIDOID, Codec: idCodec{}}
	m.RegisterType(ids)
	m.RegisterType(&pgtype.Type{Name: "int8", OID: pgtype.Int8OID, Codec: microsCodec{}})
	for name, oid := range map[string]uint32{"uuid": pgtype.UUIDOID, "int8": pgtype.Int8OID, "int4": pgtype.Int4OID, "int2": pgtype.Int2OID, "text": pgtype.TextOID, "bool": pgtype.BoolOID, "bytea": pgtype.ByteaOID} {
		element, _ := m.TypeForOID(oid)
		array, _ := m.TypeForName("_" + name)
		m.RegisterType(&pgtype.Type{Name: "_" + name, OID: array.OID, Codec: vectorCodec{&pgtype.ArrayCodec{ElementType: element}, oid}})
	}
	// For statements that are described by their arguments.
	m.RegisterDefaultPgType(gateway.ID{}, "uuid")
	m.RegisterDefaultPgType([]gateway.ID{}, "_uuid")
	m.RegisterDefaultPgType(time.Time{}, "int8")
}

type idCodec struct{ pgtype.UUIDCodec }

func (c idCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(gateway.ID); ok && format == pgtype.BinaryFormatCode {
		return encodeID{}
	}
	return c.UUIDCodec.PlanEncode(m, oid, format, value)
}

func (c idCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*gateway.ID); ok && format == pgtype.BinaryFormatCode {
		return scanID{}
	}
	return c.UUIDCodec.PlanScan(m, oid, format, target)
}

type encodeID struct{}

func (encodeID) Encode(value any, buf []byte) ([]byte, error) {
	id := value.(gateway.ID)
	return append(buf, id[:]...), nil
}

type scanID struct{}

func (scanID) Scan(src []byte, target any) error {
	id := target.(*gateway.ID)
	switch len(src) {
	case 0:
		*id = gateway.ID{}
	case len(id):
		copy(id[:], src)
	default:
		return fmt.Errorf("an identifier of %d bytes", len(src))
	}
	return nil
}

type microsCodec struct{ pgtype.Int8Codec }

func (c microsCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(time.Time); ok && format == pgtype.BinaryFormatCode {
		return encodeTime{}
	}
	return c.Int8Codec.PlanEncode(m, oid, format, value)
}

func (c microsCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*time.Time); ok && format == pgtype.BinaryFormatCode {
		return scanTime{}
	}
	return c.Int8Codec.PlanScan(m, oid, format, target)
}

type encodeTime struct{}

func (encodeTime) Encode(value any, buf []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(buf, uint64(row.ToMicros(value.(time.Time)))), nil
}

type scanTime struct{}

func (scanTime) Scan(src []byte, target any) error {
	if len(src) != 8 {
		return fmt.Errorf("a time of %d bytes", len(src))
	}
	*target.(*time.Time) = row.FromMicros(int64(binary.BigEndian.Uint64(src)))
	return nil
}

// vectorCodec writes whole slices as one-dimensional arrays.
type vectorCodec struct {
	*pgtype.ArrayCodec
	element uint32
}

func (c vectorCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode {
		switch value.(type) {
		case []gateway.ID, []int64, []int32, []int16, []string, []bool, [][]byte:
			return encodeVector(c.element)
		}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

type encodeVector uint32

func (e encodeVector) Encode(value any, buf []byte) ([]byte, error) {
	switch all := value.(type) {
	case []gateway.ID:
		return appendVector(buf, e, all, func(buf []byte, id gateway.ID) []byte { return append(word(buf, len(id)), id[:]...) }), nil
	case []int64:
		return appendVector(buf, e, all, func(buf []byte, n int64) []byte { return binary.BigEndian.AppendUint64(word(buf, 8), uint64(n)) }), nil
	case []int32:
		return appendVector(buf, e, all, func(buf []byte, n int32) []byte { return binary.BigEndian.AppendUint32(word(buf, 4), uint32(n)) }), nil
	case []int16:
		return appendVector(buf, e, all, func(buf []byte, n int16) []byte { return binary.BigEndian.AppendUint16(word(buf, 2), uint16(n)) }), nil
	case []string:
		return appendVector(buf, e, all, func(buf []byte, s string) []byte { s = row.Clean(s); return append(word(buf, len(s)), s...) }), nil
	case []bool:
		return appendVector(buf, e, all, func(buf []byte, yes bool) []byte {
			if yes {
				return append(word(buf, 1), 1)
			}
			return append(word(buf, 1), 0)
		}), nil
	case [][]byte:
		return appendVector(buf, e, all, func(buf []byte, b []byte) []byte {
			if b == nil {
				return word(buf, -1)
			}
			return append(word(buf, len(b)), b...)
		}), nil
	}
	return nil, fmt.Errorf("a vector of %T", value)
}

func appendVector[T any](buf []byte, element encodeVector, all []T, one func([]byte, T) []byte) []byte {
	if len(all) == 0 {
		return word(word(word(buf, 0), 0), int(element))
	}
	buf = word(word(word(word(word(buf, 1), 0), int(element)), len(all)), 1)
	for i := range all {
		buf = one(buf, all[i])
	}
	return buf
}

func word(buf []byte, n int) []byte { return binary.BigEndian.AppendUint32(buf, uint32(int32(n))) }

// each calls scan for every row, and closes them.
func each(rows pgx.Rows, err error, scan func(pgx.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
