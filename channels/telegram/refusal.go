package telegram

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// verdict says what one of Telegram's refusals means for the message.
type verdict struct {
	code   int    // error_code; 0: any
	says   string // part of the description, in lower case; empty: any
	class  channels.Class
	scope  channels.Scope
	detail string
}

const (
	pressStart = "Telegram knows no such chat for this bot; ask her to open the bot and press Start, or add the bot to the group"
	noRights   = "the bot may not write there; make it a member or administrator with the right to send messages"
	noTopic    = "the topic is closed or gone; correct or drop the number behind the colon of the address"
	badToken   = "Telegram does not accept the bot's token; ask @BotFather for /token and correct the channel's token"
	badText    = "Telegram refuses the text or its markup"
	badButtons = "Telegram refuses the buttons"
)

// blocked is what she has done who blocks the bot.
const blocked = "she has blocked the bot"

// verdicts lists Telegram's refusals; the first row that fits counts. Most descriptions were read in the public Bot API
// server (tdlib/telegram-bot-api, Client.cpp of May 2026) and in the library below it (tdlib/td, MessagesManager.cpp,
// MessageContent.cpp and DialogManager.cpp of July 2026). Rows with an underline are names of errors that the server passes
// on from Telegram's network; of these only PEER_ID_INVALID and TOPIC_CLOSED were met there. "is deactivated" and "was
// deactivated" of a group, "have no rights", "messages to bots" and the other names are what bots of others look for, and
// could not be found in either source: they cost nothing if they never come.
var verdicts = [...]verdict{
	{400, "chat not found", channels.Permanent, channels.ScopeAddress, pressStart},
	{400, "user not found", channels.Permanent, channels.ScopeAddress, pressStart},
	{400, "peer_id_invalid", channels.Permanent, channels.ScopeAddress, pressStart},
	{400, "upgraded to a supergroup", channels.Gone, channels.ScopeAddress, "the group became a supergroup; enter its new address"},
	{400, "group is deactivated", channels.Gone, channels.ScopeAddress, "the group no longer exists"},
	{400, "group chat was deactivated", channels.Gone, channels.ScopeAddress, "the group no longer exists"},
	{400, "thread not found", channels.Permanent, channels.ScopeAddress, noTopic},
	{400, "topic_", channels.Permanent, channels.ScopeAddress, noTopic},
	{400, "not enough rights", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "no write access", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "have no rights", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "need administrator rights", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "chat_write_forbidden", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "chat_admin_required", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "chat_send_plain_forbidden", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "chat_restricted", channels.Permanent, channels.ScopeAddress, noRights},
	{400, "can't parse entities", channels.Permanent, channels.ScopeContent, badText},
	{400, "too long", channels.Permanent, channels.ScopeContent, "the message is too long for Telegram"},
	{400, "text is empty", channels.Permanent, channels.ScopeContent, "the message has no text that can be seen"},
	{400, "button_", channels.Permanent, channels.ScopeContent, badButtons},
	{400, "inline keyboard", channels.Permanent, channels.ScopeContent, badButtons},
	{400, "webhook", channels.Permanent, channels.ScopeChannel, "Telegram refuses the webhook's address; it must be https, on port 443, 80, 88 or 8443, with a valid certificate, and reachable from outside"},
	{400, "", channels.Permanent, channels.ScopeContent, "Telegram refuses the message"},
	{401, "", channels.Auth, channels.ScopeSender, badToken},
	{403, "blocked by the user", channels.Gone, channels.ScopeAddress, blocked},
	{403, "deactivated", channels.Gone, channels.ScopeAddress, "the account no longer exists"},
	{403, "kicked", channels.Gone, channels.ScopeAddress, "the bot was removed from the group or channel"},
	{403, "chat was deleted", channels.Gone, channels.ScopeAddress, "the group no longer exists"},
	{403, "not a member", channels.Gone, channels.ScopeAddress, "the bot is not a member of the group or channel"},
	{403, "initiate conversation", channels.Permanent, channels.ScopeAddress, "a bot cannot write first; ask her to open the bot and press Start"},
	{403, "messages to the bot", channels.Permanent, channels.ScopeAddress, "the address is a bot's, and bots cannot write to bots"},
	{403, "messages to bots", channels.Permanent, channels.ScopeAddress, "the address is a bot's, and bots cannot write to bots"},
	{403, "", channels.Permanent, channels.ScopeAddress, "Telegram forbids the bot to write there"},
	{404, "", channels.Auth, channels.ScopeSender, badToken},
	{409, "webhook", channels.Temporary, channels.ScopeChannel, "a webhook is set for this bot, so it cannot be polled; run `carillon channel check`, which removes it, or set public_base_url"},
	{409, "", channels.Temporary, channels.ScopeChannel, "another program polls this bot with the same token; stop it, or give this channel a bot of its own"},
	{413, "", channels.Permanent, channels.ScopeContent, "the message is too long for Telegram"},
	{420, "", channels.Throttled, channels.ScopeChannel, "Telegram asks to wait"},
	{429, "", channels.Throttled, channels.ScopeChannel, "Telegram asks to wait"},
}

// judge finds the verdict on a refusal. A server error may come after the work was done, and so may what nobody knows.
func judge(code int, description string) verdict {
	description = strings.ToLower(description)
	for _, v := range verdicts {
		if v.code == code && strings.Contains(description, v.says) {
			return v
		}
	}
	if code >= 400 && code < 500 {
		return verdict{code: code, class: channels.Permanent, scope: channels.ScopeContent, detail: "Telegram refuses the request"}
	}
	return verdict{code: code, class: channels.Unknown, scope: channels.ScopeChannel, detail: "Telegram failed while handling the message and may have taken it"}
}

// safePhrase keeps the part of a description that cannot repeat anything of a request: its leading words, up to the
// first character that is neither an ASCII letter nor common punctuation (quotes and digits are where values begin).
func safePhrase(description string) string {
	end := strings.IndexFunc(description, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(" :;,_-'", r))
	})
	if end < 0 {
		end = len(description)
	}
	return strings.TrimRight(description[:min(end, 100)], " :;,-'")
}
