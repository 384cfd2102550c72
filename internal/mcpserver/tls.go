package mcpserver

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// TLS returns a configuration that serves the certificate in two PEM files with TLS
// 1.2 and later. The files are read again when they change. Where the new ones are
// invalid, that is logged and the previous certificate stays in use.
func TLS(certFile, keyFile string, log zerolog.Logger) (*tls.Config, error) {
	c := &certificate{files: [2]string{certFile, keyFile}, log: log}
	if err := c.load(c.stamp()); err != nil {
		return nil, fmt.Errorf("the TLS certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

// certificate is the one in use and the state of its files when it was read.
type certificate struct {
	files [2]string
	log   zerolog.Logger

	mu    sync.Mutex
	inUse *tls.Certificate
	seen  [2]fileStamp
}

type fileStamp struct {
	changed time.Time
	size    int64
}

func (c *certificate) stamp() (now [2]fileStamp) {
	for i, name := range c.files {
		if info, err := os.Stat(name); err == nil {
			now[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return now
}

func (c *certificate) load(now [2]fileStamp) error {
	c.seen = now
	chain, err := files.Read(c.files[0])
	if err != nil {
		return err
	}
	key, err := files.ReadPrivate(c.files[1])
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err == nil {
		c.inUse = &pair
	}
	return err
}

func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.stamp(); now != c.seen {
		if err := c.load(now); err != nil {
			c.log.Error().Err(err).Msg("the changed TLS certificate is invalid; the previous one stays in use")
		}
	}
	return c.inUse
}
