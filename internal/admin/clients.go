package admin

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// A Client is a client in a room.
type Client struct {
	Server     string `json:"server,omitempty"` // of a cluster; "" if there is none
	ID         uint64 `json:"id"`               // at its server
	Name       string `json:"name"`
	NameBytes  []byte `json:"name_base64,omitempty"` // if the name is not UTF-8
	Room       string `json:"room"`
	Address    string `json:"address"`
	Connection string `json:"connection"` // tcp or websocket
	Label      string `json:"label,omitempty"`
	Unsent     int    `json:"unsent"`
}

// SetName sets the name, which may be any bytes.
func (c *Client) SetName(name string) {
	if c.Name = name; !utf8.ValidString(name) {
		c.NameBytes = []byte(name)
	}
}

// ExactName returns the name that was set.
func (c *Client) ExactName() string {
	if c.NameBytes != nil {
		return string(c.NameBytes)
	}
	return c.Name
}

// Clients is the result of who.
type Clients struct {
	Clients []Client `json:"clients"`
	Notes   []string `json:"notes,omitempty"` // such as which servers of a cluster have not answered
}

// Kicked is the result of kick: those that were disconnected.
type Kicked Clients

// AppendText appends a table of the clients.
func (c *Clients) AppendText(dst []byte) []byte {
	if len(c.Clients) == 0 {
		return appendNotes(append(dst, "nobody is here\n"...), c.Notes)
	}
	hasLabels := slices.ContainsFunc(c.Clients, func(c Client) bool { return c.Label != "" })
	hasServers := slices.ContainsFunc(c.Clients, func(c Client) bool { return c.Server != "" })
	columns := func(server, id, name, room, address, connection, unsent, label string) (all []string) {
		if hasServers {
			all = append(all, server)
		}
		all = append(all, id, name, room, address, connection, unsent)
		if hasLabels {
			all = append(all, label)
		}
		return all
	}
	t := newTable(columns("SERVER", ">ID", "NAME", "ROOM", "ADDRESS", "CONNECTION", ">UNSENT", "LABEL")...)
	for i := range c.Clients {
		c := &c.Clients[i]
		t.add(columns(safe(c.Server), fmt.Sprint(c.ID), shownName(c.ExactName()), shownName(c.Room), safe(c.Address), safe(c.Connection), fmt.Sprint(c.Unsent), safe(c.Label))...)
	}
	return appendNotes(t.append(dst), c.Notes)
}

// AppendText appends who was disconnected.
func (k *Kicked) AppendText(dst []byte) []byte {
	return appendNotes(appendDisconnected(dst, k.Clients), k.Notes)
}

// appendDisconnected says who was disconnected.
func appendDisconnected(dst []byte, clients []Client) []byte {
	for i := range clients {
		c := &clients[i]
		dst = fmt.Appendf(dst, "disconnected %d, %s, from %s in %s", c.ID, shownName(c.ExactName()), safe(c.Address), shownName(c.Room))
		if c.Server != "" {
			dst = append(append(dst, " at "...), safe(c.Server)...)
		}
		dst = append(dst, '\n')
	}
	return dst
}
