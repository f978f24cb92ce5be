package twilio

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// read are the members of a message's answer that anybody here reads.
var read = [...]string{"sid", "status", "error_code"}

// cut leaves of an object only the members that are read: the library makes twenty values of each answer, which costs as
// much as the request. What is no object, or cannot be read, comes back as it is, for the library to say so.
func cut(body []byte) []byte {
	in := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if begin, err := in.ReadToken(); err != nil || begin.Kind() != '{' {
		return body
	}
	out := append(make([]byte, 0, 128), '{')
	for in.PeekKind() != '}' {
		name, err := in.ReadValue()
		if err != nil {
			return body
		}
		wanted := isRead(name)
		if wanted { // the name is overwritten by the next read
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(append(out, name...), ':')
		}
		value, err := in.ReadValue()
		if err != nil {
			return body
		}
		if wanted {
			out = append(out, value...)
		}
	}
	return append(out, '}')
}

func isRead(name []byte) bool {
	if len(name) < 2 {
		return false
	}
	for _, n := range read {
		if string(name[1:len(name)-1]) == n {
			return true
		}
	}
	return false
}
