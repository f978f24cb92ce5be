// Package builtin lists the adapters that come with Carillon.
package builtin

import (
	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/email"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/mattermost"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

// All lists the adapters, a line each.
func All() []channels.Factory {
	return []channels.Factory{
		sms.Factory(),
		telegram.Factory(),
		mattermost.Factory(),
		email.Factory(),
		external.Factory(),
	}
}
