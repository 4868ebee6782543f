package history

import (
	"context"
	"database/sql"
	"fmt"
)

// The form of the file. A file says in its user_version how many of the
// migrations it has been through, and in its application_id that it is ours.

// applicationID is "sopc".
const applicationID = 0x736f7063

// indexedForm is the first form in which the index has the words that our own code
// finds.
const indexedForm = 3

// roomsForm is the first form in which each room has numbers of its own.
const roomsForm = 4

// migrations lead from each form of the file to the next. Those that were
// released don't change any more.
var migrations = []string{
	// 1: the messages, and an index of their words.
	//
	// name and text are the bytes of the message's fields without the zeros at
	// their end, so that the 512 bytes can be restored. What people see of them
	// ends at the first zero.
	//
	// The index of words is one with external content: it has no copy of the
	// texts, which would make the file half as large again, and reads them from
	// the view searchable to mark matches. columnsize=0 leaves out the length of
	// each text, which only ranking needs; matches come in the order of the file.
	// No trigger indexes a new message: with one, SQLite would write the index
	// once for each message instead of once for each batch.
	`CREATE TABLE message (
		sequence           INTEGER PRIMARY KEY AUTOINCREMENT,
		time               INTEGER NOT NULL, -- nanoseconds since 1970, UTC
		room               TEXT NOT NULL,
		name               BLOB NOT NULL,    -- as it was in the message
		authenticated_name BLOB NOT NULL,    -- as it was when the sender joined
		address            TEXT NOT NULL,    -- of the sender, with the port; may be empty
		text               BLOB NOT NULL
	);
	CREATE INDEX message_time ON message (time);
	CREATE INDEX message_authenticated_name ON message (authenticated_name);

	CREATE VIEW searchable AS SELECT sequence, CAST(CASE instr(text, x'00')
		WHEN 0 THEN text ELSE substr(text, 1, instr(text, x'00') - 1) END AS TEXT) AS text FROM message;
	CREATE VIRTUAL TABLE search USING fts5 (
		text, content='searchable', content_rowid='sequence', columnsize=0,
		tokenize='unicode61 remove_diacritics 2'
	);
	CREATE TRIGGER message_deleted BEFORE DELETE ON message BEGIN
		INSERT INTO search (search, rowid, text) SELECT 'delete', sequence, text FROM searchable WHERE sequence = old.sequence;
	END;
	CREATE TRIGGER message_before_update BEFORE UPDATE ON message BEGIN
		INSERT INTO search (search, rowid, text) SELECT 'delete', sequence, text FROM searchable WHERE sequence = old.sequence;
	END;
	CREATE TRIGGER message_after_update AFTER UPDATE ON message BEGIN
		INSERT INTO search (rowid, text) SELECT sequence, text FROM searchable WHERE sequence = new.sequence;
	END;`,
	// 2: the starts of servers, see Epochs.
	`CREATE TABLE epoch (
		position INTEGER PRIMARY KEY, -- in the order of the starts
		epoch    INTEGER NOT NULL,    -- 64 random bits
		first    INTEGER NOT NULL     -- the sequence of the first message that the server could write
	);`,
	// 3: an index of the words that our own code finds, see words.
	//
	// The index has neither the texts nor a view of them, only their words, and
	// forgets a message without knowing them. So the triggers need nothing of ours,
	// and other programs can remove and change messages. A message is indexed when
	// it is written; those that were before, and those that another program has
	// changed, are indexed by the server little by little, see indexSome.
	//
	// A part of the index is written anew without the removed messages once they are
	// half of it (deletemerge). With SQLite's default, a tenth, removing takes five
	// times as long.
	`DROP TRIGGER message_deleted;
	DROP TRIGGER message_before_update;
	DROP TRIGGER message_after_update;
	DROP TABLE search;
	DROP VIEW searchable;
	CREATE VIRTUAL TABLE search USING fts5 (words, content='', contentless_delete=1, tokenize='ascii');
	INSERT INTO search (search, rank) VALUES ('deletemerge', 50);
	CREATE TABLE unindexed ( -- the sequences between which the index may lack messages
		first INTEGER NOT NULL,
		last  INTEGER NOT NULL
	);
	INSERT INTO unindexed SELECT min(sequence), max(sequence) FROM message HAVING count(*) > 0;
	CREATE TRIGGER message_deleted AFTER DELETE ON message BEGIN
		DELETE FROM search WHERE rowid = old.sequence;
	END;
	CREATE TRIGGER message_updated AFTER UPDATE OF sequence, text ON message BEGIN
		DELETE FROM search WHERE rowid = old.sequence;
		INSERT INTO unindexed VALUES (new.sequence, new.sequence);
	END;`,
	// 4: many rooms.
	//
	// Until now a file had one room, and the number of a message was its sequence. So
	// no row has to be changed. A file in which that is still so has no index of the
	// numbers, see numbersIndex.
	`ALTER TABLE message ADD COLUMN others INTEGER NOT NULL DEFAULT 0; -- how many of the sequences before it are no numbers of its room
	ALTER TABLE message ADD COLUMN number INTEGER GENERATED ALWAYS AS (sequence - others) VIRTUAL;
	CREATE TABLE room (
		name TEXT PRIMARY KEY,
		last INTEGER NOT NULL -- the number of the last message there ever was
	) WITHOUT ROWID;
	INSERT INTO room SELECT coalesce((SELECT room FROM message ORDER BY sequence DESC LIMIT 1), 'main'), seq
		FROM sqlite_sequence WHERE name = 'message' AND seq > 0;
	CREATE TABLE room_epoch (
		room  TEXT NOT NULL,
		epoch INTEGER NOT NULL,
		first INTEGER NOT NULL, -- the number of the first message of the room that the server could write
		PRIMARY KEY (room, epoch)
	) WITHOUT ROWID;
	INSERT INTO room_epoch SELECT room.name, epoch, first FROM epoch, room;`,
}

