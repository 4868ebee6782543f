package command

import "testing"

// Without an argument, the variables of a server on the same machine say where it is.
func TestOwnAddress(t *testing.T) {
	for _, test := range []struct {
		environment []string
		want        string
	}{
		{nil, ""},
		{[]string{"SOP_CHAT_PORT=9000"}, "127.0.0.1:9000"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_BIND=::", "SOP_CHAT_WEB=:8080"}, "127.0.0.1:9000"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_BIND=192.0.2.1"}, "192.0.2.1:9000"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_BIND=2001:db8::1"}, "[2001:db8::1]:9000"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_METRICS=:9100"}, "http://127.0.0.1:9100/healthz"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_METRICS=9100"}, "http://127.0.0.1:9100/healthz"},
		{[]string{"SOP_CHAT_PORT=9000", "SOP_CHAT_NO_PLAIN=true", "SOP_CHAT_TLS=:9443"}, "tls://127.0.0.1:9443"},
		{[]string{"SOP_CHAT_WEB=127.0.0.1:8080"}, "http://127.0.0.1:8080/"},
		{[]string{"SOP_CHAT_WEB=:443", "SOP_CHAT_ACME=chat.example.com"}, "https://127.0.0.1:443/"},
	} {
		if got := ownAddress(process(nil, test.environment...)); got != test.want {
			t.Errorf("%q: %q, want %q", test.environment, got, test.want)
		}
	}
}

// What can't be checked is wrong usage.
func TestHealthTarget(t *testing.T) {
	for _, text := range []string{"localhost:9000", "tls://[::1]:9443", "http://localhost", "https://localhost:8080/healthz?x=1"} {
		if _, err := healthTarget(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "localhost", ":9000", "localhost:0", "localhost:http", "tcp://", "tls://localhost:9443/x", "ftp://localhost:21", "http://", "https://a:b@c/"} {
		if u, err := healthTarget(text); err == nil {
			t.Errorf("%q is %v", text, u)
		}
	}
}
