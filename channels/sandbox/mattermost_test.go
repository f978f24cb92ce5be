package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	teamToken = "sandboxbottoken00000000001"
	chloe     = "chloeeeeeeeeeeeeeeeeeeeee1"
	square    = "squareeeeeeeeeeeeeeeeeeee2"
)

// team is the library that bots use, unchanged, at the sandbox.
func team(base string) *model.Client4 {
	c := model.NewAPIv4Client(base)
	c.SetToken(teamToken)
	return c
}

// withTeam is a sandbox in which Chloé has an account and a channel is there.
func withTeam(t testing.TB, opts sandbox.Options) (*sandbox.Sandbox, *model.Client4, string) {
	t.Helper()
	opts.TeamBots = append(opts.TeamBots, sandbox.MattermostBot{Token: teamToken, Username: "carillon"})
	opts.Strict = true
	s, base := serve(t, opts)
	err := s.Phones(
		sandbox.Phone{Kind: sandbox.KindMattermost, Address: chloe, Name: "Chloé", Language: "fr", Username: "chloe"},
		sandbox.Phone{Kind: sandbox.KindMattermost, Address: "channel:" + square, Name: "Square", Started: []string{"*"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return s, team(base), base
}

// direct opens the bot's direct messages with Chloé.
func direct(t testing.TB, c *model.Client4) string {
	t.Helper()
	me, _, err := c.GetMe(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	ch, _, err := c.CreateDirectChannel(context.Background(), me.Id, chloe)
	if err != nil {
		t.Fatal(err)
	}
	return ch.Id
}

// refusal gives status and id of the server's error.
func refusal(resp *model.Response, err error) string {
	var e *model.AppError
	if errors.As(err, &e) {
		return fmt.Sprint(resp.StatusCode, " ", e.Id)
	}
	return fmt.Sprint(err)
}

// The bare library gets along with the sandbox as with the server: whom there is to write to, what a post becomes, what
// a chat holds.
func TestTheBareLibraryWorks(t *testing.T) {
	s, c, _ := withTeam(t, sandbox.Options{})
	ctx := t.Context()
	if status, _, err := c.GetPing(ctx); err != nil || status != "OK" {
		t.Errorf("ping: %q, %v", status, err)
	}
	if config, _, err := c.GetClientConfig(ctx, ""); err != nil || config["MaxPostSize"] != "16383" || config["PostPriority"] != "true" {
		t.Errorf("config: %v, %v", config, err)
	}
	if me, _, err := c.GetMe(ctx, ""); err != nil || !me.IsBot || me.Username != "carillon" || !model.IsValidId(me.Id) || me.Id != (sandbox.MattermostBot{Token: teamToken}).ID() {
		t.Errorf("me: %+v, %v", me, err)
	}
	if user, _, err := c.GetUserByUsername(ctx, "chloe", ""); err != nil || user.Id != chloe || user.DeleteAt != 0 {
		t.Errorf("by name: %+v, %v", user, err)
	}
	room := direct(t, c)
	if again := direct(t, c); again != room {
		t.Errorf("asked again, the direct channel is another: %s, %s", again, room)
	}
	urgent := model.PostPriorityUrgent
	post := &model.Post{
		ChannelId: room, Message: "#### Réunion\n\n**demain** à [18 h](https://example.org/?a=1), \\*vraiment\\*\n\n- un\n- deux\n\n> dit `elle`",
		Metadata: &model.PostMetadata{Priority: &model.PostPriority{Priority: &urgent}},
	}
	post.SetProps(map[string]any{"mine": "7", "attachments": []*model.MessageAttachment{{Actions: []*model.PostAction{{
		Id: "a0", Type: "button", Name: "Oui", Integration: &model.PostActionIntegration{URL: "http://127.0.0.1:1/hook", Context: map[string]any{"secret": "kept"}},
	}}}}})
	made, resp, err := c.CreatePost(ctx, post)
	if err != nil || resp.StatusCode != http.StatusCreated || !model.IsValidId(made.Id) || made.CreateAt == 0 || made.GetProp("mine") != "7" || !made.IsUrgent() {
		t.Fatalf("%+v, %v", made, err)
	}
	if raw, err := json.Marshal(made); err != nil || strings.Contains(string(raw), "kept") {
		t.Errorf("the context of a button comes back to clients: %s, %v", raw, err)
	}
	if made.GetAction("a0") == nil {
		t.Errorf("the button does not come back: %+v", made.Attachments())
	}
	if got, _, err := c.GetPost(ctx, made.Id, ""); err != nil || got.Message != post.Message {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: chloe, Text: "D'accord"}); err != nil {
		t.Fatal(err)
	}
	list, _, err := c.GetPostsSince(ctx, room, made.CreateAt-1, false)
	if err != nil || len(list.Posts) != 2 || len(list.Order) != 2 || list.Posts[list.Order[1]].Id != made.Id {
		t.Fatalf("%+v, %v", list, err)
	}
	if answer := list.Posts[list.Order[0]]; answer.UserId != chloe || answer.Message != "D'accord" {
		t.Errorf("%+v", answer)
	}
	rooms, _, err := c.GetChannelsForUserWithLastDeleteAt(ctx, "me", 0)
	if err != nil || len(rooms) != 1 || rooms[0].Type != model.ChannelTypeDirect || rooms[0].TotalMsgCount != 2 || rooms[0].LastPostAt < made.CreateAt || !strings.Contains(rooms[0].Name, chloe) {
		t.Errorf("%+v, %v", rooms, err)
	}
	log := s.Log(0, 1)
	if log[0].Provider != sandbox.Mattermost || log[0].To != chloe || log[0].ID != made.Id || log[0].Plain != "Réunion\n\ndemain à 18 h, *vraiment*\n\n- un\n- deux\n\ndit elle" {
		t.Errorf("%+v", log[0])
	}
}

// The server says no in its own way, and so does the sandbox.
func TestTheServerSaysNo(t *testing.T) {
	s, c, base := withTeam(t, sandbox.Options{NoPriority: true})
	room := direct(t, c)
	say := func(channel, message string) string {
		_, resp, err := c.CreatePost(t.Context(), &model.Post{ChannelId: channel, Message: message})
		return refusal(resp, err)
	}
	urgent := model.PostPriorityUrgent
	_, resp, err := c.CreatePost(t.Context(), &model.Post{ChannelId: room, Message: "x", Metadata: &model.PostMetadata{Priority: &model.PostPriority{Priority: &urgent}}})
	if got := refusal(resp, err); got != "403 api.post.post_priority.priority_post_not_allowed_for_user.request_error" {
		t.Errorf("a priority: %s", got)
	}
	if got := say(square, "x"); got != "<nil>" {
		t.Errorf("a channel that the bot is in: %s", got)
	}
	if got := say("nowhereeeeeeeeeeeeeeeeeeee", "x"); got != "403 api.context.permissions.app_error" {
		t.Errorf("a channel that is not there: %s", got)
	}
	if got := say(room, strings.Repeat("é", 16384)); got != "400 model.post.is_valid.message_length.app_error" {
		t.Errorf("a long post: %s", got)
	}
	if got := say(room, strings.Repeat("é", 16383)); got != "<nil>" {
		t.Errorf("the longest post: %s", got)
	}
	_, resp, err = c.GetUser(t.Context(), "nobodyyyyyyyyyyyyyyyyyyyyy", "")
	if got := refusal(resp, err); got != "404 app.user.missing_account.const" {
		t.Errorf("an account that is not there: %s", got)
	}
	me, _, err := c.GetMe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	_, resp, err = c.CreateDirectChannel(t.Context(), me.Id, "nobodyyyyyyyyyyyyyyyyyyyyy")
	if got := refusal(resp, err); got != "400 api.channel.create_direct_channel.invalid_user.app_error" {
		t.Errorf("direct messages with it: %s", got)
	}
	for _, address := range []string{chloe, "channel:" + square} {
		if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: address, Block: true}); err != nil {
			t.Fatal(err)
		}
	}
	if user, _, err := c.GetUser(t.Context(), chloe, ""); err != nil || user.DeleteAt == 0 {
		t.Errorf("a deactivated account: %+v, %v", user, err)
	}
	if got := say(room, "x"); got != "<nil>" {
		t.Errorf("a post to a deactivated account: %s; the server takes it", got)
	}
	if got := say(square, "x"); got != "400 api.post.create_post.can_not_post_to_deleted.error" {
		t.Errorf("an archived channel: %s", got)
	}
	wrong := model.NewAPIv4Client(base)
	wrong.SetToken("wrong")
	_, resp, err = wrong.GetMe(t.Context(), "")
	if got := refusal(resp, err); got != "401 api.context.session_expired.app_error" {
		t.Errorf("a wrong token: %s", got)
	}
}

// pending_post_id: the first post for 30 seconds, whoever asks; nothing after that; a failure frees it.
func TestPendingPosts(t *testing.T) {
	s, c, _ := withTeam(t, sandbox.Options{})
	room := direct(t, c)
	say := func(pending string) string {
		t.Helper()
		made, _, err := c.CreatePost(t.Context(), &model.Post{ChannelId: room, Message: "x", PendingPostId: pending})
		if err != nil {
			t.Fatal(err)
		}
		return made.Id
	}
	first := say("p1")
	s.Advance(29 * time.Second)
	if again := say("p1"); again != first {
		t.Errorf("after 29 s: %s, want %s", again, first)
	}
	s.Advance(2 * time.Second)
	if late := say("p1"); late == first {
		t.Error("after 31 s the first post still came back")
	}
	if a, b := say(""), say(""); a == b {
		t.Error("posts without an id are taken for one")
	}
	if stats := s.Stats(); stats.Kept != 4 || stats.Received != 5 {
		t.Errorf("%+v", stats)
	}
}

// The limiter answers in plain text, and its headers count seconds.
func TestTheLimiter(t *testing.T) {
	s, c, _ := withTeam(t, sandbox.Options{})
	room := direct(t, c)
	if _, err := s.Script(sandbox.Fault{Kind: sandbox.Throttle, Provider: sandbox.Mattermost, RetryAfter: "7"}); err != nil {
		t.Fatal(err)
	}
	_, resp, err := c.CreatePost(t.Context(), &model.Post{ChannelId: room, Message: "x"})
	if err == nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" || resp.Header.Get("X-RateLimit-Reset") != "7" ||
		resp.Header.Get("X-RateLimit-Remaining") != "0" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%+v, %v", resp, err)
	}
	var e *model.AppError
	if errors.As(err, &e) {
		t.Errorf("the limiter answers as the server's own errors: %v", err)
	}
}