// numbersIndex creates the index by which the messages of a room are found. It takes a
// second for a million messages, so a file has it from when a second room is opened on.
const numbersIndex = "CREATE UNIQUE INDEX IF NOT EXISTS message_room_number ON message (room, number)"

// migrate brings a file to the latest form. An empty file goes through all
// migrations.
func migrate(ctx context.Context, c *sql.Conn, migrations []string) error {
	version, err := check(ctx, c, len(migrations), true)
	if err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			migrations[version], applicationID, version+1)
		if _, err := c.ExecContext(ctx, step); err != nil {
			c.ExecContext(ctx, "ROLLBACK") // fails if there is nothing to roll back
			return fmt.Errorf("bringing the file to form %d: %w", version+1, err)
		}
	}
	return nil
}

// check returns the form of a file. It returns an error if the file is not ours,
// or in a newer form than the latest. An empty file has form 0 if mayBeEmpty, and
// is an error otherwise.
func check(ctx context.Context, c *sql.Conn, latest int, mayBeEmpty bool) (version int, err error) {
	var id, tables int
	err = c.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`).Scan(&version, &id, &tables)
	switch {
	case err != nil:
		return 0, err
	case tables == 0 && id == 0 && mayBeEmpty:
		return 0, nil
	case tables == 0 && id == 0:
		return 0, errForm("is not a history of this program: it is empty")
	case id != applicationID:
		return 0, errForm("is not a history of this program: it is an SQLite database of another program")
	case version > latest:
		return 0, errForm(fmt.Sprintf("was written by a newer version of sop-chat (its form is %d, and this version knows %d)", version, latest))
	}
	return version, nil
}

// An errForm says why a file is not a history, or why it can't be used. It
// follows the file's path in a sentence.
type errForm string

func (e errForm) Error() string { return string(e) }
