package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// post posts a body with a key, and returns the status, the answer and Retry-After.
func (w *website) post(key, kind, body string) (status int, answer, after string) {
	w.t.Helper()
	r, err := http.NewRequest("POST", fmt.Sprintf("http://127.0.0.1:%d/api/messages", w.webPort), strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header.Get("Retry-After")
}

// Programs have something said by HTTP, with a key that opens nothing else. It is in the
// room like any message, and no more often than the room permits.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	hooks, path := newPeopleFile(t, "main", "ci", "cron"), historyFile(t)
	web := startWeb(t, "--webhooks", hooks.name, "--rate", "6/m", "--rate-burst", "5", "--history", path, "--history-sync", "0")
	alice := join(t, web.server, "alice")

	type said struct {
		Room             string
		Number, Messages int
	}
	long := strings.Repeat("x", 600)
	for i, test := range []struct {
		kind, body string
		want       []string
		name       string
	}{
		{form, "build failed: 50% & rising", []string{"build failed: 50% & rising"}, "ci"},
		{"application/json", `{"text": "żółw", "username": "jenkins"}`, []string{"żółw"}, "jenkins"},
		{"text/plain", long, []string{long[:447], long[447:]}, "ci"},
	} {
		status, answer, _ := web.post(hooks.keys["ci"], test.kind, test.body)
		var got said
		if err := json.Unmarshal([]byte(answer), &got); status != 200 || err != nil || got != (said{"main", i + 1, len(test.want)}) {
			t.Errorf("status %d, %s", status, answer)
		}
		for _, text := range test.want {
			alice.expect(message(test.name, text))
		}
	}
	if status, answer, after := web.post(hooks.keys["ci"], "", "one\ntwo"); status != 200 {
		t.Errorf("the last of the burst: %d, %s, %s", status, answer, after)
	}
	alice.expect(message("ci", "one\ntwo"))
	for { // as often as the time permits that this takes
		status, answer, after := web.post(hooks.keys["ci"], "", "too much")
		if status == 200 {
			alice.expect(message("ci", "too much"))
			continue
		}
		if status != 429 || after == "" {
			t.Errorf("beyond the rate: %d, %s, Retry-After %q", status, answer, after)
		}
		break
	}
	if status, answer, _ := web.post(hooks.keys["cron"], "", "another"); status != 200 {
		t.Errorf("by another key: %d, %s", status, answer)
	}
	alice.expect(message("cron", "another"))
	web.stdout.waitForLine(t, `"ci" writes as "jenkins": żółw`)

	for what, key := range map[string]string{"a wrong key": "ci:wrong", "the room's key": key, "no key": ""} {
		if status, answer, _ := web.post(key, "", "text"); status != 401 {
			t.Errorf("%s: %d, %s", what, status, answer)
		}
	}
	if name, status := web.askRoom(hooks.keys["ci"]); name != "" || status != 401 {
		t.Errorf("the key of a webhook opens %q, and the history with status %d", name, status)
	}
	if in, err := connect(t, web.server).tryAuthenticate("eve", hooks.keys["ci"]); in || err != nil {
		t.Errorf("somebody joins with the key of a webhook: %v, %v", in, err)
	}
	if n := len(readHistory(t, path, 0)); n < 6 {
		t.Errorf("%d messages are kept", n)
	}
	for _, key := range hooks.keys {
		if out := web.stdout.String() + web.stderr.String(); strings.Contains(out, key) {
			t.Errorf("the output has the key %s", key)
		}
	}

	hooks.write("cron")
	web.stderr.waitForLine(t, "the keys of webhooks have been read again")
	if status, answer, _ := web.post(hooks.keys["ci"], "", "text"); status != 401 {
		t.Errorf("with a key that was removed: %d, %s", status, answer)
	}
}

// A message that mentions a name is posted, with its number; what programs post is not.
func TestMentionHook(t *testing.T) {
	t.Parallel()
	came := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- string(body)
	}))
	defer receiver.Close()
	hooks, path := newPeopleFile(t, "main", "ci"), historyFile(t)
	for _, number := range []int{4, 9} { // of the mention; numbers go on after a restart
		web := startWeb(t, "--webhooks", hooks.name, "--mention", "alice="+receiver.URL+"/secret", "--history", path, "--replay", "20")
		if status, answer, _ := web.post(hooks.keys["ci"], "", "alice, the build failed"); status != 200 {
			t.Fatalf("%d, %s", status, answer)
		}
		bob := join(t, web.server, "bob")
		for range number - 3 { // what is replayed
			bob.receive()
		}
		listener := join(t, web.server, "listener")
		for range number - 3 {
			listener.receive()
		}
		for _, text := range []string{"malice", "nothing", "Alice: look", "bye"} {
			listener.expect(bob.say(text))
		}
		select {
		case got := <-came:
			if want := fmt.Sprintf(`{"room":"main","name":"bob","text":"Alice: look","number":%d,"time":"20`, number); !strings.HasPrefix(got, want) {
				t.Errorf("it is told %s, want %s…", got, want)
			}
		case <-time.After(testTimeout):
			t.Fatal("nothing is posted")
		}
		if out := web.stderr.String(); strings.Contains(out, "secret") {
			t.Errorf("the log has the address: %s", out)
		}
		web.signal(syscall.SIGTERM)
		web.expectEnd(0)
	}
	if len(came) > 0 {
		t.Errorf("it is also told %s", <-came)
	}
}
