package command

import "github.com/spf13/cobra"

const configExamples = `  sop-chat --config sop-chat.toml
      runs a server with the settings of a file

  sop-chat config check sop-chat.toml
      says all that is wrong with the file

  sop-chat config print --config sop-chat.toml --max-clients 50
      shows the settings of a server with these flags, with their origins`

const configAbout = `
The file is TOML. Each flag of the server is a setting of the same name, without the
dashes, and so are port and key; numbers, true and false have no quotes, and lists are
["one", "another"]. Below the settings, each room is a table [[room]], as in the file
of --rooms, and each personal key is a table [[key]] with label, room and hash, which
'sop-chat key new' makes. The command line wins over variables, and they win over the
file.

Paths in it are seen from the folder in which the server starts. SIGHUP has rooms and
keys read again; other settings take effect at the next start. A file with an error
changes nothing then.`

// newConfig returns the commands for configuration files.
func newConfig(p Process) *cobra.Command {
	return newGroup(&cobra.Command{
		Use:     "config COMMAND",
		Short:   "Checks a configuration file, and shows what is in force.",
		Long:    configAbout,
		Example: configExamples,
	}, newConfigCheck(p), newConfigPrint(p))
}
