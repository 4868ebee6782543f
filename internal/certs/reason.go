package certs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// reason returns why no certificate was issued: in the CA's own words if it said so.
func reason(err error) string {
	if problem, ok := errors.AsType[acme.Problem](err); ok {
		text := problem.Detail
		for _, part := range problem.Subproblems {
			text += "; " + part.Detail
		}
		if text == "" {
			text = problem.Title
		}
		return fmt.Sprintf("%s (%s)", strings.TrimSpace(text), kind(problem))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Sprintf("the CA can't be reached: %v", failed.Err)
	}
	return err.Error()
}

// kind returns the short name of a problem's type.
func kind(p acme.Problem) string { return strings.TrimPrefix(p.Type, acme.ProblemTypeNamespace) }

// advice returns what has to be there before a CA issues a certificate for a name, if
// that is what it complains about.
func (s *ACMESource) advice(name string, err error) string {
	problem, ok := errors.AsType[acme.Problem](err)
	if !ok {
		return ""
	}
	switch problem.Type {
	case acme.ProblemTypeDNS:
		return fmt.Sprintf("%s needs a DNS record with the address of this server", name)
	case acme.ProblemTypeConnection, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized, acme.ProblemTypeIncorrectResponse:
		return fmt.Sprintf("%s of %s must reach this server from the internet", s.ports(), name)
	case acme.ProblemTypeRateLimited:
		return "the CA limits how often it is asked; it is asked again, ever more rarely"
	}
	return ""
}

// ports returns to which ports the CA connects.
func (s *ACMESource) ports() string {
	switch {
	case s.http == nil:
		return "port 443"
	case !s.tls:
		return "port 80"
	}
	return "port 443 or port 80"
}
