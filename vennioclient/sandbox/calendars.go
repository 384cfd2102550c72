package sandbox

import (
	"net/http"
	"time"
)

type calendarJSON struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Provider string `json:"provider"`
	Primary  bool   `json:"primary"`
	Selected bool   `json:"selected"`
}

type providerJSON struct {
	Name          string `json:"name"`
	Connected     bool   `json:"connected"`
	CalendarCount int    `json:"calendar_count"`
}

type calendarsJSON struct {
	Calendars []calendarJSON `json:"calendars"`
	Providers []providerJSON `json:"providers"`
}

type syncJSON struct {
	EventsSynced int    `json:"events_synced"`
	LastSync     string `json:"last_sync"`
}

// syncHorizon is how far ahead a sync looks for events.
const syncHorizon = 14 * 24 * time.Hour

// calendars lists one calendar for each connected host.
func (s *Server) calendars(c *call) (answer, error) {
	if err := newForm(c.query).err(); err != nil {
		return answer{}, err
	}
	out := calendarsJSON{Calendars: []calendarJSON{}}
	for _, h := range s.connectedHosts() {
		out.Calendars = append(out.Calendars, calendarJSON{
			ID: h.Email, Name: h.Name, Provider: "google", Primary: h == hosts[0], Selected: true,
		})
	}
	n := len(out.Calendars)
	out.Providers = []providerJSON{{"google", n > 0, n}, {"microsoft", false, 0}}
	return answer{status: http.StatusOK, body: out}, nil
}

// syncCalendars counts what a sync would read now. There is nothing it could change.
func (s *Server) syncCalendars(c *call) (answer, error) {
	out := syncJSON{LastSync: stamp(c.now, time.UTC)}
	for _, h := range s.connectedHosts() {
		out.EventsSynced += len(h.events(s.seed, span{c.now, c.now.Add(syncHorizon)}))
	}
	return answer{status: http.StatusOK, body: out}, nil
}

func (s *Server) connectedHosts() []*host {
	var out []*host
	for _, h := range hosts {
		if !s.disconnected[h.ID] {
			out = append(out, h)
		}
	}
	return out
}
