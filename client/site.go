package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A site is where the page of a server answers requests about the room that a key
// opens.
type site struct {
	page, key string
	client    *http.Client
}

func newSite(page, key string, o options) *site {
	return &site{page, key, &http.Client{Transport: &http.Transport{TLSClientConfig: o.tls.Clone()}, CheckRedirect: noRedirect}}
}

// get asks for what is at a path.
func (s *site) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, below(s.page, path), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+base64.StdEncoding.EncodeToString([]byte(s.key)))
	return s.client.Do(request)
}

func (s *site) close() { s.client.CloseIdleConnections() }

const (
	// pageTimeout is how long an answer may take, which waits for others'.
	pageTimeout = 15 * time.Second
	// maxAbout is more bytes than what a room offers has in JSON.
	maxAbout = 64 << 10
)

// RoomName returns the name of the room, as the server's operator wrote it, or "" if it
// has none. It asks the server's page over another connection, within a quarter of a
// minute. Over plain TCP and with WithConn the name can't be known, and it returns "".
func (c *Client) RoomName(ctx context.Context) (string, error) {
	return c.about.roomName(ctx)
}

// RoomName returns the name of the room, see Client.RoomName.
func (s *Session) RoomName(ctx context.Context) (string, error) { return s.about.roomName(ctx) }

// roomName returns the name of the room, or "" if there is no site.
func (s *site) roomName(ctx context.Context) (string, error) {
	if s == nil {
		return "", nil
	}
	asking, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	defer s.close()
	name, err := s.askName(asking)
	switch {
	case err == nil:
		return name, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	return "", fmt.Errorf("the name of the room can't be learned: %s", words(plainError(err)))
}

func (s *site) askName(ctx context.Context) (string, error) {
	response, err := s.get(ctx, "api/room")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the page answers %q", response.Status)
	}
	var answer struct{ Name string }
	err = json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxAbout)).Decode(&answer)
	return answer.Name, err
}
