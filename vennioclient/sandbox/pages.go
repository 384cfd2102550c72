package sandbox

import (
	"encoding/base64"
	"slices"
)

// Page sizes of lists, documented for consents.
const (
	defaultPage = 50
	maxPage     = 100
)

// pagination closes a list. NextCursor is null on the last page.
type pagination struct {
	NextCursor *string `json:"next_cursor"`
}

// pageAsked is how much of a list is wanted, and after which item.
type pageAsked struct {
	limit  int
	cursor string
}

func (f *form) page() pageAsked {
	return pageAsked{f.number(defaultPage, 1, maxPage, "limit"), f.values.Get("cursor")}
}

// paginate picks the wanted items after the cursor. A cursor is the id of the
// last item seen, so a list that grows meanwhile repeats and misses nothing.
func paginate[T any](all []T, page pageAsked, id func(T) string, wanted func(T) bool) ([]T, pagination, error) {
	first := 0
	if page.cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(page.cursor)
		seen := slices.IndexFunc(all, func(item T) bool { return id(item) == string(last) })
		if err != nil || seen < 0 {
			return nil, pagination{}, invalid(map[string]string{"cursor": "is not one that a list gave"})
		}
		first = seen + 1
	}
	var out []T
	for _, item := range all[first:] {
		if !wanted(item) {
			continue
		}
		if len(out) == page.limit {
			next := base64.RawURLEncoding.EncodeToString([]byte(id(out[len(out)-1])))
			return out, pagination{&next}, nil
		}
		out = append(out, item)
	}
	return out, pagination{}, nil
}
