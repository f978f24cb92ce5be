package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Schema gives the JSON Schema (draft 2020-12) of carillon.yaml, made from the same tags that reading obeys. adapters
// adds, by name, the sections of adapters; nil leaves options open.
func Schema(adapters map[string]any) []byte {
	return schemaOf("carillon.yaml", "The operator's file of Carillon", reflect.ValueOf(*Default()), adapters)
}

// CoalitionSchema gives the JSON Schema of coalition.yaml.
func CoalitionSchema(adapters map[string]any) []byte {
	return schemaOf("coalition.yaml", "Groups of a coalition, for carillon apply", reflect.ValueOf(Coalition{}), adapters)
}

func schemaOf(file, title string, defaults reflect.Value, adapters map[string]any) []byte {
	root := object(defaults, adapters)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = file
	root["description"] = title
	root["$defs"] = map[string]any{"reference": map[string]any{
		"description": "where a secret is kept: an environment variable, or a file that only the service's user reads",
		"oneOf": []any{
			map[string]any{"type": "object", "required": []string{"env"}, "additionalProperties": false, "properties": map[string]any{"env": map[string]any{"type": "string", "minLength": 1}}},
			map[string]any{"type": "object", "required": []string{"file"}, "additionalProperties": false, "properties": map[string]any{"file": map[string]any{"type": "string", "minLength": 1}}},
		},
	}}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: a schema of maps and texts does not marshal: " + err.Error())
	}
	return append(b, '\n')
}

func object(v reflect.Value, adapters map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range fieldsOf(v.Type()) {
		properties[f.name] = describe(v.FieldByIndex(f.index), f, adapters)
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if channel, ok := reflect.New(v.Type()).Interface().(adapted); ok {
		_, _, keeps := channel.adapted()
		conditions(out, properties, adapters, keeps)
	}
	return out
}

// conditions ties the options of a channel to its adapter.
func conditions(out, properties map[string]any, adapters map[string]any, keeps bool) {
	if len(adapters) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(adapters))
	properties["adapter"].(map[string]any)["enum"] = names
	var all []any
	for _, name := range names {
		options := object(reflect.New(reflect.TypeOf(adapters[name]).Elem()).Elem(), nil)
		then := map[string]any{"properties": map[string]any{"options": options}}
		if options["required"] != nil && !keeps {
			then["required"] = []string{"options"}
		}
		all = append(all, map[string]any{
			"if":   map[string]any{"required": []string{"adapter"}, "properties": map[string]any{"adapter": map[string]any{"const": name}}},
			"then": then,
		})
	}
	out["allOf"] = all
}

func describe(v reflect.Value, f field, adapters map[string]any) map[string]any {
	out := typeOf(v, f, adapters)
	if f.doc != "" {
		out["description"] = f.doc
	}
	if text, ok := defaultOf(v); ok {
		out["default"] = text
	}
	return out
}

func typeOf(v reflect.Value, f field, adapters map[string]any) map[string]any {
	t := v.Type()
	switch {
	case isSecret(t):
		return map[string]any{"$ref": "#/$defs/reference"}
	case t == reflect.TypeFor[Section]():
		return map[string]any{"type": "object"}
	case t.Kind() == reflect.Pointer:
		return typeOf(reflect.New(t.Elem()).Elem(), f, adapters)
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return map[string]any{}
	case t.Kind() == reflect.String, reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return text(t, f)
	case t.Kind() == reflect.Struct:
		return object(v, adapters)
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeOf(reflect.New(t.Elem()).Elem(), f.inner(), adapters)}
	case t.Kind() == reflect.Slice:
		out := map[string]any{"type": "array", "items": typeOf(reflect.New(t.Elem()).Elem(), f.inner(), adapters)}
		return limits(out, f, "minItems", "maxItems")
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case v.CanFloat():
		return limits(map[string]any{"type": "number"}, f, "minimum", "maximum")
	case v.CanInt(), v.CanUint():
		return limits(map[string]any{"type": "integer"}, f, "minimum", "maximum")
	}
	panic(fmt.Sprintf("config: no schema for a %v", t))
}

func text(t reflect.Type, f field) map[string]any {
	out := map[string]any{"type": "string"}
	switch {
	case len(f.enum) > 0:
		out["enum"] = f.enum
	case f.pattern != "":
		out["pattern"] = "^(?:" + f.pattern + ")$"
	case t == reflect.TypeFor[Size]():
		out["pattern"] = "^[1-9][0-9]* ?(KiB|MiB|GiB)$"
	case t == reflect.TypeFor[Duration]():
		out["pattern"] = "^([0-9.]+(ms|s|m|h))+$"
	}
	return out
}

func limits(out map[string]any, f field, low, high string) map[string]any {
	if x, err := strconv.ParseFloat(f.min, 64); err == nil {
		out[low] = x
	}
	if x, err := strconv.ParseFloat(f.max, 64); err == nil {
		out[high] = x
	}
	return out
}

// inner is what the tags of a list or table say of each item.
func (f field) inner() field { return field{enum: f.enum, pattern: f.pattern, like: f.like} }

func defaultOf(v reflect.Value) (any, bool) {
	switch s := v.Interface().(type) {
	case Section, Secret:
		return nil, false
	case Size:
		return s.String(), s != 0
	case Duration:
		return s.String(), s != 0
	}
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int:
		return v.Interface(), !v.IsZero() && !isSecret(v.Type())
	}
	return nil, false
}
