package mattermost

import (
	"errors"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// verdict says what one of Mattermost's refusals means for the message.
type verdict struct {
	status int    // HTTP status; 0: any
	id     string // part of the error's id; empty: any
	to     string // "person" or "channel", whichever was written to; empty: both
	class  channels.Class
	scope  channels.Scope
	detail string
}

// What a post can go to, for verdicts.
const (
	toPerson  = "person"
	toChannel = "channel"
)

// priorityRefused is the id of the refusal of an urgent post where the server's administrators switched priorities off.
const priorityRefused = "priority_post_not_allowed_for_user"

const (
	badToken = "Mattermost does not accept the bot's token; create a new one on the bot's page, and see that the bot is enabled"
	noPerson = "the server has no such account"
	archived = "the channel is archived"
	tooLong  = "the post is too long for this server; set text_limit to what it takes, often 4000"
)

// verdicts lists Mattermost's refusals by the ids of its errors (mattermost/mattermost, server/channels); the first row
// that fits counts. The server's words are translated and change, its ids do not.
var verdicts = [...]verdict{
	{401, "", "", channels.Auth, channels.ScopeSender, badToken},
	{0, "session_expired", "", channels.Auth, channels.ScopeSender, badToken},
	{0, "can_not_post_to_deleted", "", channels.Gone, channels.ScopeAddress, archived},
	{0, "team_restricted", "", channels.Permanent, channels.ScopeAddress, "the server lets only people of one team write to each other; add the bot to her team"},
	{0, "restricted_dm", "", channels.Permanent, channels.ScopeAddress, "the server lets only people of one team write to each other; add the bot to her team"},
	{0, priorityRefused, "", channels.Temporary, channels.ScopeChannel, "the server takes no urgent priority; the message goes again without it"},
	{400, "create_direct_channel.invalid_user", "", channels.Permanent, channels.ScopeAddress, noPerson},
	{404, "user", "", channels.Permanent, channels.ScopeAddress, noPerson},
	{404, "context.404", "", channels.Temporary, channels.ScopeChannel, "no Mattermost answers at this address; check the channel's base_url"},
	{404, "", toChannel, channels.Permanent, channels.ScopeAddress, "the server has no such channel, or the bot may not see it"},
	{404, "", "", channels.Permanent, channels.ScopeSender, "the server does not find what the bot asks for"},
	{403, "permissions", toChannel, channels.Permanent, channels.ScopeAddress, "the bot may not write there; add it to the channel"},
	{403, "permissions", "", channels.Permanent, channels.ScopeSender, "the bot may not send direct messages on this server; give its role the permission"},
	{403, "", "", channels.Permanent, channels.ScopeSender, "Mattermost forbids the bot to do that"},
	{400, "message_length", "", channels.Permanent, channels.ScopeContent, tooLong},
	{400, "is_valid.msg", "", channels.Permanent, channels.ScopeContent, tooLong},
	{400, "is_valid.props", "", channels.Permanent, channels.ScopeContent, "the post has too many buttons for this server"},
	{400, "", "", channels.Permanent, channels.ScopeContent, "Mattermost refuses the post"},
	{413, "", "", channels.Permanent, channels.ScopeContent, tooLong},
	{500, "deduplicate_create_post.pending", "", channels.Unknown, channels.ScopeChannel, "the server is still busy with the same message from a try before"},
}

// judge finds the verdict on a refusal. A server error may come after the work was done, and so may what nobody knows.
func judge(status int, id, to string) verdict {
	for _, v := range verdicts {
		if (v.status == 0 || v.status == status) && (v.to == "" || v.to == to) && strings.Contains(id, v.id) {
			return v
		}
	}
	if status >= 400 && status < 500 {
		return verdict{status: status, class: channels.Permanent, scope: channels.ScopeContent, detail: "Mattermost refuses the request"}
	}
	return verdict{status: status, class: channels.Unknown, scope: channels.ScopeChannel, detail: "Mattermost failed while handling the message and may have taken it"}
}

// refused turns Mattermost's own refusal into an error.
func refused(status int, id, to string) *channels.Error {
	v := judge(status, id, to)
	e := &channels.Error{Class: v.class, Scope: v.scope, Code: strconv.Itoa(status), Detail: v.detail}
	if safe := safeID(id); safe != "" {
		e.Cause = errors.New("mattermost: " + safe)
	}
	return e
}

// safeID gives an error's id if it has the form that the server's have, so that it can hold nothing of a request.
func safeID(id string) string {
	if len(id) > 120 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz_.") != "" {
		return ""
	}
	return id
}
