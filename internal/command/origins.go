package command

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sop-chat/internal/origin"
	"sop-chat/internal/readfile"
)

// originOptions say from where clients may come, and how often.
type originOptions struct {
	failures    int
	ban         time.Duration
	connectRate int
	allow, deny addressList
}

// An addressList is the value of --allow and --deny. The text is kept, because its files
// are read again.
type addressList struct {
	text string
	list *origin.List
}

func (o *originOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.failures, "auth-failures", "N", "100", wholeNumber(0, 1_000_000),
		`How many different wrong keys may come from one address (for IPv6, one network of 64 bits) before it `+
			`is banned. From the 60th on, its keys have to wait: 250ms, and later 2s. A right key has the `+
			`wrong ones forgotten. With 0, no address is banned.`)
	define(flags, &o.ban, "ban", "D", "15m", duration,
		`For how long an address is banned: its connections are closed at once. Its clients in the room stay.`)
	define(flags, &o.connectRate, "connect-rate", "N", "0", wholeNumber(0, 1_000_000),
		`How many connections one address may open in a minute, or all at once after a quiet minute; more are `+
			`closed. What the page loads does not count, its WebSockets do. 0 is no limit.`)
	define(flags, &o.allow, "allow", "LIST", "", readAddresses,
		`Lets in these addresses and networks alone, separated by commas: 192.0.2.7,2001:db8::/32. @FILE stands `+
			`for those in a file, one in each line, with comments behind '#'. SIGHUP has files read again.`)
	define(flags, &o.deny, "deny", "LIST", "", readAddresses,
		`Does not let in these, also if --allow has them. Clients that are denied after SIGHUP are disconnected.`)
}

// readAddresses reads a list of addresses, with its files.
func readAddresses(text string) (addressList, error) {
	const mostOfFile = 64 << 20 // some million lines
	list, err := origin.ParseList(text, func(path string) ([]byte, error) {
		content, _, err := readfile.Read(path, mostOfFile)
		return content, err
	})
	return addressList{text, list}, err
}

// hasFiles reports whether the list has any.
func (l *addressList) hasFiles() bool {
	for item := range strings.SplitSeq(l.text, ",") {
		if strings.HasPrefix(strings.TrimSpace(item), "@") {
			return true
		}
	}
	return false
}

func (o *originOptions) haveFiles() bool { return o.allow.hasFiles() || o.deny.hasFiles() }

// table returns what decides on addresses. Those of trusted proxies are nobody's.
func (o *originOptions) table(trusted []netip.Prefix) *origin.Table {
	t := origin.NewTable(origin.Config{Failures: o.failures, Ban: o.ban, ConnectRate: o.connectRate, Trusted: trusted})
	t.SetLists(origin.Lists{Allow: o.allow.list, Deny: o.deny.list})
	return t
}

// reload reads the files of the lists again, if there are any, and calls then when the
// lists are in force. If there is an error, both stay as they are.
func (o *originOptions) reload(t *origin.Table, then func(), logger *slog.Logger) []*reloadError {
	if !o.haveFiles() {
		return nil
	}
	allow, err := readAddresses(o.allow.text)
	deny, denyErr := readAddresses(o.deny.text)
	if err = errors.Join(err, denyErr); err != nil {
		return []*reloadError{{what: "the lists of addresses stay as they are", err: err}}
	}
	t.SetLists(origin.Lists{Allow: allow.list, Deny: deny.list})
	logger.Info("the lists of addresses have been read again", "allowed", allow.list.Len(), "denied", deny.list.Len())
	then()
	return nil
}
