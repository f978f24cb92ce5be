package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// Item is a key of a Redis server with all that it holds.
type Item struct {
	Key    string
	Values []string // members, fields and values alike
}

// Items gives everything that the server holds.
func (r *Redis) Items(ctx context.Context) (all []Item, err error) {
	client := r.Client()
	defer client.Close()
	c := client.Conn()
	defer c.Close()
	_ = c.ReadOnly(ctx).Err() // so that a replica of a Cluster answers; other servers do not know the word
	keys := c.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		item := Item{Key: keys.Val()}
		kind, err := c.Type(ctx, item.Key).Result()
		if err != nil {
			return nil, err
		}
		switch kind {
		case "none": // gone meanwhile
			continue
		case "string":
			var value string
			value, err = c.Get(ctx, item.Key).Result()
			item.Values = []string{value}
		case "list":
			item.Values, err = c.LRange(ctx, item.Key, 0, -1).Result()
		case "set":
			item.Values, err = c.SMembers(ctx, item.Key).Result()
		case "zset":
			item.Values, err = c.ZRange(ctx, item.Key, 0, -1).Result()
		case "hash":
			var fields map[string]string
			fields, err = c.HGetAll(ctx, item.Key).Result()
			for field, value := range fields {
				item.Values = append(item.Values, field, value)
			}
		default:
			return nil, fmt.Errorf("the key %q is a %s, which nobody looks into", item.Key, kind)
		}
		if err != nil && err != redis.Nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, keys.Err()
}

// Log gives the bytes of its append-only log, with the snapshots that it begins with.
func (r *Redis) Log() ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(r.dir, "appendonlydir", "*"))
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, content...)
	}
	return all, nil
}

// Holds gives those of the words that the server holds in a key or a value, or wrote to its log.
func (r *Redis) Holds(ctx context.Context, words ...string) (found []string, err error) {
	items, err := r.Items(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.Log()
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		all = append(append(all, item.Key...), '\n')
		for _, value := range item.Values {
			all = append(append(all, value...), '\n')
		}
	}
	for _, word := range words {
		if bytes.Contains(all, []byte(word)) {
			found = append(found, word)
		}
	}
	return found, nil
}
