package prompts

import (
	"slices"
	"sync"
	"text/template"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// Skill is a workflow that an agent loads when a task needs it (Agent Skills specification). It consists of
// one file.
type Skill struct {
	Name        string        // also of its directory
	Title       string        // for people
	Description string        // what it does and when to use it, from which an agent chooses
	Text        func() string // SKILL.md, beginning with Name and Description as YAML front matter; rendered at the first call
}

// URI returns the address of SKILL.md as a resource (SEP-2640, Resource Mapping).
func (s Skill) URI() string { return "skill://" + s.Name + "/SKILL.md" }

// SkillNames are the names of all skills, whatever the operator selected.
var SkillNames = []string{schedule, change, review}

const (
	schedule = "schedule-a-meeting"
	change   = "reschedule-or-cancel-a-meeting"
	review   = "review-the-day"
)

// Skills returns the skills that need only the given tools, with the consent rule of the policy.
func Skills(tools []string, policy consent.Policy) (all []Skill) {
	has := func(name string) bool { return slices.Contains(tools, name) }
	moves := has("find_slots") && has("reschedule_booking")
	functions := functions(tools, policy, user)
	if has("find_slots") && has("book_slot") {
		all = append(all, newSkill(functions, schedule, "Schedule a meeting",
			"Find a time for a meeting and book it with Vennio, with the consent of a person. Use when the user wants to schedule, arrange or book a meeting or a call, or asks when somebody is free to meet."))
	}
	if has("list_bookings") && (moves || has("cancel_booking")) {
		all = append(all, newSkill(functions, change, "Reschedule or cancel a meeting",
			"Move or cancel a meeting that is booked with Vennio, with the consent of a person. Use when the user wants to reschedule, postpone, move, cancel or call off a meeting."))
	}
	if has("list_bookings") {
		all = append(all, newSkill(functions, review, "Review the day",
			"List what is booked with Vennio on a day, without changing anything. Use when the user asks for the agenda, the schedule or the meetings of today or another day."))
	}
	return all
}

// newSkill writes SKILL.md. Its front matter has plain scalars only, so that every parser of YAML reads the
// values as they are here.
func newSkill(functions template.FuncMap, name, title, description string) Skill {
	return Skill{name, title, description, sync.OnceValue(func() string {
		front := "---\nname: " + name + "\ndescription: " + description + "\n---\n\n"
		return front + "# " + title + "\n\n" + text(name+".md", functions, "*.md", "skills/*.md") + "\n"
	})}
}
