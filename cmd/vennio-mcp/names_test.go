package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// printedEnv starts the sandbox and returns the settings that it prints for a server.
func printedEnv(t *testing.T) []string {
	t.Helper()
	p := start(t, clean(t), "sandbox", "--addr", "127.0.0.1:0")
	lines := bufio.NewScanner(p.stdout)
	for lines.Scan() {
		if settings, _, ok := strings.Cut(lines.Text(), " vennio-mcp serve"); ok {
			return strings.Fields(settings)
		}
	}
	require.Fail(t, "the sandbox prints no settings")
	return nil
}

var uuids = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

// nameCheck checks everything that a person or a model is shown for ids where a name belongs.
type nameCheck struct {
	t   *testing.T
	c   *client.Client
	ids []string // of bookings and series: they may be shown
	env []string
}

// call calls a tool and checks both forms of its answer.
func (n *nameCheck) call(tool string, arguments map[string]any) (text string, data map[string]any) {
	n.t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	got, err := n.c.CallTool(n.t.Context(), req)
	require.NoError(n.t, err)
	raw, err := json.Marshal(got.StructuredContent)
	require.NoError(n.t, err)
	require.NoError(n.t, json.Unmarshal(raw, &data))
	text = got.Content[0].(mcp.TextContent).Text
	require.False(n.t, got.IsError, text)
	n.inData(tool, "", data)
	n.inText(tool, text)
	return text, data
}

// inData collects ids from the fields for ids and finds them elsewhere.
func (n *nameCheck) inData(where, field string, v any) {
	n.t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			n.inData(where, name, inner)
		}
	case []any:
		for _, inner := range v {
			n.inData(where, field, inner)
		}
	case string:
		switch field {
		case "booking_id", "series_id":
			n.ids = append(n.ids, v)
		case "owner_id":
		default:
			n.inText(where+" "+field, v)
		}
	}
}

func (n *nameCheck) inText(where, text string) {
	n.t.Helper()
	text = regexp.MustCompile(`\(owner_id \S+\)`).ReplaceAllString(text, "") // of check_calendar_access, beside the name
	for _, id := range uuids.FindAllString(text, -1) {
		isBooking := slices.Contains(n.ids, id) && !slices.ContainsFunc(sandbox.Hosts(), func(h sandbox.Host) bool { return h.ID == id })
		assert.True(n.t, isBooking, "%s shows %s:\n%s", where, id, text)
	}
}

// resource reads a resource and checks it.
func (n *nameCheck) resource(uri string) string {
	n.t.Helper()
	all, err := read(n.t, n.c, uri)
	require.NoError(n.t, err)
	var text strings.Builder
	for _, part := range all {
		shown := part.(mcp.TextResourceContents).Text
		var data any
		if json.Unmarshal([]byte(shown), &data) == nil {
			n.inData(uri, "", data)
		}
		text.WriteString(shown + "\n")
	}
	n.inText(uri, text.String())
	return text.String()
}

// With exactly the settings that the sandbox prints, everything that people and models are shown names
// hosts by name: finding, asking, booking, listing, reading, moving and cancelling, by forms and on
// pages, and resources.
//
// req: C16
// field: host by id in the printed settings
func TestReq_C16_WithThePrintedSettingsHostsHaveNames(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"ask", "human"} {
		for _, protocol := range eras {
			t.Run(policy+" "+protocol, func(t *testing.T) {
				t.Parallel()
				env := stored(t, clean(t, append(printedEnv(t), "VENNIO_CONSENT="+policy)...))
				address := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
				person := &form{content: map[string]any{"approve": true}}
				n := &nameCheck{t: t, c: clientAt(t, address, protocol, person), env: env}
				everyStep(n, func(tool string, arguments map[string]any) map[string]any {
					text, data := n.call(tool, arguments)
					if policy == "human" {
						assert.Regexp(t, "Alice Marlow|Bob Castellano", text)
						text, data = onPage(n, tool, arguments, data["approval_url"])
					}
					assert.NotContains(t, text, "YET")
					return data
				})
				require.Equal(t, policy == "ask", len(person.shown) == 5, "%d forms", len(person.shown))
				for _, asked := range person.shown {
					n.inText("form", asked.Message)
					assert.Regexp(t, `^(Book|Move|Cancel) .*, with (Alice Marlow|Bob Castellano|Alice Marlow and Bob Castellano), for Ada`, asked.Message)
				}
			})
		}
	}
	for over, dialect := range map[string]string{"stdio": "reference", "sse": "guide"} {
		n := &nameCheck{t: t, c: connect(t, over, "2024-11-05", clean(t, append(printedEnv(t), "VENNIO_CONSENT=attested", "VENNIO_API_DIALECT="+dialect)...))}
		everyStep(n, func(tool string, arguments map[string]any) map[string]any {
			text, _ := n.call(tool, arguments)
			assert.Contains(t, text, "YET: ")
			arguments["consent"] = map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"}
			_, data := n.call(tool, arguments)
			return data
		})
	}
}

