package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/mattermost"
)

const teamToken = "benchbottoken0000000000001"

// room gives the i-th of ten million sample channels.
func room(i int) string { return fmt.Sprintf("channel:room%022d", i%10_000_000) }

func mattermostAdapter(url string) (channels.Adapter, error) {
	options, err := json.Marshal(map[string]any{"token": teamToken, "base_url": url})
	if err != nil {
		return nil, err
	}
	return mattermost.Factory().New(channels.Settings{Name: "mattermost", Options: options, Now: time.Now})
}

// bareMattermost is the library with a tuned transport, posting what the adapter posts.
func bareMattermost(url string, senders int) (func(int) error, error) {
	c := model.NewAPIv4Client(url)
	c.SetToken(teamToken)
	c.HTTPClient = &http.Client{Transport: tuned(senders)}
	return func(i int) error {
		key := strconv.Itoa(i)
		p := &model.Post{ChannelId: room(i)[len("channel:"):], Message: message, PendingPostId: key}
		p.SetProps(map[string]any{"carillon_delivery_id": key})
		made, _, err := c.CreatePost(context.Background(), p)
		if err == nil && made.Id == "" {
			err = errors.New("the answer names no post")
		}
		return err
	}, nil
}

// serveMattermost answers the making of a post.
func (p *provider) serveMattermost(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Channel string          `json:"channel_id"`
		Message string          `json:"message"`
		Props   json.RawMessage `json:"props"`
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Channel == "" || in.Message == "" || r.URL.Path != "/api/v4/posts" {
		http.Error(w, `{"id":"api.context.invalid_body_param.app_error","status_code":400}`, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"id":"post%022d","create_at":1795600000000,"update_at":1795600000000,"edit_at":0,"delete_at":0,"user_id":"bench000000000000000000001",`+
		`"channel_id":"%s","root_id":"","message":"`, p.next.Add(1), in.Channel)
	_, _ = io.WriteString(w, message+`","type":"","props":`+string(in.Props)+`,"hashtags":"","pending_post_id":"","metadata":{}}`)
}
