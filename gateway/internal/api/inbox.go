package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Inbox is where a group's people read what members wrote, and answer.
type Inbox interface {
	// List gives a page of conversations: what waits first.
	List(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.ThreadView, error)
	// Read gives one with what was said, and notes that it was read.
	Read(ctx context.Context, group, id gateway.ID) (gateway.Conversation, error)
	// With gives the one with a member, for her; ErrNotFound: there is none.
	With(ctx context.Context, group, member gateway.ID) (gateway.Conversation, error)
	Reply(ctx context.Context, group, id gateway.ID, d gateway.ReplyDraft) (gateway.ReplyAnswer, error)
	Close(ctx context.Context, group, id gateway.ID) error
}

// InThread is the part of a path that names a conversation.
type InThread struct {
	InGroup
	Thread gateway.ID `path:"thread" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

type listThreads struct {
	InGroup
	Paging
}

type replyThread struct {
	InThread
	Retry string `header:"Idempotency-Key" hidden:"true"`
	Body  replyIn
}

type replyIn struct {
	Text   string `json:"text" minLength:"1" maxLength:"4000" doc:"As it is to be read; no Markdown."`
	Locale string `json:"locale,omitempty" maxLength:"40" doc:"The language that it is in; absent: hers."`
	As     string `json:"as,omitempty" maxLength:"100" doc:"How it is signed; absent: not at all."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Send nothing; say what it would cost."`
}

const inboxTag = "Inbox"

var sampleThread = gateway.ThreadView{ID: sampleID, MemberIDs: []gateway.ID{sampleID}, Locale: "sw", Kind: "sms", ChannelID: sampleID, State: gateway.ThreadOpen, Urgent: true, Messages: 2, Unread: 1, OpenedAt: sampleTime, ChangedAt: sampleTime}

var sampleConversation = gateway.Conversation{ThreadView: sampleThread, Lines: []gateway.ConversationLine{
	{ID: sampleID, At: sampleTime, Text: "Barabara imefungwa.", Kind: "sms", Answers: &gateway.Answered{Delivery: sampleID, Broadcast: sampleID, Kind: gateway.KindReport, At: sampleTime, Guess: true}}}}

func (s *server) addInbox() {
	const path = "/api/v1/groups/{group}/inbox"
	add(s, route{ID: "list-inbox", Method: http.MethodGet, Path: path, Tag: inboxTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List conversations", About: "What members wrote that is no command, a conversation for each member or unknown address: open ones first, then answered, then closed ones; of each the urgent first, then the newest. No text and no address. A viewer sees states and counts alone.",
		Answer: page[gateway.ThreadView]{Items: []gateway.ThreadView{sampleThread}}},
		func(ctx context.Context, who caller, in *listThreads) (*body[page[gateway.ThreadView]], error) {
			list, err := s.Inbox.List(ctx, who.Group.ID, in.After, in.Limit+1)
			if who.Token.Role.Rank() < gateway.Author.Rank() {
				for i := range list {
					list[i] = list[i].Counts()
				}
			}
			return &body[page[gateway.ThreadView]]{pageOf(list, in.Limit, func(t gateway.ThreadView) gateway.ID { return t.ID })}, err
		})
	add(s, route{ID: "read-inbox", Method: http.MethodPost, Path: path + "/{thread}/read", Tag: inboxTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Read a conversation", About: "What was said, the oldest first, without addresses; each message with the one that it answers, as the provider says or as a guess. A POST, for it notes that the conversation was read; who read it is logged.",
		Answer: sampleConversation},
		func(ctx context.Context, who caller, in *InThread) (*body[gateway.Conversation], error) {
			c, err := s.Inbox.Read(ctx, who.Group.ID, in.Thread)
			if err == nil {
				s.Log.Info("a conversation was read", "request", requestID(ctx), "group", who.Group.ID, "conversation", in.Thread, "token", who.Token.ID)
			}
			return &body[gateway.Conversation]{c}, err
		})
	add(s, route{ID: "reply-inbox", Method: http.MethodPost, Path: path + "/{thread}/reply", Tag: inboxTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Answer a conversation", About: "An account message to where she wrote from, and nowhere else. Refused: where she said STOP since; to strangers. With dry_run it says what it would cost, and sends nothing.",
		Example: replyIn{Text: "Msaada unakuja.", Locale: "sw"},
		Answer:  gateway.ReplyAnswer{ID: sampleID, Kind: "sms", Locale: "sw", HerLocale: "sw", Segments: 1, Total: gateway.Total{Segments: 1, Amounts: []gateway.Money{samplePrice.Money()}}, Warnings: []string{}}},
		func(ctx context.Context, who caller, in *replyThread) (*body[gateway.ReplyAnswer], error) {
			d := gateway.ReplyDraft{Text: gateway.Private(in.Body.Text), As: gateway.Private(in.Body.As), Locale: in.Body.Locale, DryRun: in.Body.DryRun, Author: who.Token.Label}
			if in.Retry != "" {
				d.Key = who.Token.ID.String() + in.Retry // so that a crash between the two ledgers of keys doubles nothing
			}
			a, err := s.Inbox.Reply(ctx, who.Group.ID, in.Thread, d)
			if err == nil && !a.ID.IsZero() {
				s.Log.Info("a conversation was answered", "request", requestID(ctx), "group", who.Group.ID, "conversation", in.Thread, "token", who.Token.ID)
			}
			return &body[gateway.ReplyAnswer]{a}, err
		})
	add(s, route{ID: "close-inbox", Method: http.MethodPost, Path: path + "/{thread}/close", Tag: inboxTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Close a conversation", About: "It is deleted 30 days later. What she writes meanwhile opens it again."},
		func(ctx context.Context, who caller, in *InThread) (*nothing, error) {
			return &nothing{}, s.Inbox.Close(ctx, who.Group.ID, in.Thread)
		})
}
