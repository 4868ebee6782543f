package command

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// webOptions say how people join from a browser.
type webOptions struct {
	at   webAddress
	urls []string // where the page is found from outside, without a slash at the end
}

// A webAddress is where the page is served; without a port it is not.
type webAddress struct {
	host string
	port uint16
}

func (w *webOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &w.at, "web", "ADDRESS", "", webListen,
		`Serves a page on which people join from a browser, on a port (:8080) of all addresses, or of `+
			`one (127.0.0.1:8080). The first lines say the link that invites them.`)
	define(flags, &w.urls, "web-origin", "URLS", "", webURLs,
		`Where the page is found from outside, if a proxy stands before --web, such as `+
			`https://chat.example.com or https://example.com/chat; several are separated by commas. The page `+
			`is served for these hosts alone; without, for addresses, localhost and this machine's name.`)
}

// check reports options that have no effect.
func (w *webOptions) check(stage int) error {
	switch {
	case w.at.port != 0 && stage <= 2:
		return usagef("--web lets people join from stage 3 on, not in stage %d", stage)
	case w.at.port == 0 && len(w.urls) > 0:
		return usagef("--web-origin is about a page, and there is none without --web")
	}
	return nil
}

// webListen reads where to listen.
func webListen(text string) (webAddress, error) {
	if text == "" {
		return webAddress{}, nil
	}
	host, port, err := net.SplitHostPort(text)
	number, ok := parsePort(port)
	if err != nil || !ok {
		return webAddress{}, fmt.Errorf("%q is not an address with a port, such as :8080 or 127.0.0.1:8080", text)
	}
	if host == "" {
		host = "::"
	}
	return webAddress{host, number}, nil
}

// webURLs reads where the page is found from outside: a scheme and a host, and a
// path if a proxy serves other things on that host.
func webURLs(text string) ([]string, error) {
	var urls []string
	for _, word := range separated(text) {
		if strings.Contains(word, "*") {
			return nil, fmt.Errorf("%q has a wildcard; name each host, separated by commas, such as "+
				"https://chat.example.com,https://chat.example.org", word)
		}
		if link, _, found := strings.Cut(word, "#"); found { // what follows may be the key
			return nil, fmt.Errorf("%q is followed by a '#'; leave that out, and what comes after it", link)
		}
		u, err := url.Parse(word)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return nil, fmt.Errorf("%q is not the beginning of a link, such as https://chat.example.com "+
				"or https://example.com/chat", word)
		}
		urls = append(urls, u.Scheme+"://"+strings.ToLower(u.Host)+strings.TrimRight(u.EscapedPath(), "/"))
	}
	return urls, nil
}

// origins returns the URLs without their paths, as browsers send them.
func (w *webOptions) origins() []string {
	origins := make([]string, len(w.urls))
	for i, text := range w.urls {
		scheme, rest, _ := strings.Cut(text, "://")
		host, _, _ := strings.Cut(rest, "/")
		origins[i] = scheme + "://" + host
	}
	return origins
}

// prefixes reads networks and single addresses.
func prefixes(text string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for _, word := range separated(text) {
		if addr, err := netip.ParseAddr(word); err == nil {
			addr = addr.Unmap().WithZone("")
			found = append(found, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an IP address nor a network, such as 127.0.0.1 or 10.0.0.0/8", word)
		}
		found = append(found, prefix)
	}
	return found, nil
}

// names returns the names that the operator has given the machine or this
// server, by which the page may be asked for.
func (w *webOptions) names(bind string) []string {
	names := []string{w.at.host, bind}
	if own, err := os.Hostname(); err == nil && own != "" {
		first, _, _ := strings.Cut(own, ".")
		names = append(names, own, first, first+".local")
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// separated returns what stands between commas.
func separated(text string) []string {
	words := strings.Split(text, ",")
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
	}
	return slices.DeleteFunc(words, func(word string) bool { return word == "" })
}
