package tools

import (
	"cmp"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// offer describes the choices, each with its number and its reason.
func (d Deps) offer(q search, choices ...slots.Choice) []schemas.Slot {
	all := make([]schemas.Slot, 0, len(choices))
	for _, c := range choices {
		for _, told := range d.tell(q, []vennioclient.Slot{c.Slot}) { // none, if an id cannot carry it
			told.Number, told.Reason = len(all)+1, c.Reason
			all = append(all, told)
		}
	}
	return all
}

// tell signs slots and puts them into words. A slot that an id cannot carry (a
// start between whole minutes) is left out.
func (d Deps) tell(q search, found []vennioclient.Slot) []schemas.Slot {
	told := make([]schemas.Slot, 0, len(found))
	for _, s := range found {
		id, err := d.Slots.Sign(slots.Offer{
			Start: s.Start, Duration: s.End.Sub(s.Start), Hosts: hostIDs(q.hosts), Zone: q.window.Loc.String(), Guest: zoneName(q.guest),
		})
		if err != nil {
			continue
		}
		told = append(told, slotIn(s, id, q.window.Loc, q.guest))
	}
	return told
}

func slotIn(s vennioclient.Slot, id string, loc, guest *time.Location) schemas.Slot {
	local := times.LocalParts(s.Start, s.End, loc)
	return schemas.Slot{
		SlotID:      id,
		Description: cmp.Or(sanitize.Line(s.Description, 200), times.Label(s.Start, s.End, loc)),
		Start:       times.UTC(s.Start),
		End:         times.UTC(s.End),
		StartLocal:  local.Start,
		EndLocal:    local.End,
		Timezone:    local.Zone,
		GuestLocal:  times.GuestLabel(s.Start, s.End, loc, guest),
	}
}

func zoneName(loc *time.Location) string {
	if loc == nil {
		return ""
	}
	return loc.String()
}

// zonesOf are the zone in which an offer was told and the guest's, nil where they
// have no other.
func zonesOf(o slots.Offer) (loc, guest *time.Location, err error) {
	if loc, err = times.Zone(o.Zone); err == nil && o.Guest != "" {
		guest, err = times.Zone(o.Guest)
	}
	return loc, guest, err
}
