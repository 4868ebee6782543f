package config

import (
	"fmt"
	"strconv"
	"strings"

	"sop-chat/internal/tomlfile"
)

// Line returns a line that sets an option to what a text says.
func (o *Option) Line(text string) string {
	v := tomlfile.Value{Kind: o.Kind, Text: text}
	switch o.Kind {
	case tomlfile.Number:
		if _, err := strconv.Atoi(text); err != nil {
			v.Kind = tomlfile.Text
		}
	case tomlfile.Truth:
		if is, err := strconv.ParseBool(text); err == nil {
			v.Text = strconv.FormatBool(is)
		}
	case tomlfile.List:
		for item := range strings.SplitSeq(text, o.Separator) {
			if item = strings.TrimSpace(item); item != "" {
				v.Items = append(v.Items, tomlfile.Value{Kind: tomlfile.Text, Text: item})
			}
		}
	}
	return Line(o.Name, v)
}

// Masked returns a line as Line does, without what nobody is shown.
func (o *Option) Masked(text string) string {
	if o.Kind != tomlfile.List {
		return o.Name + ` = "…"`
	}
	items := strings.Split(text, o.Separator)
	for i, item := range items {
		if name, _, found := strings.Cut(item, "="); found {
			items[i] = name + "=…"
		}
	}
	return o.Line(strings.Join(items, o.Separator))
}

// Line returns a line that sets something to a value.
func Line(name string, v tomlfile.Value) string { return name + " = " + valueText(v) }

func valueText(v tomlfile.Value) string {
	switch v.Kind {
	case tomlfile.Text:
		return quote(v.Text)
	case tomlfile.List:
		var items []string
		for _, item := range v.Items {
			items = append(items, valueText(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return v.Text
}

// quote returns a text between quotes, as TOML has them: strconv.Quote escapes some
// characters in a way that TOML does not know.
func quote(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case !strconv.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		case !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}
