package command

import (
	"bytes"
	"flag"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "renew the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process returns a Process with some arguments, in an environment of "NAME=value"
// lines.
func process(args []string, environment ...string) Process {
	return Process{
		Args: args,
		LookupEnv: func(name string) (string, bool) {
			for _, line := range environment {
				if value, ok := strings.CutPrefix(line, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
		Stdin:  strings.NewReader(""),
		Stdout: new(bytes.Buffer),
		Stderr: new(bytes.Buffer),
	}
}

// result runs a command until it ends by itself.
func result(t testing.TB, p Process) (status int, stdout, stderr string) {
	t.Helper()
	status = Run(t.Context(), p)
	return status, p.Stdout.(*bytes.Buffer).String(), p.Stderr.(*bytes.Buffer).String()
}

// Wrong usage ends with status 2 and two lines: what is wrong, with the value,
// and where to read more.
func TestWrongUsage(t *testing.T) {
	most := strings.ReplaceAll(humanize.IBytes(maxBacklog), " ", "") // less on 32 bit
	long := strings.Repeat("k", 449)
	tests := []struct {
		args        []string
		environment []string
		want        string
	}{
		{args: nil, want: "PORT and KEY are missing: give them as arguments, or in SOP_CHAT_PORT and SOP_CHAT_KEY"},
		{
			args: []string{"9000"},
			want: "KEY is missing: give it after PORT, in a file with --key-file, or in SOP_CHAT_KEY",
		},
		{args: []string{"0", "key"}, want: `port "0" is not a number from 1 to 65535`},
		{args: []string{"65536", "key"}, want: `port "65536" is not a number from 1 to 65535`},
		{args: []string{"99999999999999999999", "key"}, want: `port "99999999999999999999" is not a number from 1 to 65535`},
		{args: []string{"", "secret"}, want: `port "" is not a number from 1 to 65535`},
		{args: []string{"+9000", "key"}, want: `port "+9000" is not a number from 1 to 65535`},
		{args: []string{"http", "key"}, want: `port "http" is not a number from 1 to 65535`},
		{args: []string{"9\x1b[2J\n", "key"}, want: `port "9\x1b[2J\n" is not a number from 1 to 65535`},
		{args: []string{"--", "-1", "key"}, want: `port "-1" is not a number from 1 to 65535`},
		{
			args: []string{"9000", "my", "key"},
			want: `there are 3 arguments, not PORT and KEY; a KEY with blanks needs quotes around it`,
		},

		{args: []string{"9000", long}, want: "the key is 449 bytes long; at most 448 fit"},
		{args: []string{"9000", ""}, want: `the key is empty (""), so everyone could join; --allow-empty-key permits that`},
		{
			args: []string{"9000", "a\x00b"},
			want: "the key has a zero byte at position 1, which would end it there",
		},
		{
			args: []string{"9000", "key", "--key-file", "file"},
			want: "both KEY and --key-file are given; leave one of them out",
		},
		{
			args:        []string{"9000"},
			environment: []string{"SOP_CHAT_KEY=key", "SOP_CHAT_KEY_FILE=file"},
			want:        "both SOP_CHAT_KEY and SOP_CHAT_KEY_FILE are set; unset one of them",
		},
		{args: []string{"9000"}, environment: []string{"SOP_CHAT_KEY=" + long}, want: "the key is 449 bytes long; at most 448 fit"},

		{
			args:        []string{"secret"},
			environment: []string{"SOP_CHAT_PORT=9000"},
			want: "the first argument is PORT even if SOP_CHAT_PORT is set, and it is not a number from 1 to 65535; " +
				"KEY goes after PORT, into a file (--key-file) or into SOP_CHAT_KEY",
		},
		{
			args:        []string{"secret", "9000"},
			environment: []string{"SOP_CHAT_PORT=9000"},
			want:        "PORT comes before KEY, and the first argument is not a number from 1 to 65535",
		},
		{
			environment: []string{"SOP_CHAT_PORT=http", "SOP_CHAT_KEY=key"},
			want:        `SOP_CHAT_PORT: "http" is not a number from 1 to 65535`,
		},

		{args: []string{"9000", "key", "--bogus"}, want: "there is no flag --bogus"},
		{args: []string{"--bogus=1", "9000", "key"}, want: "there is no flag --bogus"},
		{args: []string{"9000", "-secret"}, want: "there is no flag -s; a KEY that begins with '-' goes after '--'"},
		{args: []string{"9000", "key", "--bind"}, want: "--bind needs a value"},
		{args: []string{"9000", "key", "---"}, want: "bad flag syntax: ---"},

		{args: with("--tls=:9443"), want: "--tls needs a certificate: --tls-cert FILE --tls-key FILE, or --acme DOMAIN"},
		{args: with("--tls=9443"), want: `--tls: "9443" is not an address with a port, such as :8080 or 127.0.0.1:8080`},
		{args: with("--tls=:9443", "--tls-cert=c.pem"), want: "--tls-cert needs the private key, too: --tls-key FILE"},
		{args: with("--tls-cert=c.pem", "--tls-key=k.pem"), want: "a certificate is for --tls or --web, and neither is given"},
		{args: with("--web=:8080", "--tls-client-ca=ca.pem"), want: "--tls-client-ca is about TLS, and there is none without a certificate: --tls-cert FILE --tls-key FILE"},
		{args: with("--stage=2", "--tls=:9443", "--tls-cert=c.pem", "--tls-key=k.pem"), want: "--tls and --no-plain work from stage 3 on, not in stage 2"},
		{args: []string{"--no-plain", "secret"}, want: "--no-plain leaves no way to join without --tls or --web"},
		{args: []string{"--no-plain", "9000", "key"}, want: "with --no-plain there is no PORT, and KEY is the only argument; there are 2"},
		{args: []string{"--no-plain"}, want: "KEY is missing: give it as the argument, in a file with --key-file, or in SOP_CHAT_KEY"},

		{args: with("--max-clients=-1"), want: `--max-clients: "-1" is not a whole number from 0 to 1000000`},
		{args: with("--max-clients=four"), want: `--max-clients: "four" is not a whole number from 0 to 1000000`},
		{args: with("--max-clients="), want: `--max-clients: "" is not a whole number from 0 to 1000000`},
		{args: with("--max-clients=9223372036854775808"), want: `--max-clients: "9223372036854775808" is not a whole number from 0 to 1000000`},
		{args: with("--max-pending=-1"), want: `--max-pending: "-1" is not a whole number from 0 to 1000000, or auto`},
		{args: with("--stage=0"), want: `--stage: "0" is not a whole number from 1 to 4`},
		{args: with("--stage=5"), want: `--stage: "5" is not a whole number from 1 to 4`},
		{args: with("--auth-timeout=0"), want: `--auth-timeout: "0" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{args: with("--auth-timeout=10"), want: `--auth-timeout: "10" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{args: with("--stall-timeout=-1s"), want: `--stall-timeout: "-1s" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{args: with("--stall-timeout=25h"), want: `--stall-timeout: "25h" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{args: with("--backlog=63KiB"), want: `--backlog: "63KiB" is not a size from 64KiB to ` + most + `, such as 32MiB, or auto`},
		{args: with("--backlog=65GiB"), want: `--backlog: "65GiB" is not a size from 64KiB to ` + most + `, such as 32MiB, or auto`},
		{args: with("--backlog=16EiB"), want: `--backlog: "16EiB" is not a size from 64KiB to ` + most + `, such as 32MiB, or auto`},
		{args: with("--backlog=-1MiB"), want: `--backlog: "-1MiB" is not a size from 64KiB to ` + most + `, such as 32MiB, or auto`},
		{args: with("--backlog=much"), want: `--backlog: "much" is not a size from 64KiB to ` + most + `, such as 32MiB, or auto`},
		{args: with("--replay=-1"), want: `--replay: "-1" is not a whole number from 0 to 1000000`},
		{
			args: with("--replay=33", "--backlog=64KiB"),
			want: "--replay 33 is too much for a --backlog of 64 KiB, of which a quarter can be replayed: 32 messages",
		},
		{args: with("--history-sync=-1s", "--history=x"), want: `--history-sync: "-1s" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{args: with("--retain=90", "--history=x"), want: `--retain: "90" is neither an age, such as 90d, nor a size from 1MB on, such as 10GB, nor both, such as 90d,10GB`},
		{args: with("--retain=90d"), want: "--retain removes messages from a history, so it needs --history"},
		{args: with("--history-sync=1s"), want: "--history-sync is about a history, so it needs --history"},
		{args: with("--history=x", "--stage=2"), want: "--history keeps messages from stage 3 on, not in stage 2"},
		{args: []string{"--room=a=b"}, want: "PORT is missing: give it as the argument, or in SOP_CHAT_PORT"},
		{args: with("--room=secret"), want: "--room: there is no '='; a room is NAME=KEY"},
		{args: with("--room==secret"), want: "--room: the name of the room is empty"},
		{args: with("--room=a="), want: `--room: room "a": the key is empty, so everyone could join; --allow-empty-key permits that`},
		{args: with("--room=a=" + long), want: `--room: room "a": the key is 449 bytes long; at most 448 fit`},
		{
			args: with("--room=a=secret", "--room=a=other"),
			want: `--room: there is another room "a", at --room; each needs a name of its own`,
		},
		{
			args: with("--room=a=secret", "--room=b=secret"),
			want: `--room: room "b" has the same key as room "a", at --room; the key decides the room, so each needs its own`,
		},
		{
			args: with("--room=a=key"),
			want: `--room: room "a" has the same key as room "main", at KEY; the key decides the room, so each needs its own`,
		},
		{args: with("--room=main=other"), want: `--room: there is another room "main", at KEY; each needs a name of its own`},
		{args: with("--trusted-proxy=::1", "--stage=2"), want: "--trusted-proxy takes effect from stage 3 on, not in stage 2"},
		{args: with("--room=a=b", "--stage=2"), want: "--room and --rooms open rooms from stage 3 on, not in stage 2"},
		{
			args: with("--room=a=b", "--replay=33", "--backlog=64KiB"),
			want: "--replay 33 is too much for a --backlog of 64 KiB, of which a quarter can be replayed: 32 messages",
		},
		{
			args:        []string{"9000"},
			environment: []string{"SOP_CHAT_ROOM=a=secret\nb"},
			want:        "SOP_CHAT_ROOM: there is no '='; a room is NAME=KEY",
		},
		{
			args:        []string{"9000"},
			environment: []string{"SOP_CHAT_ROOM=a=secret\nb=secret"},
			want: `SOP_CHAT_ROOM: room "b" has the same key as room "a", at SOP_CHAT_ROOM; the key decides the room, ` +
				`so each needs its own`,
		},

		{args: with("--send=pigeon"), want: `--send: "pigeon" is not auto, copy or reference`},
		{args: with("--console=xml"), want: `--console: "xml" is not text, json or off`},
		{args: with("--log-level=loud"), want: `--log-level: "loud" is not debug, info, warn or error`},
		{args: with("--allow-empty-key=maybe"), want: `--allow-empty-key: "maybe" is not true or false`},

		{
			args:        with(),
			environment: []string{"SOP_CHAT_MAX_CLIENTS=many"},
			want:        `SOP_CHAT_MAX_CLIENTS: "many" is not a whole number from 0 to 1000000`,
		},
		{
			args:        with(),
			environment: []string{"SOP_CHAT_AUTH_TIMEOUT=-3s"},
			want:        `SOP_CHAT_AUTH_TIMEOUT: "-3s" is not a duration from 1ms to 24h, such as 10s or 2m30s`,
		},
		{
			args:        with(),
			environment: []string{"SOP_CHAT_ALLOW_EMPTY_KEY=maybe"},
			want:        `SOP_CHAT_ALLOW_EMPTY_KEY: "maybe" is not true or false`,
		},
	}
	for _, test := range tests {
		status, stdout, stderr := result(t, process(test.args, test.environment...))
		if status != 2 || stdout != "" {
			t.Errorf("%q %q: status %d, standard output %q", test.args, test.environment, status, stdout)
		}
		if want := "sop-chat: " + test.want + "\nTry 'sop-chat --help'.\n"; stderr != want {
			t.Errorf("%q %q:\n%swant:\n%s", test.args, test.environment, stderr, want)
		}
	}
}

// with returns valid arguments with some flags.
func with(flags ...string) []string { return append(flags, "9000", "key") }

// A word in place of the port may be a mistyped command.
func TestMistypedCommand(t *testing.T) {
	p := process([]string{"joni", "localhost"})
	root := newRoot(p)
	err := root.Execute()
	if want := `"joni" is neither a port nor a command; is "join" meant?`; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}
