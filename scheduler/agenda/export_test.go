package agenda

import "context"

// Due reads what is due, as Run does.
func (a *Agenda) Due(ctx context.Context) bool { return a.due(ctx) }
