package client

import (
	"fmt"
	"net/url"
	"strings"
)

// ParseLink splits the link that invites to a room, such as
// http://localhost:8080/#key=secret, into the address of its page and the key, which
// is empty if the link has none. Any other address that Dial takes is returned as it
// is. The errors don't repeat the key.
func ParseLink(link string) (addr, key string, err error) {
	addr, fragment, _ := strings.Cut(link, "#")
	if !isURL(addr) {
		return link, "", nil
	}
	if u, err := url.Parse(addr); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", "", fmt.Errorf("%q is not the address of a page, such as http://localhost:8080", addr)
	}
	for field := range strings.SplitSeq(fragment, "&") {
		escaped, ok := strings.CutPrefix(field, "key=")
		if !ok {
			continue
		}
		// In a fragment a plus is a plus, unlike in a query.
		if key, err = url.PathUnescape(escaped); err != nil {
			return "", "", fmt.Errorf("the key in the link to %s is damaged: a %% is not followed by two hexadecimal digits", addr)
		}
		break
	}
	return addr, key, nil
}

func isURL(addr string) bool {
	return hasScheme(addr, "http") || hasScheme(addr, "https")
}

func hasScheme(addr, scheme string) bool {
	begin, _, found := strings.Cut(addr, "://")
	return found && strings.EqualFold(begin, scheme)
}

// below returns the address of something that is relative to the page.
func below(page, path string) string { return strings.TrimRight(page, "/") + "/" + path }
