package command

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/history"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// The log keeps as many messages as clients that come back may need, at least
// those of --replay, within its backlog.
func TestKept(t *testing.T) {
	for _, test := range []struct{ backlog, replay, want int }{
		{defaultBacklog, 0, 512},
		{defaultBacklog, 20, 512},
		{defaultBacklog, 5000, 5000},
		{minBacklog, 0, 128},
		{minBacklog, 128, 128},
		{64 << 10, 32, 32},
	} {
		o := serveOptions{backlog: test.backlog, replay: test.replay}
		if err := o.checkReplay(); err != nil {
			t.Fatal(err)
		}
		if got := o.kept(o.replay); got != test.want {
			t.Errorf("with a backlog of %d and --replay %d: %d are kept, want %d", test.backlog, test.replay, got, test.want)
		}
	}
}

// After a restart the last messages are in the log again, and the epochs of clients
// that come back are known.
func TestKeepHistory(t *testing.T) {
	o := serveOptions{backlog: minBacklog, history: filepath.Join(t.TempDir(), "chat.db"), historySync: time.Millisecond}
	var before server.Epochs
	for round, restored := range []int{0, 100, 128} {
		log := broadcast.New(o.backlog, 64<<10)
		keeper, err := openHistory(o, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		room, err := keeper.open(roomName, history.RoomConfig{Kept: o.kept(o.replay)})
		if err == nil {
			err = room.follow(log)
		}
		if err != nil {
			t.Fatal(err)
		}
		keeper.run(context.Background())
		if got := int(log.End()) / wire.Size; got != restored {
			t.Errorf("round %d: %d messages are restored, want %d", round, got, restored)
		}
		if round > 0 {
			if got := room.epochs().Known(before.Current(), 1000); got != uint64(round*100) {
				t.Errorf("round %d: %d messages are known, want %d", round, got, round*100)
			}
		}
		before = room.epochs()
		batch := broadcast.NewBatch(wire.Size)
		for i := range 100 {
			m, err := wire.New("alice", fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			batch.Add(&broadcast.Sender{Name: "alice"}, copy(batch.Free(), m[:]))
			log.Append(batch, time.Now())
		}
		log.Close()
		if err := keeper.wait(); err != nil {
			t.Fatal(err)
		}
	}
}