// A pressed button brings its context to the hook, as it was given, and what that answers is shown.
func TestButtonsAndCommands(t *testing.T) {
	type heard struct {
		header http.Header
		body   string
	}
	got := make(chan heard, 1)
	answer := `{"update":{"message":"**Danke**","props":{}},"ephemeral_text":"noted"}`
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- heard{r.Header, string(body)}
		_, _ = io.WriteString(w, answer)
	}))
	defer hook.Close()
	s, c, _ := withTeam(t, sandbox.Options{})
	s.MattermostBot(sandbox.MattermostBot{Token: teamToken, Command: sandbox.Command{Trigger: "carillon", URL: hook.URL, Token: "commandtoken"}})
	room := direct(t, c)
	post := &model.Post{ChannelId: room, Message: "Kommst du?"}
	post.SetProps(map[string]any{"attachments": []*model.MessageAttachment{{Actions: []*model.PostAction{{
		Id: "a0", Type: "button", Name: "Ja", Integration: &model.PostActionIntegration{URL: hook.URL, Context: map[string]any{"n": 7}},
	}}}}})
	made, _, err := c.CreatePost(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	act := func(r sandbox.Reply) heard {
		t.Helper()
		r.Kind, r.Address = sandbox.KindMattermost, chloe
		if _, err := s.Reply(r); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
	h := act(sandbox.Reply{Press: "a0"})
	var body model.PostActionIntegrationRequest
	if err := json.Unmarshal([]byte(h.body), &body); err != nil || body.UserId != chloe || body.PostId != made.Id || body.ChannelId != room || body.Context["n"] != 7.0 || body.TriggerId == "" {
		t.Errorf("%s, %v", h.body, err)
	}
	if h.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h.header)
	}
	err = s.Wait(t.Context(), func() bool { log := s.Log(0, 0); return log[len(log)-1].Text == "noted" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: chloe, Press: "a9"}); err == nil {
		t.Error("a button that is not there was pressed")
	}
	answer = `{"text":"heard"}`
	h = act(sandbox.Reply{Text: "/carillon stop it"})
	form, err := url.ParseQuery(h.body)
	if err != nil || form.Get("text") != "stop it" || form.Get("token") != "commandtoken" || form.Get("user_id") != chloe || form.Get("command") != "/carillon" ||
		h.header.Get("Authorization") != "Token commandtoken" {
		t.Errorf("%s, %v, %v", h.body, h.header, err)
	}
	if _, err := s.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: chloe, Text: "/other"}); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a command that is not there: %v", err)
	}
}

