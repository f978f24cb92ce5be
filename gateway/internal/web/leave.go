package web

import (
	"net/http"
)

// leaving asks whether mail is to stop; or, behind the link beneath a mail, whether a link to her own page is to be sent. It is the
// same for every token, whoever has it, and looks nothing up.
func (s *Server) leaving(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("p") {
		s.write(w, http.StatusOK, "sending", page{speech: s.stranger(r), Title: "title"})
		return
	}
	s.write(w, http.StatusOK, "leaving", page{speech: s.stranger(r), Title: "unsubscribe_title"})
}

// leave stops mail by the POST that mail programs send (RFC 8058) and the page's button sends too, or has a link to her own page sent
// to the address. Whether anybody has the address is not to be told from the answer, nor from the time that it takes.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	begun := s.Now()
	taken := &status{header: http.Header{}}
	s.Leave(taken, r, r.PathValue("token"))
	s.Wait(r.Context(), begun.Add(steady))
	done := page{speech: s.stranger(r), Title: "stopped_title", Text: "stopped"}
	if r.URL.Query().Has("p") {
		done.Title, done.Text = "title", "page_sent"
	}
	switch {
	case taken.code == 0 || taken.code == http.StatusOK:
		s.write(w, http.StatusOK, "plain", done)
	case taken.code >= 500:
		w.Header().Set("Retry-After", "60")
		s.plain(w, r, http.StatusServiceUnavailable, "later")
	default: // the link was cut or made up, and saying that it is done would be a lie
		s.plain(w, r, http.StatusBadRequest, "broken")
	}
}

// status is what a handler would answer.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) Write(b []byte) (int, error) { return len(b), nil }
func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
}

var _ http.ResponseWriter = (*status)(nil)
