package store

import "context"

// Raw runs any statement, as someone with another program would.
func (db *DB) Raw(ctx context.Context, statement string, args ...any) error {
	pool, err := db.ready(ctx)
	if err != nil {
		return err
	}
	statement, args = db.kind.adapt(statement, args)
	_, err = pool.ExecContext(ctx, statement, args...)
	return err
}

// Texts returns the single column of texts that query finds.
func (db *DB) Texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var found []string
	err := db.Read(ctx, func(tx *Tx) error {
		texts, err := all[text](tx, query, args...)
		for _, t := range texts {
			found = append(found, string(t))
		}
		return err
	})
	return found, err
}

type text string

func (t *text) columns() []any { return []any{(*string)(t)} }
