package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALoadEndsWithItsCalls(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	c := contender{"counts", func(context.Context, int) error { calls.Add(1); return nil }}
	_, err := load(t.Context(), c, 4, options{calls: 100, span: time.Hour})
	require.NoError(t, err)
	assert.EqualValues(t, 100, calls.Load())
}

func TestALoadEndsWithItsTime(t *testing.T) {
	t.Parallel()
	c := contender{"fast", func(context.Context, int) error { return nil }}
	_, err := load(t.Context(), c, 2, options{calls: 1 << 62, span: time.Millisecond})
	assert.NoError(t, err)
}

func TestALoadEndsWithAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	calls := 0
	c := contender{"broken", func(context.Context, int) error {
		if calls++; calls == 3 {
			return broken
		}
		return nil
	}}
	_, err := load(t.Context(), c, 1, options{calls: 1000, span: time.Hour})
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 3, calls)
}

func TestEachRoundMeasuresEveryMatchAndBeginsWithAnother(t *testing.T) {
	t.Parallel()
	var order []string
	enter := func(name string) *match {
		return &match{callers: 1, contender: contender{name, func(context.Context, int) error {
			order = append(order, name)
			return nil
		}}}
	}
	all := []*match{enter("a"), enter("b"), enter("c")}
	require.NoError(t, play(t.Context(), all, options{rounds: 2, calls: 1, span: time.Hour}))
	assert.Equal(t, []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}, order)
	for _, m := range all {
		assert.Len(t, m.rate, 2, "the first round only warms up")
	}
}
