package mcpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errLineTooLong = errors.New("line too long")

// lineReader cuts a stream into lines of at most max bytes. Of a longer line it
// never holds more than that.
type lineReader struct {
	r     *bufio.Reader
	max   int
	begun bool // something was read
}

// byteOrderMark may begin a text in UTF-8. A program may ignore it before JSON
// (RFC 8259, 8.1), and some clients on Windows write one.
var byteOrderMark = []byte("\ufeff")

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: limit}
}

// next returns a line of its own memory, without its end. With errLineTooLong
// come the line's first bytes; the rest has been read away. What follows the
// last line end counts as a line.
func (l *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if !l.begun {
			l.begun, part = true, bytes.TrimPrefix(part, byteOrderMark)
		}
		if len(line)+len(bytes.TrimSuffix(part, []byte("\n"))) > l.max {
			return append(line, part[:l.max-len(line)]...), l.skip(err)
		}
		line = append(line, part...)
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return bytes.TrimSpace(line), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// skip reads up to the end of a line whose last read ended with err.
func (l *lineReader) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = l.r.ReadSlice('\n')
	}
	return errLineTooLong // an error other than the line's end comes again
}
