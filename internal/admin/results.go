package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sop-chat/internal/console"
	"sop-chat/internal/english"
)

// The results of the commands. Their JSON is documented in docs/admin.md, and stays
// compatible: fields may be added.

// A Ban is a ban that is in force.
type Ban struct {
	Network string     `json:"network"`
	Until   *time.Time `json:"until"` // null: until it is removed
	Keys    int        `json:"wrong_keys,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	By      string     `json:"by,omitempty"`
	Server  string     `json:"server,omitempty"` // of a cluster, if it is banned for wrong keys there
}

// Bans is the result of bans.
type Bans struct {
	Bans  []Ban    `json:"bans"`
	Notes []string `json:"notes,omitempty"`
}

// Unbanned is the result of unban: the bans that were removed.
type Unbanned Bans

// Banned is the result of ban.
type Banned struct {
	Ban     Ban      `json:"ban"`
	Clients []Client `json:"clients"`           // that were disconnected
	Cluster bool     `json:"cluster,omitempty"` // it is one of all servers of a cluster
	Notes   []string `json:"notes,omitempty"`
}

// Said is the result of say.
type Said struct {
	Rooms    []string `json:"rooms"`
	Messages int      `json:"messages"` // in each of them
}

// A Room is a room of the server.
type Room struct {
	Name       string `json:"name"`
	Clients    int64  `json:"clients"`
	MaxClients int64  `json:"max_clients"` // 0: no limit
	Messages   uint64 `json:"messages"`    // the number of the last
	State      string `json:"state"`       // open, pressed or held
	// ClusterClients is how many clients there are at all servers of a cluster; nil if there
	// is none.
	ClusterClients *int64 `json:"cluster_clients,omitempty"`
}

// Rooms is the result of rooms.
type Rooms struct {
	Rooms []Room `json:"rooms"`
}

// Rekeyed is the result of rekey.
type Rekeyed struct {
	Room         string   `json:"room"`
	Disconnected bool     `json:"disconnected"`
	Notes        []string `json:"notes"`
}

// Reloaded is the result of reload.
type Reloaded struct {
	Reloaded bool `json:"reloaded"`
}

// Draining is the result of drain.
type Draining struct {
	Draining bool  `json:"draining"`
	Clients  int64 `json:"clients"` // that are in
}

// Stats is the result of stats: counters by name, or groups of them.
type Stats struct {
	Stats json.RawMessage `json:"stats"`
}

// Level is the result of loglevel.
type Level struct {
	Level  string `json:"level"`
	Former string `json:"former,omitempty"` // if it was changed
}

// Upgraded is the result of upgrade.
type Upgraded struct {
	Upgraded bool `json:"upgraded"`
}

// NewResult returns an empty result of a command, or nil if there is no such command.
func NewResult(command string) Result {
	switch command {
	case "who":
		return new(Clients)
	case "kick":
		return new(Kicked)
	case "ban":
		return new(Banned)
	case "unban":
		return new(Unbanned)
	case "bans":
		return new(Bans)
	case "say":
		return new(Said)
	case "rooms":
		return new(Rooms)
	case "rekey":
		return new(Rekeyed)
	case "reload":
		return new(Reloaded)
	case "drain":
		return new(Draining)
	case "stats":
		return new(Stats)
	case "loglevel":
		return new(Level)
	case "upgrade":
		return new(Upgraded)
	}
	return nil
}

// AppendText appends what was banned.
func (b *Banned) AppendText(dst []byte) []byte {
	until, where := "until it is removed by unban, or the server ends; --deny is for good", ""
	if b.Cluster {
		until, where = "until it is removed by unban", " at all servers"
	}
	if b.Ban.Until != nil {
		until = "until " + shownTime(*b.Ban.Until)
	}
	dst = fmt.Appendf(dst, "banned %s%s %s\n", safe(b.Ban.Network), where, until)
	return appendNotes(appendDisconnected(dst, b.Clients), b.Notes)
}

// AppendText appends who is not banned any more.
func (b *Unbanned) AppendText(dst []byte) []byte {
	for _, ban := range b.Bans {
		dst = fmt.Appendf(dst, "%s is not banned any more", safe(ban.Network))
		if ban.Server != "" {
			dst = append(append(dst, " at "...), safe(ban.Server)...)
		}
		dst = append(dst, '\n')
	}
	return appendNotes(dst, b.Notes)
}

// AppendText appends a table of the bans.
func (b *Bans) AppendText(dst []byte) []byte {
	if len(b.Bans) == 0 {
		return appendNotes(append(dst, "nobody is banned\n"...), b.Notes)
	}
	t := newTable("NETWORK", "UNTIL", "BY", "REASON")
	for _, ban := range b.Bans {
		until, by, reason := "unban", ban.By, ban.Reason
		if ban.Until != nil {
			until = shownTime(*ban.Until)
		}
		if ban.Keys > 0 {
			by, reason = strings.TrimSpace("the server "+ban.Server), english.Count(ban.Keys, "wrong key")
		}
		t.add(safe(ban.Network), until, safe(by), safe(reason))
	}
	return appendNotes(t.append(dst), b.Notes)
}

// AppendText appends where something was said.
func (s *Said) AppendText(dst []byte) []byte {
	what := ""
	if s.Messages > 1 {
		what = ", as " + english.Count(s.Messages, "message")
	}
	if len(s.Rooms) > 3 {
		return fmt.Appendf(dst, "said in %s%s\n", english.Count(len(s.Rooms), "room"), what)
	}
	var names []string
	for _, room := range s.Rooms {
		names = append(names, shownName(room))
	}
	return fmt.Appendf(dst, "said in %s%s\n", strings.Join(names, ", "), what)
}

// AppendText appends a table of the rooms.
func (r *Rooms) AppendText(dst []byte) []byte {
	headings := []string{"ROOM", ">CLIENTS", ">LIMIT", ">MESSAGES", "STATE"}
	isCluster := slices.ContainsFunc(r.Rooms, func(r Room) bool { return r.ClusterClients != nil })
	if isCluster {
		headings = slices.Insert(headings, 2, ">AT ALL SERVERS")
	}
	t := newTable(headings...)
	for _, room := range r.Rooms {
		limit := "none"
		if room.MaxClients > 0 {
			limit = fmt.Sprint(room.MaxClients)
		}
		row := []string{shownName(room.Name), fmt.Sprint(room.Clients), limit, fmt.Sprint(room.Messages), safe(room.State)}
		if isCluster {
			everywhere := ""
			if room.ClusterClients != nil {
				everywhere = fmt.Sprint(*room.ClusterClients)
			}
			row = slices.Insert(row, 2, everywhere)
		}
		t.add(row...)
	}
	return t.append(dst)
}

// AppendText appends which room has another key.
func (r *Rekeyed) AppendText(dst []byte) []byte {
	what := "its clients stay"
	if r.Disconnected {
		what = "its clients were disconnected"
	}
	dst = fmt.Appendf(dst, "%s has the new key; %s\n", shownName(r.Room), what)
	return appendNotes(dst, r.Notes)
}

// AppendText appends that all was read again.
func (*Reloaded) AppendText(dst []byte) []byte {
	return append(dst, "the files have been read again\n"...)
}

// AppendText appends whether somebody is let in.
func (d *Draining) AppendText(dst []byte) []byte {
	if !d.Draining {
		return append(dst, "clients are let in again\n"...)
	}
	return fmt.Appendf(dst, "nobody is let in any more; %s still here; 'drain --off' ends that\n", stillHere(d.Clients))
}

func stillHere(n int64) string {
	return english.Count(n, "client") + " " + english.Are(n)
}

// AppendText appends the counters by their names, in order.
func (s *Stats) AppendText(dst []byte) []byte {
	var top map[string]any
	if json.Unmarshal(s.Stats, &top) != nil {
		return append(append(dst, toASCII(s.Stats)...), '\n')
	}
	t := newTable("COUNTER", ">VALUE")
	var rows [][2]string
	flatten(&rows, "", top)
	slices.SortFunc(rows, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	for _, row := range rows {
		t.add(safe(row[0]), safe(row[1]))
	}
	return t.append(dst)
}

// flatten adds the values of an object, those of objects in it by both names.
func flatten(rows *[][2]string, before string, object map[string]any) {
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any:
			flatten(rows, before+name+".", value)
		case float64:
			*rows = append(*rows, [2]string{before + name, strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", value), "0"), ".")})
		default:
			*rows = append(*rows, [2]string{before + name, fmt.Sprint(value)})
		}
	}
}

// AppendText appends the level.
func (l *Level) AppendText(dst []byte) []byte {
	if l.Former == "" {
		return fmt.Appendf(dst, "the level of the log is %s\n", safe(l.Level))
	}
	return fmt.Appendf(dst, "the level of the log is %s now; it was %s\n", safe(l.Level), safe(l.Former))
}

// AppendText appends that the server goes on as another program.
func (*Upgraded) AppendText(dst []byte) []byte {
	return append(dst, "the server has been upgraded\n"...)
}

// appendNotes appends notes, in a line each.
func appendNotes(dst []byte, notes []string) []byte {
	for _, note := range notes {
		dst = append(append(dst, safe(note)...), '\n')
	}
	return dst
}

// shownName returns the name of a client or a room as the console shows it.
func shownName(name string) string { return string(console.EscapeName(nil, []byte(name))) }

// safe returns a text in which nothing acts on a terminal.
func safe(text string) string { return string(console.Escape(nil, []byte(text))) }

// shownTime returns a time in local words.
func shownTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
