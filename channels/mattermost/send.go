package mattermost

import (
	"context"
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
)

// markup is the name of Part.Markup for Mattermost's Markdown.
const markup = "mattermost"

// marker is the property of a post by which it is found again. The server keeps unknown properties as they are.
const marker = "carillon_delivery_id"

// Send posts one part. To a person it first makes sure, once an hour, that the account is in use and has a channel of
// direct messages; whatever fails there has sent nothing. Sent.Delivered stays false: the server says that the post is
// there, never that anybody saw it.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	to, err := parseTarget(m.To.Reveal())
	if err != nil {
		return channels.Sent{}, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeAddress,
			Detail: "the address is no Mattermost account or channel", Cause: err,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, longestSend)
	defer cancel()
	channel, fail := a.channelOf(ctx, to)
	if fail != nil {
		return channels.Sent{}, fail
	}
	urgent := m.Urgent && a.takesUrgent(ctx)
	made, resp, err := a.api.CreatePost(ctx, a.post(to, channel, m, urgent))
	if err != nil {
		kind := toPerson
		if to.channel != "" {
			kind = toChannel
		}
		fail := a.failure(resp, err, kind)
		if urgent && fail.Cause != nil && strings.Contains(fail.Cause.Error(), priorityRefused) {
			a.urgency.put(false, a.now().Add(fresh))
		}
		return channels.Sent{}, fail
	}
	if made == nil || !model.IsValidId(made.Id) {
		return channels.Sent{}, &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel,
			Detail: "Mattermost accepted the message and did not say which id it has",
		}
	}
	a.heard.posted(channel, made.Id, made.CreateAt)
	return channels.Sent{ProviderID: made.Id}, nil
}

// post writes a part as a post.
func (a *Adapter) post(to target, channel string, m channels.Outbound, urgent bool) *model.Post {
	p := &model.Post{ChannelId: channel, Message: m.Part.Text, PendingPostId: m.Key}
	p.SetProps(map[string]any{marker: markerOf(m.Attempt, m.PartNo)})
	if actions := a.actions(to, channel, m); len(actions) > 0 {
		p.AddProp(model.PostPropsAttachments, []*model.MessageAttachment{{Actions: actions}})
	}
	if urgent {
		urgent := model.PostPriorityUrgent
		p.Metadata = &model.PostMetadata{Priority: &model.PostPriority{Priority: &urgent}}
	}
	return p
}

func markerOf(attempt string, part int) string { return attempt + ":" + strconv.Itoa(part) }
