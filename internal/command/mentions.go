package command

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// A mentionList is the value of --mention: a name and an address in each line. Each use of
// the flag adds to it.
type mentionList []mentionHook

// A mentionHook is an address to which mentions of a name are posted.
type mentionHook struct{ name, url string }

var _ pflag.Value = (*mentionList)(nil)

// String returns what was set, for 'sop-chat config print': nothing else may show it, since
// an address may have a key.
func (l *mentionList) String() string {
	var lines []string
	for _, m := range *l {
		lines = append(lines, m.name+"="+m.url)
	}
	return strings.Join(lines, "\n")
}

func (*mentionList) Type() string { return "NAME=URL" }

func (l *mentionList) Set(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			continue
		}
		name, address, found := strings.Cut(line, "=")
		if !found {
			return errors.New("there is no '='; mentions are posted to NAME=URL")
		}
		if _, err := shownName(name); err != nil {
			return err
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
			return errors.New("what follows the '=' is no address such as https://example.com/hook")
		}
		*l = append(*l, mentionHook{name, address})
	}
	return nil
}

// check reports mentions that have no effect.
func (l mentionList) check(stage int) error {
	if len(l) > 0 && stage <= 2 {
		return usagef("--mention posts messages from stage 3 on, not in stage %d", stage)
	}
	return nil
}
