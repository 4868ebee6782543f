package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/chattest"
	"sop-chat/internal/handover"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
)

// A recordedStore notes what is done with it, and fails at one of the calls.
type recordedStore struct {
	calls []string
	fails int // which call, from 1; 0: none
}

func (s *recordedStore) call(what string) error {
	s.calls = append(s.calls, what)
	if len(s.calls) == s.fails {
		return errors.New("the store fails")
	}
	return nil
}

func (s *recordedStore) Unstore(name string) error { return s.call("drop " + name) }
func (s *recordedStore) Store(name string, fds []int) error {
	return s.call(fmt.Sprint("keep ", name, fds))
}

// The state comes into the store last, behind all that comes before another process goes on.
// If something fails, nothing is left there, and that is undone.
func TestFillStore(t *testing.T) {
	const dropped = "drop sop-chat-state, drop sop-chat-fd"
	for _, test := range []struct {
		fails int
		want  string
	}{
		{0, dropped + ", keep sop-chat-fd[3 4], last, keep sop-chat-state[5]"},
		{1, dropped},
		{2, dropped},
		{3, dropped + ", keep sop-chat-fd[3 4], " + dropped},
		{5, dropped + ", keep sop-chat-fd[3 4], last, keep sop-chat-state[5], undone, " + dropped},
	} {
		s := &recordedStore{fails: test.fails}
		err := fill(s, []int{3, 4}, 5, func() (undo func()) {
			s.call("last")
			return func() { s.call("undone") }
		})
		if got := strings.Join(s.calls, ", "); got != test.want || (err != nil) != (test.fails > 0) {
			t.Errorf("the call %d fails: %s; %v\nwant %s", test.fails, got, err, test.want)
		}
	}
}

// A restart begins when the requests that are under way have been answered.
func TestRestartHolds(t *testing.T) {
	s := chattest.Start(t, server.Config{})
	p := process(nil, "FDSTORE=1")
	o := options(t, process([]string{"9000", "key"}))
	u := &upgrader{
		options: &o, process: p, server: s.Server, ports: new(ports), site: new(website), keeper: new(keeper), display: new(display),
		service: &service{notifier: systemd.NewNotifier("/nowhere")}, reload: new(reloader), open: &openRooms{rekeyed: new(rekeyedRooms)},
		operator: new(operator), cluster: new(clusterLink), monitoring: new(metricsPort), logger: slog.New(slog.DiscardHandler),
	}
	handler := u.site.requests.Count(http.NotFoundHandler())
	isHeld := func() bool { // from then on it is the last request of its connection
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Header().Get("Connection") == "close"
	}
	done := u.site.requests.Begin()
	result := make(chan error, 1)
	go func() { result <- u.restart() }()
	for !isHeld() {
		select {
		case err := <-result:
			t.Fatalf("the restart went on while a request was under way: %v", err)
		default:
		}
	}
	done()
	if err := <-result; err == nil || !strings.Contains(err.Error(), "keeps 1 descriptors") {
		t.Fatalf("the restart ends with %v", err)
	}
	if isHeld() {
		t.Error("requests are held although the restart has failed")
	}
}

// A process that forgets what was left goes on when the manager has closed that: the ports are
// free then.
func TestForgetStoredWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	manager.SetReadDeadline(time.Now().Add(chattest.Patience))
	p := process(nil, "NOTIFY_SOCKET="+path)
	forgotten := make(chan struct{})
	go func() {
		defer close(forgotten)
		p.forgetStored(io.ErrUnexpectedEOF, slog.New(slog.DiscardHandler))
	}()
	var barrier []int
	for _, want := range []string{"FDSTOREREMOVE=1\nFDNAME=sop-chat-state", "FDSTOREREMOVE=1\nFDNAME=sop-chat-fd", "BARRIER=1"} {
		message, rights := make([]byte, 4096), make([]byte, 4096)
		n, size, _, _, err := manager.ReadMsgUnix(message, rights)
		if err != nil {
			t.Fatalf("in place of %q: %v", want, err)
		}
		if got := string(message[:n]); got != want {
			t.Fatalf("the manager gets %q, want %q", got, want)
		}
		all, _ := unix.ParseSocketControlMessage(rights[:size])
		for i := range all {
			fds, _ := unix.ParseUnixRights(&all[i])
			barrier = append(barrier, fds...)
		}
	}
	select {
	case <-forgotten:
		t.Error("it does not wait")
	default:
	}
	for _, fd := range barrier {
		unix.Close(fd)
	}
	<-forgotten
}

// Of a listener that was left and is also a socket of the manager, one descriptor stays open.
func TestCloseDoubles(t *testing.T) {
	fds := newDescriptors(t, 2) // two sockets
	double, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	i := &inheritance{state: &handover.State{Listeners: []handover.Listener{{FD: fds[0]}}}}
	kept := i.closeDoubles(managerSockets{{FD: double}, {FD: fds[1]}})
	if want := (managerSockets{{FD: fds[1]}}); !slices.Equal(kept, want) {
		t.Errorf("%+v stay, want %+v", kept, want)
	}
	listener, err := identify(fds[0])
	if err != nil {
		t.Errorf("the listener: %v", err)
	}
	if of, err := identify(double); err == nil && of == listener {
		t.Error("the double is open")
		unix.Close(double)
	}
	if _, err := identify(fds[1]); err != nil {
		t.Errorf("another socket: %v", err)
	}
}
