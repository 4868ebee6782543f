package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Each setting that is not as wished for is one difference, with what is found, what is wished, and
// what to do; without which there is no cluster is fatal.
func TestSettingsCompare(t *testing.T) {
	settings := Settings{Name: "chat", Replicas: 3, Keep: time.Hour, MaxBytes: 1e9}
	if got := settings.compare(settings.config()); len(got) > 0 {
		t.Errorf("the settings differ from themselves: %v", got)
	}
	for setting, test := range map[string]struct {
		fatal  bool
		change func(*jetstream.StreamConfig)
		text   string
	}{
		"subjects":             {true, func(c *jetstream.StreamConfig) { c.Subjects = []string{"chat.>"} }, "chat.>, and should have chat.*.*: nats stream edit chat --subjects=chat.*.*"},
		"retention":            {true, func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "WorkQueue, and should have Limits"},
		"no_ack":               {true, func(c *jetstream.StreamConfig) { c.NoAck = true }, "true, and should have false"},
		"sealed":               {true, func(c *jetstream.StreamConfig) { c.Sealed = true }, "true"},
		"max_msgs":             {true, func(c *jetstream.StreamConfig) { c.MaxMsgs = 5 }, "5, and should have unlimited"},
		"max_msgs_per_subject": {true, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 }, "5, and should have unlimited"},
		"allow_rollup_hdrs":    {true, func(c *jetstream.StreamConfig) { c.AllowRollup = true }, "true"},
		"allow_msg_ttl":        {true, func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, "true"},
		"allow_direct":         {true, func(c *jetstream.StreamConfig) { c.AllowDirect = true }, "--no-allow-direct"},
		"mirror or sources":    {true, func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "x"}} }, "true"},
		"subject_transform":    {true, func(c *jetstream.StreamConfig) { c.SubjectTransform = &jetstream.SubjectTransformConfig{} }, "true"},
		"persist_mode":         {true, func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, ""},
		"max_msg_size":         {true, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, "1000, and should have unlimited"},
		"discard":              {false, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, "DiscardOld, and should have DiscardNew"},
		"storage":              {false, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "Memory, and should have File"},
		"deny_delete":          {false, func(c *jetstream.StreamConfig) { c.DenyDelete = false }, "--deny-delete"},
		"deny_purge":           {false, func(c *jetstream.StreamConfig) { c.DenyPurge = false }, "--deny-purge"},
		"num_replicas":         {false, func(c *jetstream.StreamConfig) { c.Replicas = 1 }, "1, and should have 3: nats stream edit chat --replicas=3"},
		"max_age":              {false, func(c *jetstream.StreamConfig) { c.MaxAge = 0 }, "unlimited, and should have 1h0m0s"},
		"max_bytes":            {false, func(c *jetstream.StreamConfig) { c.MaxBytes = -1 }, "unlimited, and should have 1000000000"},
	} {
		found := settings.config()
		test.change(&found)
		got := settings.compare(found)
		if len(got) != 1 || got[0].Setting != setting || got[0].Fatal != test.fatal || got[0].Advice == "" || !strings.Contains(got[0].String(), test.text) {
			t.Errorf("%s: the differences are %v", setting, got)
			continue
		}
		if (fatal(got) != nil) != test.fatal || len(harmless(got)) != 1 == !test.fatal {
			t.Errorf("%s: the error is %v, and the warnings %v", setting, fatal(got), harmless(got))
		}
	}
}
