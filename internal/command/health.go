package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const healthExamples = `  sop-chat health localhost:9000
      succeeds if a server answers on port 9000

  sop-chat health http://localhost:8080
      succeeds if its page is there`

const healthAbout = `
For containers and scripts: the status is 0 if the server answers within --timeout,
and 1 if not; standard error says why. Nobody joins a room, and nothing is shown on
the server's console.

ADDRESS is HOST:PORT or tls://HOST:PORT of a port for clients, where a connection
that says nothing is accepted and ended in order; or the URL of something that is
served over HTTP, such as the page, and whose answer has to be a success. Nothing
is told to the server, so its certificate is not checked.

Without ADDRESS, it is where a server on this machine is with the same variables:
SOP_CHAT_METRICS (/healthz), or else SOP_CHAT_PORT, SOP_CHAT_TLS or SOP_CHAT_WEB.`

// healthOptions are the options of the command that checks a server.
type healthOptions struct {
	target  *url.URL // its scheme is tcp, tls, http or https
	timeout time.Duration
}

// newHealth returns the command that checks whether a server answers.
func newHealth(p Process) *cobra.Command {
	var o healthOptions
	return newCommand(p, &cobra.Command{
		Use:     "health [flags] [ADDRESS]",
		Short:   "Checks whether a server answers.",
		Long:    healthAbout,
		Example: healthExamples,
	}, &o, func(ctx context.Context) error { return o.check(ctx) })
}

func (o *healthOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.timeout, "timeout", "D", "5s", duration, `How long the server may take to answer.`)
}

func (o *healthOptions) readArguments(_ *cobra.Command, args []string, p Process) error {
	if len(args) > 1 {
		return usagef("there are %d arguments; health takes one ADDRESS", len(args))
	}
	text := ownAddress(p)
	if len(args) > 0 {
		text = args[0]
	} else if text == "" {
		return usagef("ADDRESS is missing, and none of SOP_CHAT_METRICS, SOP_CHAT_PORT, SOP_CHAT_TLS and SOP_CHAT_WEB is set")
	}
	var err error
	o.target, err = healthTarget(text)
	return err
}

// healthTarget reads what is to be checked.
func healthTarget(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, badHealthTarget(text)
	}
	switch u.Scheme {
	case "http", "https":
		return u, nil
	case "tcp", "tls":
		if _, ok := parsePort(u.Port()); ok && u.Hostname() != "" && u.Path+u.RawQuery+u.Fragment == "" {
			return u, nil
		}
	}
	return nil, badHealthTarget(text)
}

func badHealthTarget(text string) error {
	return usagef("%q is not HOST:PORT, tls://HOST:PORT or a URL such as http://localhost:8080/", strings.TrimPrefix(text, "tcp://"))
}

// ownAddress returns where a server on this machine answers that has the same variables; ""
// if they don't say that.
func ownAddress(p Process) string {
	variable := func(flag string) string {
		value, _ := p.LookupEnv(variable(flag))
		return value
	}
	at := func(flag string) string {
		listen := webListen
		if flag == "metrics" {
			listen = metricsListen
		}
		address, _ := listen(variable(flag))
		return localAddress(address.host, fmt.Sprint(address.port))
	}
	noPlain, _ := truth(variable("no-plain"))
	switch {
	case variable("metrics") != "":
		return "http://" + at("metrics") + "/healthz"
	case variable("port") != "" && !noPlain:
		return localAddress(variable("bind"), variable("port"))
	case variable("tls") != "":
		return "tls://" + at("tls")
	case variable("web") != "" && variable("tls-cert")+variable("acme") != "":
		return "https://" + at("web") + "/"
	case variable("web") != "":
		return "http://" + at("web") + "/"
	}
	return ""
}

// localAddress returns how a server on this machine is reached that listens on a host, or on
// all addresses. A container may have nothing that looks up localhost.
func localAddress(host, port string) string {
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// check returns an error if the server does not answer.
func (o *healthOptions) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err := o.ask(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer within %v", o.target.Host, o.timeout)
	case isRefusal(err):
		return fmt.Errorf("nobody listens at %s", o.target.Host)
	}
	return fmt.Errorf("%s: %w", o.target.Host, err)
}

func (o *healthOptions) ask(ctx context.Context) error {
	switch o.target.Scheme {
	case "tcp":
		return askPlain(ctx, o.target.Host)
	case "tls":
		dialer := tls.Dialer{Config: unchecked()}
		conn, err := dialer.DialContext(ctx, "tcp", o.target.Host)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return askHTTP(ctx, o.target.String())
}

// unchecked takes any certificate: nothing is told to the server, and its name may not be
// that by which a machine reaches itself.
func unchecked() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// askPlain connects, and ends the connection without a word: a server whose loops run ends
// it as well. The kernel alone would only accept it.
func askPlain(ctx context.Context, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, conn)
	switch {
	case n > 0:
		return errors.New("it speaks first, so it is another program")
	case errors.Is(err, syscall.ECONNRESET):
		return errors.New("it resets the connection; does --allow or --deny of the server keep this machine out?")
	}
	return err
}

// askHTTP gets a resource.
func askHTTP(ctx context.Context, from string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	client := http.Client{
		Transport:     &http.Transport{TLSClientConfig: unchecked(), DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL
		}
		return err
	}
	defer answer.Body.Close()
	const most = 200
	why, _ := io.ReadAll(io.LimitReader(answer.Body, most))
	if answer.StatusCode/100 != 2 {
		line, _, _ := strings.Cut(strings.TrimSpace(string(why)), "\n")
		return fmt.Errorf("the answer is %s: %q", answer.Status, line)
	}
	return nil
}