// everyStep does what an agent does with bookings; do carries out a write that a person agrees to.
func everyStep(n *nameCheck, do func(tool string, arguments map[string]any) map[string]any) {
	n.t.Helper()
	bob := sandbox.Hosts()[1]
	slotOf := func(arguments map[string]any) string {
		n.t.Helper()
		text, data := n.call("find_slots", arguments)
		require.NotEmpty(n.t, data["slots"], text)
		return data["slots"].([]any)[0].(map[string]any)["slot_id"].(string)
	}
	booking := func(slot string, hosts ...any) map[string]any {
		a := map[string]any{
			"slot_id": slot, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
			"consent": map[string]any{"granted": false},
		}
		if len(hosts) > 0 {
			a["hosts"] = hosts
		}
		return a
	}
	made := do("book_slot", booking(slotOf(map[string]any{"when": "next week"})))
	assert.Equal(n.t, "Alice Marlow", made["hosts"].([]any)[0].(map[string]any)["name"])
	id := made["booking_id"].(string)

	// by an id that nobody set, and then by the name that the answer had
	withBob := slotOf(map[string]any{"when": "next week", "hosts": []any{bob.ID}})
	_, data := n.call("find_slots", map[string]any{"when": "next week", "hosts": []any{bob.Name}})
	assert.Equal(n.t, []any{bob.Name}, data["hosts"])
	do("book_slot", booking(withBob, bob.Name))
	both := do("book_slot", booking(slotOf(map[string]any{"when": "next week", "hosts": []any{"alice", bob.ID}}), "Alice Marlow", bob.Name))
	_, data = n.call("get_booking", map[string]any{"booking_id": both["booking_id"]})
	assert.Equal(n.t, []any{"Alice Marlow", bob.Name}, data["hosts"])

	_, data = n.call("list_bookings", nil)
	assert.Len(n.t, data["bookings"], 2)
	n.call("list_bookings", map[string]any{"hosts": []any{bob.ID}})
	n.call("check_calendar_access", map[string]any{"include_inactive": true})
	moved := do("reschedule_booking", map[string]any{
		"booking_id": id, "slot_id": slotOf(map[string]any{"reschedule_of": id, "when": "next week"}), "consent": map[string]any{"granted": false},
	})
	assert.Equal(n.t, []any{"Alice Marlow"}, moved["hosts"])
	for _, uri := range []string{"vennio://policy", "vennio://bookings/upcoming", "vennio://bookings/" + id} {
		assert.Contains(n.t, n.resource(uri), "Alice Marlow", uri)
	}
	assert.Equal(n.t, []any{"Alice Marlow"}, do("cancel_booking", map[string]any{"booking_id": id, "consent": map[string]any{"granted": false}})["hosts"])
}

// onPage approves on the page and makes the call again.
func onPage(n *nameCheck, tool string, arguments map[string]any, address any) (string, map[string]any) {
	n.t.Helper()
	require.IsType(n.t, "", address)
	b := pairedBrowser(n.t, n.env)
	status, page := b.open(address.(string))
	require.Equal(n.t, http.StatusOK, status)
	n.inText("page", page)
	assert.Regexp(n.t, "Alice Marlow|Bob Castellano", page)
	_, after := b.answer(address.(string), "approve")
	n.inText("page", after)
	return n.call(tool, arguments)
}

// withoutNames is a proxy before the sandbox that answers for the lists that have names.
func withoutNames(t *testing.T, vennio string, status int) string {
	t.Helper()
	return before(t, vennio, never, func(r *http.Response) error {
		if p := r.Request.URL.Path; p == "/v1/hosts" || p == "/v1/consents" {
			r.StatusCode = status
		}
		return nil
	})
}

// field: host without a name in doctor
func TestTheDoctorWarnsOfHostsWithoutAName(t *testing.T) {
	t.Parallel()
	printed := printedEnv(t)
	address, err := url.Parse(strings.TrimPrefix(printed[0], "VENNIO_API_URL="))
	require.NoError(t, err)
	named := examine(t, clean(t, printed...))
	named.says(t, doctor.OK, "host", "Alice Marlow has free times")
	assert.NotRegexp(t, uuids, named.text)
	for status, saw := range map[int]string{
		http.StatusNotFound:           "Vennio gives no name for the owner of calendar 619c8492…",
		http.StatusForbidden:          "Vennio gives no name for the owner of calendar 619c8492…",
		http.StatusServiceUnavailable: "Vennio could not be asked for the name of the owner of calendar 619c8492…",
	} {
		e := examine(t, clean(t, append(slices.Clone(printed), "VENNIO_API_URL="+withoutNames(t, address.String(), status))...))
		e.says(t, doctor.Warning, "host name", saw)
		e.says(t, doctor.Warning, "host name", "Name the host in VENNIO_HOSTS")
		e.says(t, doctor.OK, "host", "the owner of calendar 619c8492… has free times")
		assert.NotRegexp(t, uuids, e.text, fmt.Sprint(status))
	}
}

// The policy and the completion of host names are there even where Vennio cannot be asked.
//
// field: policy while Vennio does not answer
func TestThePolicyNamesHostsWithoutAskingVennioInVain(t *testing.T) {
	t.Parallel()
	down := clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_HOSTS=Bob=id-2", "VENNIO_BUSINESS_ID="+sandbox.Hosts()[0].ID)
	for over := range transports {
		n := &nameCheck{t: t, c: connect(t, over, "2025-11-25", down)}
		policy := n.resource("vennio://policy")
		assert.Contains(t, policy, "the owner of calendar 619c8492… (Vennio cannot be asked for the name now)", over)
		assert.Contains(t, policy, "Bob")
	}
}
