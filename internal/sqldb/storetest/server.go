package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server for tests, on loopback and without authentication. Stop
// removes its data.
type Server struct {
	bin  string // folder of PostgreSQL's programs
	dir  string // folder of the data
	port int

	options string   // of the command postgres
	as      []string // the command that runs the programs as another user than root
}

// Careless are options with which a server loses data in a power cut, and is several
// times faster.
const Careless = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"

// Start creates and starts a server with options of the command postgres. It needs the
// programs of Debian's package postgresql.
func Start(ctx context.Context, options string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if s.dir, err = os.MkdirTemp("", "vennio-mcp-postgres-*"); err != nil {
		return nil, err
	}
	if err := s.start(ctx, options); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, options string) error {
	if os.Geteuid() == 0 { // initdb and postgres refuse root
		if err := s.ownedBy("postgres"); err != nil {
			return err
		}
	}
	if err := s.run(ctx, "initdb", "-D", s.data(), "-A", "trust", "-U", "vennio", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		return err
	}
	var err error
	for range 3 { // another program may take the port first
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		s.options = fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=500 %s", s.port, options)
		if err = s.Up(ctx); err == nil {
			return nil
		}
	}
	return err
}

// ownedBy makes a user the owner of the folder, and runs the programs as that user.
func (s *Server) ownedBy(name string) error {
	owner, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, _ := strconv.Atoi(owner.Uid) // numbers, on systems that have root
	gid, _ := strconv.Atoi(owner.Gid)
	s.as = []string{"runuser", "-u", name, "--"}
	return os.Chown(s.dir, uid, gid)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run runs one of PostgreSQL's programs and waits until it ends.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	line := append(slices.Clone(s.as), append([]string{filepath.Join(s.bin, program)}, args...)...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // G204: programs of a package, in tests
	cmd.Dir = s.dir
	var said bytes.Buffer
	if program == "initdb" { // pg_ctl's child would hold the pipe open
		cmd.Stdout, cmd.Stderr = &said, &said
	}
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s: %w\n%s%s", program, err, &said, log)
	}
	return nil
}

// Restart stops the server as a power cut does, and starts it again.
func (s *Server) Restart(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-m", "immediate", "-w", "restart")
}

// Down stops the server as a power cut does, until Up.
func (s *Server) Down(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "-D", s.data(), "-m", "immediate", "-w", "stop")
}

// Up starts a stopped server with its first options.
func (s *Server) Up(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-o", s.options, "-w", "start")
}

// Stop stops the server and removes its data.
func (s *Server) Stop() error {
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	return errors.Join(s.run(ctx, "pg_ctl", "-D", s.data(), "-m", "immediate", "-w", "stop"), os.RemoveAll(s.dir))
}

// Log returns what the server has logged.
func (s *Server) Log() (string, error) {
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(log), err
}

// Process returns the process id of the postmaster, the parent of the server's other processes.
func (s *Server) Process() (int, error) {
	file, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(file), "\n")
	return strconv.Atoi(first)
}

// URL is the address of a database.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://vennio@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Create creates an empty database on the server of url and returns its address.
func Create(ctx context.Context, url string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return strings.Replace(url, "/postgres?", "/"+name+"?", 1), nil
}

// programs finds the folder of initdb and pg_ctl: on the PATH, or the newest of Debian's
// packages.
func programs() (string, error) {
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		return "", errors.New("PostgreSQL's server is needed for this test: apt-get install -y --no-install-recommends postgresql, or put initdb and pg_ctl on the PATH")
	}
	return filepath.Dir(slices.Max(found)), nil
}

// freePort returns a port below those that systems choose by themselves and above those of internal/replicas, so that no other
// program takes it while the server does not run.
func freePort(ctx context.Context) (int, error) {
	const most = 100
	var err error
	for range most {
		port := 30_000 + mathrand.IntN(2_700) //nolint:gosec // G404: any port will do
		var ln net.Listener
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, ln.Close()
		}
	}
	return 0, err
}

// Traces returns how many of the files of the server's tables contain a text, after a
// checkpoint. It needs the right to read the folder.
func (s *Server) Traces(ctx context.Context, database, text string) (int, error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, fmt.Errorf("look for traces: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("look for traces: %w", err)
	}
	n := 0
	err = filepath.WalkDir(filepath.Join(s.data(), "base"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)       //nolint:gosec // G304, G122: the test's own server
		if errors.Is(err, fs.ErrNotExist) { // deleted just now
			return nil
		}
		if bytes.Contains(raw, []byte(text)) {
			n++
		}
		return err
	})
	return n, err
}
