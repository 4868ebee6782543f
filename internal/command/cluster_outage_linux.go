package command

// An outage is a time in which nothing that is said is delivered, as the console tells it.
type outage struct {
	isSeen bool // it was there when it was last looked at
	isTold bool
}

// look takes why nothing is delivered, or nil, and announces an outage that was there the last time, too; and
// its end, without a reason.
func (o *outage) look(err error, announce func(reason string)) {
	switch {
	case err == nil:
		if o.isTold {
			announce("")
		}
		*o = outage{}
	case o.isSeen && !o.isTold:
		o.isTold = true
		announce(err.Error())
	default:
		o.isSeen = true
	}
}
