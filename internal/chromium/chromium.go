// Package chromium starts Debian's Chromium for tests. It knows nothing of the pages that are
// opened in it.
package chromium

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"
)

// Start runs the Chromium at a path without a window, with an ordinary profile of its own that
// is empty. It returns the context to make tabs of, and what ends the process. It fails if
// Chromium does not start within a time.
func Start(path string, within time.Duration) (ctx context.Context, stop func(), err error) {
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.NoSandbox, // as root there is none
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("lang", "en-GB"),
		chromedp.Env("LC_ALL=C.UTF-8", "TZ=UTC"),
		chromedp.WSURLReadTimeout(within),
	)
	ctx, cancel := chromedp.NewContext(allocator)
	stop = func() { cancel(); stopAllocator() }
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return ctx, stop, nil
}
