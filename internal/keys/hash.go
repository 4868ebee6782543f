package keys

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alexedwards/argon2id"
)

// standard are the parameters of new hashes: those that OWASP recommends first, which
// need the least memory for what they are worth.
var standard = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// What a line of a file may ask for at most, so that none exhausts the machine. Other
// programs make hashes of up to 64 MiB by default.
const (
	maxMemory      = 64 << 10 // KiB
	maxIterations  = 10
	maxParallelism = 8
	maxHash        = 256 // bytes of text
)

// Hash returns the hash of a secret, as a line has it.
func Hash(secret string) (string, error) {
	params := standard
	return argon2id.CreateHash(secret, &params)
}

// CheckHash returns an error if a text is no hash of argon2id, or one that asks for more
// than it may.
func CheckHash(text string) error {
	_, err := paramsOf(text)
	return err
}

// paramsOf returns the parameters of a hash. The library reads numbers and leaves what is
// behind them, and its functions panic for some; so a hash is only valid if it is
// written as the library would write it, and within the bounds.
func paramsOf(text string) (*argon2id.Params, error) {
	if len(text) > maxHash {
		return nil, fmt.Errorf("the hash is %d bytes long, and none has more than %d", len(text), maxHash)
	}
	p, salt, key, err := argon2id.DecodeHash(text)
	switch {
	case errors.Is(err, argon2id.ErrIncompatibleVariant):
		return nil, errors.New("the hash is not one of argon2id; 'sop-chat key hash' makes one")
	case errors.Is(err, argon2id.ErrIncompatibleVersion):
		return nil, errors.New("the hash is of another version of argon2 than v=19; 'sop-chat key hash' makes one")
	case err != nil || !strings.HasPrefix(text, fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", p.Memory, p.Iterations, p.Parallelism)):
		return nil, errors.New("the hash is not complete, or not like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH; 'sop-chat key hash' makes one")
	}
	for _, bound := range []struct {
		what               string
		value, least, most uint32
	}{
		{"memory, m, in KiB", p.Memory, 8 * uint32(p.Parallelism), maxMemory},
		{"number of passes, t,", p.Iterations, 1, maxIterations},
		{"parallelism, p,", uint32(p.Parallelism), 1, maxParallelism},
		{"salt, in bytes,", uint32(len(salt)), 8, 64},
		{"hash, in bytes,", uint32(len(key)), 32, 64}, // so that one that was cut off is none
	} {
		if bound.value < bound.least || bound.value > bound.most {
			return nil, fmt.Errorf("the %s is %d, and has to be from %d to %d", bound.what, bound.value, bound.least, bound.most)
		}
	}
	return p, nil
}

// Advice returns what is questionable about the parameters of a valid hash; "" if nothing
// is.
func Advice(hash string) string {
	p, err := paramsOf(hash)
	if err != nil {
		return ""
	}
	const (
		leastMemory = 7 << 10  // KiB
		leastWork   = 35 << 10 // KiB in all passes: the least that OWASP recommends
		often       = 4        // times the standard
	)
	work, usual := p.Memory*p.Iterations, standard.Memory*standard.Iterations
	switch {
	case p.Memory < leastMemory || work < leastWork:
		return fmt.Sprintf("m=%d,t=%d is weak: a chosen key is soon guessed from a hash that gets out; 'sop-chat key hash' makes a better one", p.Memory, p.Iterations)
	case work > often*usual || p.Memory > often/2*standard.Memory+8<<10:
		return fmt.Sprintf("m=%d,t=%d takes %.1f times as long to check as the hashes of 'sop-chat key hash', and %d MiB of memory",
			p.Memory, p.Iterations, float64(work)/float64(usual), p.Memory>>10)
	case p.Parallelism > 1:
		return fmt.Sprintf("p=%d has each check take %d cores at a time, which the chat needs too", p.Parallelism, p.Parallelism)
	}
	return ""
}

// matches reports whether a secret is that of a hash.
func matches(secret, hash string) bool {
	ok, err := argon2id.ComparePasswordAndHash(secret, hash)
	return ok && err == nil
}

// Match returns the line whose key that is. It takes as long as one check, and is not
// bounded as a Checker's are.
func Match(lines []Line, key string) (Line, bool) {
	label, secret, ok := Split(key)
	for _, line := range lines {
		if ok && line.Label == label {
			return line, matches(secret, line.Hash)
		}
	}
	return Line{}, false
}
