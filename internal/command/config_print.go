package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/config"
	"sop-chat/internal/tomlfile"
)

const configPrintExamples = `  sop-chat config print
      shows all settings with their defaults, or what the environment sets

  sop-chat config print --config sop-chat.toml 9000
      shows those of a server with these flags and arguments

  sop-chat config print --show-secrets 9000 key > sop-chat.toml
      makes a configuration file of a command line`

const configPrintAbout = `
It takes the flags and arguments of the server, and shows what would be in force as a
configuration file, in which each line says where it comes from. Keys, hashes of personal
keys, and the addresses of --mention, which may have keys, are left out.`

// configPrintOptions are the options of the command that shows a server's settings.
type configPrintOptions struct {
	serveOptions
	secrets  bool
	layout   config.Layout
	flags    *pflag.FlagSet
	settings map[string]config.Value
}

func (o *configPrintOptions) defineFlags(flags *pflag.FlagSet) {
	o.serveOptions.defineFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) { f.Hidden = f.Name != "config" })
	define(flags, &o.secrets, "show-secrets", "", "false", truth, `Shows keys, hashes and addresses of --mention, too. The output can then be used as a configuration file.`)
	flags.SetAnnotation("show-secrets", withoutVariable, nil)
	o.layout, o.flags = layoutOf(flags), flags
}

// readArguments reads PORT and KEY, and checks nothing else: what does not fit together is
// shown, too.
func (o *configPrintOptions) readArguments(_ *cobra.Command, args []string, p Process) (err error) {
	names := []string{portName, keyName}
	if o.tls.noPlain {
		names = names[1:]
	}
	if len(args) > len(names) {
		return usagef("there are %d arguments, not PORT and KEY", len(args))
	}
	arguments := make(map[string]string)
	for i, text := range args {
		if err := optionNamed(o.layout, names[i]).Check(text); err != nil {
			return usagef("%s: %v", strings.ToUpper(names[i]), err)
		}
		arguments[names[i]] = text
	}
	o.settings, err = mergeSettings(o.flags, p, o.config, arguments)
	return err
}

func newConfigPrint(p Process) *cobra.Command {
	var o configPrintOptions
	return newCommand(p, &cobra.Command{
		Use:     "print [flags] [PORT [KEY]]",
		Short:   "Shows what is in force, and where it comes from.",
		Long:    configPrintAbout,
		Example: configPrintExamples,
	}, &o, func(context.Context) error { return o.write(&checkedOutput{w: p.Stdout}) })
}

// write writes all settings.
func (o *configPrintOptions) write(out io.Writer) error {
	var b strings.Builder
	if !o.secrets {
		b.WriteString("# Keys, hashes and addresses of --mention are left out; --show-secrets shows them.\n")
	}
	for _, option := range o.layout.Options {
		v, set := o.settings[option.Name]
		switch winner := o.winner(option.Name); {
		case !set:
			fmt.Fprintf(&b, "# %s is not set\n", option.Name)
		case option.Secret && !o.secrets && v.Text != "":
			fmt.Fprintf(&b, "#%s  # %s\n", option.Masked(v.Text), v.Origin)
		case option.Name == keyName && winner == "" && o.isMainTable():
			// below
		case winner != "":
			fmt.Fprintf(&b, "#%s  # %s; not in force, because of %s\n", option.Line(v.Text), v.Origin, winner)
		default:
			fmt.Fprintf(&b, "%s  # %s\n", option.Line(v.Text), v.Origin)
		}
	}
	if v := o.settings[keyName]; o.isMainTable() && o.winner(keyName) == "" {
		fmt.Fprintf(&b, "\n[[%s]]  # %s\n", roomTable, v.Origin)
		o.writeLine(&b, "name", tomlfile.Value{Kind: tomlfile.Text, Text: roomName}, false)
		o.writeLine(&b, "key", tomlfile.Value{Kind: tomlfile.Text, Text: v.Text}, true)
	}
	for _, room := range o.fixedRooms {
		fmt.Fprintf(&b, "\n[[%s]]  # %s\n", roomTable, o.settings["room"].Origin)
		o.writeLine(&b, "name", tomlfile.Value{Kind: tomlfile.Text, Text: room.Name}, false)
		o.writeLine(&b, "key", tomlfile.Value{Kind: tomlfile.Text, Text: room.Key}, true)
	}
	for _, table := range o.layout.Tables {
		for _, t := range o.config.tables(table.Name) {
			fmt.Fprintf(&b, "\n[[%s]]  # %s\n", t.Name, t.At)
			for _, s := range t.Settings {
				o.writeLine(&b, s.Name, s.Value, s.Name == table.Secret)
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// isMainTable reports whether the setting key is shown as a table of the main room, because
// a file with tables of personal keys can't have it otherwise.
func (o *configPrintOptions) isMainTable() bool {
	_, set := o.settings[keyName]
	return o.secrets && set && len(o.config.tables(keyTable)) > 0
}

// winner returns what has the effect that a setting does not have: of key and key-file,
// the one of the higher layer counts.
func (o *configPrintOptions) winner(name string) string {
	others := map[string]string{keyName: "key-file", "key-file": keyName}
	other := o.settings[others[name]]
	if v := o.settings[name]; others[name] != "" && v.Layer > config.Default && other.Layer > v.Layer {
		return other.Origin
	}
	return ""
}

// writeLine writes a line of a table. That of a secret is a comment: a file with another
// key in its place could be used by mistake.
func (o *configPrintOptions) writeLine(b *strings.Builder, name string, v tomlfile.Value, secret bool) {
	if secret && !o.secrets {
		fmt.Fprintf(b, "#%s = \"…\"\n", name)
		return
	}
	b.WriteString(config.Line(name, v) + "\n")
}
