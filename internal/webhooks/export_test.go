package webhooks

// Functions of transactions for tests.
var (
	PruneEvents         = pruneEvents
	HasEvents           = hasEvents
	SetExternalID       = setExternalID
	AddSubscription     = addSubscription
	NewestSubscriptions = newestSubscriptions
	DeleteSubscription  = deleteSubscription
)

// WaitingForMemory returns the number of deliveries that wait for memory for their bodies.
func WaitingForMemory(s *Service) int { return len(s.receiver.bodies.waiting) }

// EventKeys returns the keys of pairs of a tenant and an id.
func EventKeys(pairs ...string) map[eventKey]bool {
	keys := map[eventKey]bool{}
	for i := 0; i < len(pairs); i += 2 {
		keys[eventKey{pairs[i], pairs[i+1]}] = true
	}
	return keys
}
