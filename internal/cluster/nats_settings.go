package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Settings are what an operator wants of the stream.
type Settings struct {
	Name     string        // of the cluster, of its stream, and before all its subjects
	Replicas int           // 1, 3 or 5
	Keep     time.Duration // how long messages are kept, from MinKeep; 0 for ever
	MaxBytes int64         // how much of the disk a replica may take; 0 without a limit
}

// MinKeep is how long a stream has to keep messages at least: as long as a server may be away and go
// on without closing its clients.
const MinKeep = 10 * time.Minute

// Check returns what is wrong with the settings themselves.
func (s Settings) Check() error {
	switch {
	case !isSimple(s.Name):
		return fmt.Errorf("%q can't be the name of a cluster; it has letters, digits, - and _ only", s.Name)
	case s.Replicas != 1 && s.Replicas != 3 && s.Replicas != 5:
		return fmt.Errorf("%d replicas can't be; 1, 3 and 5 can, of which less than half may be away", s.Replicas)
	case s.Keep != 0 && s.Keep < MinKeep:
		return fmt.Errorf("a stream can't keep messages for %v only; at least %v", s.Keep, MinKeep)
	case s.MaxBytes < 0:
		return errors.New("a stream can't have less than no bytes")
	}
	return nil
}

// config returns the settings as NATS wants them. What the stream is full of is refused and not
// dropped at the other end, and nothing can be deleted: then its sequences have no gaps.
func (s Settings) config() jetstream.StreamConfig {
	maxBytes := s.MaxBytes
	if maxBytes == 0 {
		maxBytes = -1
	}
	return jetstream.StreamConfig{
		Name:        s.Name,
		Description: "The messages of sop-chat's cluster " + s.Name,
		Subjects:    []string{Subjects(s.Name)},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		MaxAge:      s.Keep,
		MaxBytes:    maxBytes,
		Replicas:    s.Replicas,
		DenyDelete:  true,
		DenyPurge:   true,
		Duplicates:  time.Second, // no message has an id
	}
}

// A Difference is a setting of the stream that is not what was wished for.
type Difference struct {
	Setting       string // as NATS calls it
	Found, Wished string
	Advice        string // what to do
	Fatal         bool   // a cluster on this stream would lose messages or have no order
}

func (d Difference) String() string {
	return fmt.Sprintf("the stream has %s: %s, and should have %s: %s", d.Setting, d.Found, d.Wished, d.Advice)
}

// compare returns how a stream differs from the settings.
func (s Settings) compare(found jetstream.StreamConfig) []Difference {
	wished := s.config()
	var differences []Difference
	add := func(fatal bool, setting string, found, wished any, advice string) {
		if f, w := fmt.Sprint(found), fmt.Sprint(wished); f != w {
			differences = append(differences, Difference{setting, f, w, advice, fatal})
		}
	}
	edit := func(flag string) string { return "nats stream edit " + s.Name + " " + flag }
	again := "it can't be changed; choose another name of the cluster, or remove the stream with all its messages"

	add(true, "subjects", strings.Join(found.Subjects, " "), strings.Join(wished.Subjects, " "), edit("--subjects="+wished.Subjects[0]))
	add(true, "retention", found.Retention, wished.Retention, again)
	add(true, "no_ack", found.NoAck, false, edit("--ack"))
	add(true, "sealed", found.Sealed, false, again)
	add(true, "max_msgs", unlimited(found.MaxMsgs), unlimited(0), edit("--max-msgs=-1"))
	add(true, "max_msgs_per_subject", unlimited(found.MaxMsgsPerSubject), unlimited(0), edit("--max-msgs-per-subject=-1"))
	add(true, "allow_rollup_hdrs", found.AllowRollup, false, edit("--no-allow-rollup"))
	add(true, "allow_msg_ttl", found.AllowMsgTTL, false, again)
	add(true, "allow_direct", found.AllowDirect, false, edit("--no-allow-direct")+"; answers of replicas may be old ones")
	add(true, "mirror or sources", found.Mirror != nil || len(found.Sources) > 0, false, again)
	add(true, "subject_transform", found.SubjectTransform != nil, false, edit("--no-transform"))
	add(true, "persist_mode", found.PersistMode, wished.PersistMode, again)
	if size := found.MaxMsgSize; size > 0 && size < minPayload {
		add(true, "max_msg_size", size, "unlimited", edit("--max-msg-size=-1"))
	}

	add(false, "discard", found.Discard, wished.Discard, edit("--discard=new")+"; a full stream drops messages that servers have yet to read")
	add(false, "storage", found.Storage, wished.Storage, again+"; in memory, all is lost when most replicas are restarted")
	add(false, "deny_delete", found.DenyDelete, true, edit("--deny-delete"))
	add(false, "deny_purge", found.DenyPurge, true, edit("--deny-purge"))
	add(false, "num_replicas", found.Replicas, wished.Replicas, edit(fmt.Sprintf("--replicas=%d", wished.Replicas)))
	add(false, "max_age", forever(found.MaxAge), forever(wished.MaxAge), edit("--max-age="+fmt.Sprint(wished.MaxAge)))
	add(false, "max_bytes", unlimited(found.MaxBytes), unlimited(wished.MaxBytes), edit(fmt.Sprintf("--max-bytes=%d", wished.MaxBytes)))
	return differences
}

func unlimited(n int64) string {
	if n <= 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func forever(d time.Duration) string {
	if d == 0 {
		return "unlimited"
	}
	return fmt.Sprint(d)
}

// fatal returns an error with the differences that no cluster can be with, or nil.
func fatal(differences []Difference) error {
	var errs []error
	for _, d := range differences {
		if d.Fatal {
			errs = append(errs, errors.New(d.String()))
		}
	}
	return errors.Join(errs...)
}

// harmless returns the differences that a cluster can be with.
func harmless(differences []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(differences), func(d Difference) bool { return d.Fatal })
}