// TestTeamWall: Chloé reads a post on the wall, presses its button, and answers.
func TestTeamWall(t *testing.T) {
	pressed := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		pressed <- string(body)
		_, _ = io.WriteString(w, `{"ephemeral_text":"✓ Oui"}`)
	}))
	defer hook.Close()
	_, c, base := withTeam(t, sandbox.Options{})
	room := direct(t, c)
	ctx := browser(t, 1280, 900)
	post := &model.Post{ChannelId: room, Message: "**Réunion** demain\n\n- `18 h`\n- au port <b>"}
	post.SetProps(map[string]any{"attachments": []*model.MessageAttachment{{Actions: []*model.PostAction{{
		Id: "a0", Type: "button", Name: "Oui <i>", Integration: &model.PostActionIntegration{URL: hook.URL, Context: map[string]any{"proof": "abc"}},
	}}}}})
	if _, _, err := c.CreatePost(t.Context(), post); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(base+"/?kind=mattermost&open="+url.QueryEscape("mattermost:"+chloe)),
		until(`document.documentElement.classList.contains('live')`),
		until(`document.querySelector('#open .msg p .t-bold')?.textContent === 'Réunion'`),
		until(`document.querySelector('#open .msg p .t-code')?.textContent === '18 h'`),
		until(`document.querySelector('#open .device').getAttribute('aria-label') === 'Mattermost chat of Chloé'`),
		click(`#open .keys button`))
	select {
	case body := <-pressed:
		if !strings.Contains(body, `"proof":"abc"`) || !strings.Contains(body, chloe) {
			t.Errorf("the hook got %s", body)
		}
	case <-ctx.Done():
		t.Fatal("the button did not reach the hook")
	}
	do(t, ctx, until(`[...document.querySelectorAll('#open .msg.auto p')].some(p => p.textContent === '✓ Oui')`),
		chromedp.SendKeys(`#answer`, "J'arrive"), click(`.send`),
		until(`[...document.querySelectorAll('#open .msg.mine p')].some(p => p.textContent === "J'arrive")`))
	if n := value[int](t, ctx, `document.querySelectorAll('.msg b, .msg i, .keys i').length`); n != 0 {
		t.Errorf("texts became %d elements", n)
	}
	if cards := value[int](t, ctx, `document.querySelectorAll('.card').length`); cards != 2 {
		t.Errorf("%d cards of Mattermost", cards)
	}
	do(t, ctx, click(`#open button[value=block]`), until(`document.querySelector('#open .state')?.textContent.includes('deactivated')`))
	if user, _, err := c.GetUser(t.Context(), chloe, ""); err != nil || user.DeleteAt == 0 {
		t.Errorf("deactivated on the wall: %+v, %v", user, err)
	}
	list, _, err := c.GetPostsSince(t.Context(), room, 1, false)
	if err != nil || len(list.Posts) != 2 {
		t.Errorf("the bot sees %+v, %v", list, err)
	}

}
