package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sop-chat/internal/rooms"
)

// rateOrNone parses how many messages a member may send in a second or a minute, or an
// empty text.
func rateOrNone(text string) (rooms.Rate, error) {
	// At a lower rate, clients that wait for a message to be acknowledged would take the
	// connection for dead: the page after 15 seconds.
	const least, most = 6, 1_000_000
	periods := map[string]time.Duration{"s": time.Second, "m": time.Minute}
	if text == "" {
		return rooms.Rate{}, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	per := periods[unit]
	if err != nil || per == 0 || n < 1 || n > most || per == time.Minute && n < least {
		return rooms.Rate{}, fmt.Errorf("%q is not a rate from %d/m to %d/s, such as 5/s or 30/m", text, least, most)
	}
	return rooms.Rate{Messages: n, Per: per}, nil
}

// rateBurst parses how many messages a member may send at once; 0 stands for what fits
// the rate.
func rateBurst(text string) (int, error) {
	if text == "auto" {
		return 0, nil
	}
	n, err := wholeNumber(1, 1_000_000)(text)
	if err != nil {
		return 0, fmt.Errorf("%w, or auto", err)
	}
	return n, nil
}

// burstOf returns how many messages a member of a room may send at once.
func burstOf(room rooms.Room) int {
	const least, seconds = 5, 5 // some lines in a row are no flood
	if room.RateBurst > 0 {
		return room.RateBurst
	}
	return max(least, int(seconds*time.Second*time.Duration(room.Rate.Messages)/max(1, room.Rate.Per)))
}

// checkRate returns an error if there is a burst and no rate for which it counts.
func (o *serveOptions) checkRate() error {
	if o.rateBurst > 0 && o.rate.Messages == 0 && !o.rereadsRooms() {
		return usagef("--rate-burst is about --rate, and without that there is no limit")
	}
	return nil
}
