package command

import (
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"sop-chat/internal/history"
)

// roomOfFile annotates flags whose value is a room of the file that is the first
// argument.
const roomOfFile = "room of the file"

// completeRoom completes the name of a room, if the file comes before it. Names with
// control characters are left out, because shells show them as they are.
func completeRoom(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return nil, directive
	}
	r, err := history.OpenForeign(cmd.Context(), args[0])
	if err != nil {
		return nil, directive
	}
	defer r.Close()
	names, _ := r.Rooms(cmd.Context())
	return slices.DeleteFunc(names, func(name string) bool { return strings.ContainsFunc(name, unicode.IsControl) }), directive
}
