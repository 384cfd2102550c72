package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// stage is where contenders run: built programs, a home of their own, and a
// Vennio for all of them.
type stage struct {
	root             string // of the repository
	home             string
	ours, fast, bare string // vennio-mcp, the same with jsonv2, bare mcp-go
	self             string
	vennio           *child
}

// newStage builds the contenders, or vennio-mcp alone, and starts a Vennio.
func newStage(ctx context.Context, dir string, alone bool) (*stage, error) {
	s := &stage{
		home: filepath.Join(dir, "home"),
		ours: filepath.Join(dir, "plain", "vennio-mcp"), fast: filepath.Join(dir, "jsonv2", "vennio-mcp"),
		bare: filepath.Join(dir, "plain", "bare"),
	}
	var err error
	if s.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if s.root, err = repository(ctx); err != nil {
		return nil, err
	}
	err = errors.Join(os.MkdirAll(s.home, 0o700), s.build(ctx, s.ours, "", ".", "./cmd/vennio-mcp"))
	if !alone {
		err = errors.Join(err, s.build(ctx, s.bare, "", ".ci/programs", "./bench/bare"), s.build(ctx, s.fast, "jsonv2", ".", "./cmd/vennio-mcp"))
	}
	if err != nil {
		return nil, err
	}
	s.vennio, err = s.start(ctx, program{path: s.self}.with("-as", "vennio"))
	return s, err
}

func (s *stage) close() { s.vennio.stop() }

// repository returns the root of the repository, which the go command finds from
// anywhere inside it.
func repository(ctx context.Context) (string, error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/vennio-mcp/vennio-mcp").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return strings.TrimSpace(string(dir)), nil
}

// build builds a package with the flags of a release. Module is the directory of
// its module, below the root of the repository.
func (s *stage) build(ctx context.Context, path, experiment, module, pkg string) error {
	folder := filepath.Dir(path) + string(filepath.Separator)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", folder, pkg) //nolint:gosec // G204: packages of this repository
	cmd.Dir = filepath.Join(s.root, filepath.FromSlash(module))
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOEXPERIMENT="+experiment)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// environment is the machine's, less all settings, with a home of our own.
func (s *stage) environment(settings ...string) []string {
	env := []string{"HOME=" + s.home, "LOCALAPPDATA=" + s.home, "TZ=Europe/London"}
	for _, name := range []string{"PATH", "SYSTEMROOT", "TMPDIR", "TEMP"} {
		if v, set := os.LookupEnv(name); set {
			env = append(env, name+"="+v)
		}
	}
	return append(env, settings...)
}

// withVennio makes vennio-mcp use the stage's Vennio, not one of its own.
func (s *stage) withVennio() []string {
	return []string{
		"VENNIO_API_URL=" + s.vennioURL(), "VENNIO_API_KEY=" + sandbox.DefaultKey(),
		"VENNIO_BUSINESS_ID=" + sandbox.Hosts()[0].ID,
	}
}

func (s *stage) vennioURL() string { return strings.TrimSuffix(s.vennio.url, "/mcp") }

// availability is the call that find_slots makes.
func (s *stage) availability() string {
	now := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	return fmt.Sprintf("%s/v1/availability/slots?business_id=%s&duration_minutes=30&from=%s&to=%s&timezone=Europe/London",
		s.vennioURL(), sandbox.Hosts()[0].ID, now.Format(time.RFC3339), now.AddDate(0, 0, 7).Format(time.RFC3339))
}

// size is the length of a built program in bytes.
func size(path string) float64 {
	found, _ := filepath.Glob(path + "*") // .exe where there is one
	for _, file := range found {
		if info, err := os.Stat(file); err == nil {
			return float64(info.Size())
		}
	}
	return 0
}
