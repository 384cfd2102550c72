package tools

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Price is an amount of money.
type Price struct {
	Cents    int64  // hundredths of the currency's unit
	Currency string // ISO 4217, in capitals
}

var pricePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:([A-Z]{3}) ?)?(\d{1,9})(?:[.,](\d{1,2}))?(?: ?([A-Z]{3}))?$`)
})

// ParsePrice reads "100 EUR", "EUR 99.50" or "99,5 EUR".
func ParsePrice(s string) (Price, error) {
	found := pricePattern().FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if found == nil || (found[1] == "") == (found[4] == "") {
		return Price{}, fmt.Errorf("%q: want an amount and a currency, such as 100 EUR", s)
	}
	whole, _ := strconv.ParseInt(found[2], 10, 64)             // at most nine digits
	part, _ := strconv.ParseInt((found[3] + "00")[:2], 10, 64) // two digits
	return Price{whole*100 + part, found[1] + found[4]}, nil
}

// String is "100.00 EUR".
func (p Price) String() string {
	return fmt.Sprintf("%d.%02d %s", p.Cents/100, p.Cents%100, p.Currency)
}

// price says why a booking is too dear; "" where it is not, or where the
// operator has set no price. A price that cannot be read is refused: whoever set
// a limit wants it kept.
func (l Limits) price(costs []string) string {
	if l.MaxPrice == nil {
		return ""
	}
	var sum int64
	for _, cost := range costs {
		p, err := ParsePrice(cost)
		if err != nil || p.Currency != l.MaxPrice.Currency {
			return fmt.Sprintf("its price (%s) cannot be held against the most that a booking may cost here, %s.", sanitize.Line(cost, 40), l.MaxPrice)
		}
		sum += p.Cents
	}
	if sum > l.MaxPrice.Cents {
		return fmt.Sprintf("it costs %s, and a booking may cost at most %s here.", Price{sum, l.MaxPrice.Currency}, l.MaxPrice)
	}
	return ""
}
