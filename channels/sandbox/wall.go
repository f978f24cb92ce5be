package sandbox

import "net/http"

func (s *Sandbox) wallRoutes(*http.ServeMux) {}
