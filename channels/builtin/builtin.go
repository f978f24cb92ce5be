// Package builtin lists the adapters that come with Carillon.
package builtin

import (
	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/androidsms"
	"github.com/carillon-gateway/carillon/channels/email"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/mastodon"
	"github.com/carillon-gateway/carillon/channels/matrix"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/ntfy"
	"github.com/carillon-gateway/carillon/channels/shoutrrr"
	"github.com/carillon-gateway/carillon/channels/signal"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/channels/telegram"
	"github.com/carillon-gateway/carillon/channels/voice"
	"github.com/carillon-gateway/carillon/channels/webhook"
)

// All lists the adapters, a line each.
func All() []channels.Factory {
	return []channels.Factory{
		sms.Factory(),
		telegram.Factory(),
		mattermost.Factory(),
		email.Factory(),
		webhook.Factory(),
		androidsms.Factory(),
		matrix.Factory(),
		ntfy.Factory(),
		mastodon.Factory(),
		signal.Factory(),
		voice.Factory(),
		shoutrrr.Factory(),
		external.Factory(),
	}
}
