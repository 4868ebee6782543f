package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"sop-chat/client"
)

// explain returns an error of the network with what people need: which server, what
// happened, and what to do. Others are returned as they are.
func (o *joinOptions) explain(err error) error {
	if kicked, ok := errors.AsType[*client.KickedError](err); ok {
		return &explainedError{fmt.Sprintf("%s: %v", o.place(), kicked), err}
	}
	if _, ok := errors.AsType[*client.ClosedError](err); ok {
		return fmt.Errorf("%s: %w; join again, or use --stay, which does so by itself", o.place(), err)
	}
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Reason == client.NameTaken {
		return fmt.Errorf("%w; --name gives you another", err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%q can't be looked up: %s", o.host, lookupFailure(dns))
	}
	if isRefusal(err) {
		return fmt.Errorf("nobody listens at %s; is the server running, and the port right?", o.place())
	}
	switch words := o.explainTLS(err); {
	case words != "":
		return &explainedError{words, err}
	case isPlain(err) && o.page != "":
		return &explainedError{fmt.Sprintf("%s does not use TLS; write http://", o.place()), err}
	case isPlain(err):
		return &explainedError{fmt.Sprintf("%s does not use TLS; leave out %s", o.place(), o.flagsOfTLS()), err}
	case o.tls && errors.Is(err, io.EOF):
		return &explainedError{fmt.Sprintf("%s ends the connection instead of answering in TLS; if it does not use that, leave out %s", o.place(), o.flagsOfTLS()), err}
	}
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case !ok:
		return err
	case op.Op == "dial":
		return &explainedError{fmt.Sprintf("%s can't be reached: %s; is the address right, and the network up?", o.place(), innermost(op)), err}
	}
	return &explainedError{fmt.Sprintf("%s broke off the connection while joining: %s; try again", o.place(), innermost(op)), err}
}

// isPlain reports whether what answers does not speak TLS.
func isPlain(err error) bool {
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	return isPlain || errors.Is(err, http.ErrSchemeMismatch)
}

// An explainedError is an error in other words.
type explainedError struct {
	words string
	err   error
}

func (e *explainedError) Error() string { return e.words }
func (e *explainedError) Unwrap() error { return e.err }

// innermost returns what happened in an operation, without its addresses.
func innermost(op *net.OpError) error {
	if e, ok := errors.AsType[*os.SyscallError](op.Err); ok {
		return e.Err
	}
	return op.Err
}

// lookupFailure returns why a host name could not be looked up. Package net has the
// addresses of the name server in some texts.
func lookupFailure(dns *net.DNSError) string {
	switch {
	case dns.IsNotFound:
		return dns.Err
	case dns.IsTimeout:
		return "the name server does not answer; is the network up?"
	}
	return "asking the name server fails; is the network up?"
}
