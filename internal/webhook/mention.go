package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Mention is a message that mentions a name, as a program is told of it.
type Mention struct {
	Room   string    `json:"room"`
	Name   string    `json:"name"` // its sender joined with
	Text   string    `json:"text"`
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
}

const (
	// mostMentions is how many mentions may wait to be posted.
	mostMentions = 64
	// postTimeout is how long a program may take to answer.
	postTimeout = 10 * time.Second
	// reportInterval is how often it is logged at most that mentions were not posted.
	reportInterval = 10 * time.Second
)

// A Poster posts mentions of a name to an address, one after the other. Post never waits:
// what there is no space for is left out, and counted. Any goroutine may call its methods.
type Poster struct {
	name, to string
	client   http.Client
	logger   *slog.Logger
	leftOut  atomic.Int64
	stop     context.CancelFunc
	working  sync.WaitGroup
	changed  chan struct{} // has space for one; after the fields below have changed

	mu    sync.Mutex
	queue []Mention     // guarded by mu; the first one may be under way
	idle  chan struct{} // guarded by mu; closed when the first one has been posted; nil: it is not under way
	held  bool          // guarded by mu; nothing more is posted
}

// NewPoster returns a poster that is to be closed.
func NewPoster(name, to string, logger *slog.Logger) *Poster {
	p := &Poster{name: name, to: to, logger: logger, changed: make(chan struct{}, 1)}
	p.client = http.Client{
		Timeout:   postTimeout,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: postTimeout},
		// What is said in a room is for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.working.Go(func() { p.work(ctx) })
	return p
}

// Close returns when nothing is being posted any more. What waits is left out.
func (p *Poster) Close() {
	p.stop()
	p.working.Wait()
	p.client.CloseIdleConnections()
}

// Mentions reports whether a message with a sender and a text is to be posted: another has
// written the name as a word of its own, in whatever case.
func (p *Poster) Mentions(from, text string) bool {
	return !strings.EqualFold(from, p.name) && mentions(text, p.name)
}

// Name and Address return of what mentions are posted, and where.
func (p *Poster) Name() string    { return p.name }
func (p *Poster) Address() string { return p.to }

// Post has a mention posted.
func (p *Poster) Post(m Mention) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > mostMentions {
		p.Miss(1)
		return
	}
	p.queue = append(p.queue, m)
	p.notify()
}

// Hold has nothing more be posted until Release is called. It returns when nothing is under
// way, or when ctx is done.
func (p *Poster) Hold(ctx context.Context) {
	p.mu.Lock()
	p.held = true
	idle := p.idle
	p.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
		}
	}
}

// Release ends a hold.
func (p *Poster) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	p.notify()
}

// Waiting returns what is to be posted. If something is under way, that is the first.
func (p *Poster) Waiting() []Mention {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.queue)
}

// notify has work look at the queue again. The caller holds the lock.
func (p *Poster) notify() {
	select {
	case p.changed <- struct{}{}:
	default: // it will
	}
}

// begin returns the first mention if it is to be posted now. Then end has to be called.
func (p *Poster) begin() (m Mention, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held || len(p.queue) == 0 {
		return m, false
	}
	p.idle = make(chan struct{})
	return p.queue[0], true
}

func (p *Poster) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = slices.Delete(p.queue, 0, 1)
	close(p.idle)
	p.idle = nil
}

// Miss counts messages that were not looked at.
func (p *Poster) Miss(messages int64) { p.leftOut.Add(messages) }

// work posts what is in the queue until ctx is done.
func (p *Poster) work(ctx context.Context) {
	var reported time.Time
	var failed int64
	var why error
	for ctx.Err() == nil {
		m, is := p.begin()
		if !is {
			select {
			case <-p.changed:
			case <-ctx.Done():
			}
			continue
		}
		if err := p.post(ctx, m); err != nil && ctx.Err() == nil {
			failed, why = failed+1, err
		}
		p.end()
		if leftOut := p.leftOut.Load(); failed+leftOut > 0 && time.Since(reported) >= reportInterval {
			p.leftOut.Add(-leftOut)
			attrs := []any{"name", p.name, "host", host(p.to), "failed", failed, "left out", leftOut}
			if why != nil {
				attrs = append(attrs, "reason", why)
			}
			p.logger.Warn("mentions could not be posted", attrs...)
			reported, failed, why = time.Now(), 0, nil
		}
	}
}

// post posts a mention. The error has no address, which may have a secret.
func (p *Poster) post(ctx context.Context, m Mention) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is wrong")
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(r)
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		return wrong.Err
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, MaxBody)) // so that the connection can be used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %q", response.Status)
	}
	return nil
}

// host returns the host of an address.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// mentions reports whether a text has a name in it as a word of its own.
func mentions(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	for at := 0; name != ""; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			break
		}
		begin, end := at+i, at+i+len(name)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !isOfWord(before) && !isOfWord(after) {
			return true
		}
		at = end
	}
	return false
}

func isOfWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.N))
}
