package command

import (
	"net/netip"
	"strconv"
	"strings"

	"sop-chat/internal/admin"
	"sop-chat/internal/console"
	"sop-chat/internal/server"
)

// A match says what of a client a target is.
type match string

// The matches.
const (
	byID       match = "id"
	byEndpoint match = "endpoint" // address and port
	byAddress  match = "address"
	byName     match = "name"
	// byNumber is that of a client at another server than the operator's which has the ID.
	byNumber match = "number"
)

// matches are those by which clients are chosen. The first counts that there are clients of.
var matches = []match{byID, byEndpoint, byAddress, byName}

// A target is what an operator calls clients, as a server understands it.
type target struct {
	text     string
	server   string // the name of the server in its cluster; "" if there is none
	isRemote bool   // the operator is at another server
}

// has reports whether a member is meant, by a match.
func (t *target) has(m *server.Member, by match) bool {
	switch by {
	case byID:
		digits, isOurs := t.text, !t.isRemote
		if t.server != "" {
			for _, name := range []string{t.server, string(console.Escape(nil, []byte(t.server)))} {
				if rest, has := strings.CutPrefix(t.text, name+"/"); has {
					digits, isOurs = rest, true
				}
			}
		}
		return isOurs && isID(digits, m)
	case byNumber:
		return t.isRemote && isID(t.text, m)
	case byEndpoint:
		at, err := netip.ParseAddrPort(t.text)
		return err == nil && m.Addr == at
	case byAddress:
		addr, err := netip.ParseAddr(t.text)
		return err == nil && m.Addr.Addr().Unmap() == addr.Unmap()
	case byName:
		return m.Name == t.text || string(console.EscapeName(nil, []byte(m.Name))) == t.text
	}
	return false
}

// isID reports whether digits are a member's ID.
func isID(digits string, m *server.Member) bool {
	id, err := strconv.ParseUint(digits, 10, 64)
	return err == nil && m.ID == id
}

// A foundClients is which clients of a server a target is, by each match.
type foundClients struct {
	Found []foundBy `json:"found"`
}

// A foundBy is which clients of a server a target is by one match.
type foundBy struct {
	Match   match          `json:"match"`
	Count   int            `json:"count"`
	Clients []admin.Client `json:"clients"` // the first of them
}

// fewFound is how many clients are shown of those that are found.
const fewFound = 5

// find returns which members are meant.
func (t *target) find(members []server.Member) *foundClients {
	found := new(foundClients)
	for _, by := range append(matches[:len(matches):len(matches)], byNumber) {
		var some []server.Member
		for i := range members {
			if t.has(&members[i], by) {
				some = append(some, members[i])
			}
		}
		if len(some) > 0 {
			clients := clientsOf(some)
			found.Found = append(found.Found, foundBy{by, len(some), clients[:min(len(clients), fewFound+1)]})
		}
	}
	return found
}

// by returns what was found by a match.
func (f *foundClients) by(m match) foundBy {
	for _, found := range f.Found {
		if found.Match == m && found.Count > 0 && len(found.Clients) > 0 {
			return found
		}
	}
	return foundBy{}
}
