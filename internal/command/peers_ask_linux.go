package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/cluster"
	"sop-chat/internal/english"
)

// What servers of a cluster ask of each other for operators:
//
//	request  {"by":"anna (uid 1000), pid 4711","request":{"target":"eve","reason":"spam"},"match":"name"}
//	answer   {"result":{"clients":[…]}}  or  {"error":"there is no room \"a\""}
//
// The kind of the request is beside it. As at the socket, a request with a field that the
// other server does not know is refused.

const (
	// peerWait is how long other servers may take to answer.
	peerWait = 3 * time.Second
	// mostOfPeer is how many bytes a request or an answer may have: a message of NATS has a
	// MiB, and its headers need some of that.
	mostOfPeer = 1<<20 - 16<<10
	// mostOfActor is how many bytes the name of an operator may have.
	mostOfActor = 256
)

// The kinds of requests.
const (
	kindWho   = "who"
	kindFind  = "find" // which clients a kick would be of
	kindKick  = "kick"
	kindBan   = "ban"
	kindUnban = "unban"
	kindBans  = "bans" // those for wrong keys
)

// A peerRequest is what a server asks of another for an operator.
type peerRequest struct {
	By      string        `json:"by"` // the operator
	Request admin.Request `json:"request"`
	Match   match         `json:"match,omitempty"` // of kick: what of the clients the target is
	Until   *time.Time    `json:"until,omitempty"` // of ban; nil: until it is removed
}

// A peerAnswer is what comes back.
type peerAnswer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// A peerResult is what came of a request at a server.
type peerResult[R any] struct {
	server string
	result R
}

// askPeers asks the other servers for something, or just those in from if there are any. It
// returns what came of it, in the order of the servers' names, and notes on those of which
// nothing is known.
func askPeers[R any](ctx context.Context, p *clusterPeers, kind string, r peerRequest, from ...string) (all []peerResult[R], notes []string) {
	data, err := json.Marshal(r)
	if err == nil && len(data) > mostOfPeer {
		err = errors.New("the request is too long")
	}
	var answers []cluster.Answer
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, peerWait)
		defer cancel()
		answers, err = p.Broadcast(ctx, kind, data, from...)
	}
	for _, a := range answers {
		result, err := decodeAnswer[R](a.Data)
		if err != nil {
			p.logger.Warn("another server of the cluster did not do what an operator asks for", "server", a.Server, "command", kind, "error", err)
			notes = append(notes, fmt.Sprintf("%s: %v", a.Server, err))
			continue
		}
		all = append(all, peerResult[R]{a.Server, result})
	}
	slices.SortFunc(all, func(a, b peerResult[R]) int { return cmp.Compare(a.server, b.server) })
	slices.Sort(notes)
	return all, append(notes, p.unanswered(err)...)
}

// unanswered returns notes on the servers that have not answered.
func (p *clusterPeers) unanswered(err error) (notes []string) {
	missing, is := errors.AsType[*cluster.UnansweredError](err)
	switch {
	case err == nil:
	case errors.Is(err, cluster.ErrAway) && !is:
		notes = append(notes, "NATS can't be reached, so the other servers were not asked")
	case !is:
		notes = append(notes, fmt.Sprintf("the other servers were not asked: %v", err))
	case errors.Is(err, context.DeadlineExceeded):
		for _, server := range missing.Servers {
			notes = append(notes, server+": no answer in time")
		}
	default:
		for _, server := range missing.Servers {
			notes = append(notes, fmt.Sprintf("%s: no answer: %v", server, missing.Err))
		}
	}
	return notes
}

// decodeAnswer returns what another server answered, or its error.
func decodeAnswer[R any](data []byte) (result R, err error) {
	if len(data) > mostOfPeer {
		return result, fmt.Errorf("its answer is too long: %s", english.Count(len(data), "byte"))
	}
	var a peerAnswer
	err = json.Unmarshal(data, &a)
	switch {
	case err == nil && a.Error != "":
		return result, errors.New(a.Error)
	case err == nil && a.Result == nil:
		err = errors.New("there is none")
	case err == nil:
		err = json.Unmarshal(a.Result, &result)
	}
	if err != nil {
		err = fmt.Errorf("its answer can't be understood, perhaps because it is of another version of sop-chat: %w", err)
	}
	return result, err
}

// decodeRequest returns what another server asks for.
func decodeRequest(data []byte) (r peerRequest, err error) {
	if len(data) > mostOfPeer {
		return r, fmt.Errorf("the request is too long: %s", english.Count(len(data), "byte"))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err = d.Decode(&r)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one")
		}
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("the request can't be understood, perhaps because it is of another version of sop-chat: %w", err)
	case len(r.By) > mostOfActor:
		return r, errors.New("the operator's name is too long")
	}
	return r, nil
}

// encodeAnswer returns an answer.
func encodeAnswer(result any, err error) []byte {
	var a peerAnswer
	if err == nil {
		a.Result, err = json.Marshal(bounded(result))
	}
	if err != nil {
		a.Error = err.Error()
	}
	data, err := json.Marshal(a)
	if err != nil { // no result has what can't be encoded
		panic(err)
	}
	return data
}

// bounded returns a result with as many of its clients or bans as fit into an answer, and
// notes on the others.
func bounded(result any) any {
	switch r := result.(type) {
	case *admin.Clients:
		r.Clients, r.Notes = cutTo(r.Clients, r.Notes, "client")
	case *admin.Kicked:
		r.Clients, r.Notes = cutTo(r.Clients, r.Notes, "client")
	case *admin.Banned:
		r.Clients, r.Notes = cutTo(r.Clients, r.Notes, "client")
	case *admin.Bans:
		r.Bans, r.Notes = cutTo(r.Bans, r.Notes, "ban")
	case *admin.Unbanned:
		r.Bans, r.Notes = cutTo(r.Bans, r.Notes, "ban")
	}
	return result
}

// cutTo returns as many of the first as fit into an answer, and a note if those are not all.
func cutTo[T any](all []T, notes []string, what string) ([]T, []string) {
	const reserved = 16 << 10 // for the rest of the answer
	size := reserved
	for i := range all {
		text, err := json.Marshal(all[i])
		if size += len(text) + 1; err != nil || size > mostOfPeer {
			return all[:i], append(notes, fmt.Sprintf("it has %s, of which only the first %d are shown", english.Count(len(all), what), i))
		}
	}
	return all, notes
}

// do does what another server asks for. It implements cluster.PeersConfig.Do.
func (p *clusterPeers) do(c cluster.Command) []byte {
	r, err := decodeRequest(c.Data)
	if err != nil {
		p.logger.Warn("what another server of the cluster asks for is not done", "server", c.From, "command", c.Kind, "error", err)
		return encodeAnswer(nil, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), peerWait)
	defer cancel()
	return encodeAnswer(p.operator.doFor(ctx, c.From, c.Kind, r))
}
