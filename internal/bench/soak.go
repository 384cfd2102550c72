package main
import ("context";"io";"time")
func soak(ctx context.Context, out io.Writer, dir string, span time.Duration) error { return nil }
