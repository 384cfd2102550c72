package schemas

import (
	"slices"
	"strings"
)

// longestName is how long a name can be that is compared with ours.
const longestName = 40

// meant are other words for arguments, and the arguments that they can mean, the likeliest first.
var meant = map[string][]string{
	"tz": {"timezone"}, "zone": {"timezone"}, "usertimezone": {"timezone"}, "mytimezone": {"timezone"},
	"guesttz": {"guest_timezone"}, "attendeetimezone": {"guest_timezone"},
	"duration": {"duration_minutes"}, "length": {"duration_minutes"}, "minutes": {"duration_minutes"}, "durationmins": {"duration_minutes"},
	"meetingduration": {"duration_minutes"}, "meetinglength": {"duration_minutes"}, "slotduration": {"duration_minutes"},
	"start": {"from", "earliest"}, "startdate": {"from"}, "startsat": {"from"}, "starttime": {"from", "start"}, "fromdate": {"from"}, "since": {"from"}, "after": {"from", "earliest"}, "from": {"start", "earliest"},
	"end": {"to", "latest"}, "enddate": {"to"}, "endtime": {"to", "end"}, "todate": {"to"}, "until": {"to", "latest"}, "before": {"to", "latest"}, "to": {"end", "latest"},
	"host": {"hosts"}, "hostname": {"hosts"}, "hostnames": {"hosts"}, "hostid": {"hosts"}, "hostids": {"hosts"}, "participant": {"hosts"}, "participants": {"hosts"},
	"maxresults": {"limit"}, "maxslots": {"limit"}, "count": {"limit"}, "max": {"limit"}, "pagesize": {"limit"},
	"preferences": {"prefer"}, "preference": {"prefer"}, "preferred": {"prefer"},
	"busytimes": {"busy"}, "unavailable": {"busy"}, "avoid": {"avoid_days"}, "day": {"days"}, "weekdays": {"days"}, "preferreddays": {"days"},
	"slot": {"slot_id"}, "booking": {"booking_id"}, "reschedule": {"reschedule_of"}, "rescheduling": {"reschedule_of"},
	"guests": {"attendees"}, "guest": {"attendees"}, "attendee": {"attendees"}, "invitees": {"attendees"}, "customer": {"attendees"},
	"subject": {"title"}, "summary": {"title"}, "topic": {"title"}, "meetingtitle": {"title"},
	"description": {"notes"}, "agenda": {"notes"}, "comment": {"notes"}, "comments": {"notes"},
	"recurrence": {"repeat"}, "recurring": {"repeat"}, "rrule": {"repeat"},
	"mail": {"email"}, "emailaddress": {"email"}, "address": {"email"}, "fullname": {"name"}, "displayname": {"name"},
	"agreed": {"granted"}, "approved": {"granted"}, "given": {"granted"}, "grantedby": {"given_by"}, "approvedby": {"given_by"}, "by": {"given_by"},
	"quote": {"statement"}, "words": {"statement"}, "inactive": {"include_inactive"}, "pagetoken": {"cursor"}, "nextcursor": {"cursor"}, "state": {"status"},
}

// Nearest returns the known name that a misspelled or synonymous one means, or "" where that is not
// certain: equal but for case and punctuation, another word for it, or a typing error in it.
func Nearest(name string, known []string) string {
	if len(name) > longestName {
		return ""
	}
	a := fold(name)
	for _, k := range known {
		if fold(k) == a {
			return k
		}
	}
	for _, k := range meant[a] {
		if slices.Contains(known, k) {
			return k
		}
	}
	best, least, tie := "", 3, false
	for _, k := range known {
		b := fold(k)
		d := distance(a, b)
		if d > typingErrors(a, b) {
			continue
		}
		if tie = d == least || tie && d > least; d < least {
			best, least = k, d
		}
	}
	if tie {
		return ""
	}
	return best
}

// typingErrors is how many differences are a typing error in words of such length: in short ones a
// difference makes another word.
func typingErrors(a, b string) int {
	switch n := min(len(a), len(b)); {
	case n < 4 || a[0] != b[0] && n < 6:
		return 0
	case n < 8:
		return 1
	default:
		return 2
	}
}

var punctuation = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

func fold(s string) string { return punctuation.Replace(strings.ToLower(s)) }

// distance is the optimal string alignment distance: Levenshtein's, with two letters that changed
// places as one difference.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			next[j] = min(change, next[j-1]+1, row[j]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
