package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// What is between ```, indented or has tabs is a block of code, and all else is not.
func TestWebCode(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, `Promise.all([import("/code.js")]).then(([m]) => (window.show = m.showWithCode, true))`)
	for _, c := range []struct{ text, want string }{ // want has code in ⟨⟩
		{"plain\ntext", "plain\ntext"},
		{"see:\n```\na\n\n b\n```\nthere", "see:\n⟨a\n\n b⟩there"},
		{"```go\nfunc main() {}\n```", "⟨func main() {}⟩"},
		{"```one line```", "⟨one line⟩"},
		{"```print(1)\nprint(2)```", "⟨print(1)\nprint(2)⟩"},
		{"```\nnever closed\n\tit is", "⟨never closed\n\tit is⟩"},
		{"```a```\n```b```\nc", "⟨a⟩⟨b⟩c"},
		{"```sh\r\nls\r\n```\r\n", "⟨ls⟩"},
		{"```\n```", "```\n```"},
		{"```", "```"},
		{"so ```a``` is no block", "so ```a``` is no block"},
		{"like this\n\tif x {\n\t\ty\n\t}\nor so", "like this\n⟨\tif x {\n\t\ty\n\t}\n⟩or so"},
		{"func a() {\n\tx\n}\n\nfunc b() {\n\ty\n} // end\nso", "⟨func a() {\n\tx\n}\n\nfunc b() {\n\ty\n} // end\n⟩so"},
		{"def f():\n  return 1\n\ntext", "⟨def f():\n  return 1\n⟩\ntext"},
		{"name\tsize\na\t1", "⟨name\tsize\na\t1⟩"},
		{" one blank\n  \ntwo", " one blank\n  \ntwo"},
	} {
		got := eval[string](p, fmt.Sprintf(`(() => {
			const element = document.createElement("div");
			show(element, %s);
			element.querySelectorAll(".code").forEach((e) => e.replaceWith("⟨" + e.textContent + "⟩"));
			return element.textContent;
		})()`, quoted(c.text)))
		if got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
	}
}

// Code is scrolled sideways and can be copied as it was written; a long message is shown
// in part, until one asks for all of it.
func TestWebCodeBlocks(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), phone)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	code := "if x {\n\tC:\\Users\\bob  " + strings.Repeat("wide ", 40) + "\n}"
	bob.send(message("bob", "look:\n"+code+"\nthere"))
	p.wait("the code", `document.querySelector(".code pre")`)
	if !eval[bool](p, `(() => {
		const pre = document.querySelector(".code pre");
		return pre.scrollWidth > pre.clientWidth && pre.getBoundingClientRect().right <= innerWidth && getComputedStyle(pre).fontFamily.includes("monospace");
	})()`) {
		t.Error("the code is not scrolled sideways, or not in monospace")
	}
	eval[bool](p, `(addEventListener("copy", () => (window.copied = getSelection().toString())), true)`)
	p.click(".copy")
	p.wait("the code to be copied", `document.querySelector(".copy").ariaLabel === "Copied"`)
	if got := strings.TrimSuffix(eval[string](p, "window.copied"), "\n"); got != code {
		t.Errorf("copied is %q, want %q", got, code)
	}

	bob.send(message("bob", strings.Repeat("line\n", 60)+"the last"))
	p.wait("the button", `document.querySelector(".more")?.textContent === "Show all 61 lines"`)
	const height = `document.querySelector(".more").closest(".message").clientHeight`
	if h := eval[int](p, height); h > 450 {
		t.Errorf("the message is %d pixels high", h)
	}
	if !eval[bool](p, `document.querySelector(".short").getBoundingClientRect().bottom <= document.querySelector(".more").getBoundingClientRect().top`) {
		t.Error("the button is not below the text")
	}
	p.click(".more")
	p.wait("all of it", height+` > 1000 && document.querySelector(".more").ariaExpanded === "true"`)
	p.click(".more")
	p.wait("a part of it", height+` < 450 && document.querySelector(".more").ariaExpanded === "false"`)
}

// /me is shown as an action, /help is answered here, and no mistyped command is sent.
func TestWebCommands(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.send(message("bob", "/me waves"))
	p.hears("bob", "* bob waves")
	p.say("/help")
	p.wait("the help", `document.querySelector(".note")?.textContent.includes("/me waves")`)
	for _, wrong := range []string{"/me", "/etc/passwd is a file"} {
		p.say(wrong)
		p.wait("an answer", fmt.Sprintf(`[...document.querySelectorAll(".note")].at(-1).textContent.includes(%s)`, quoted(strings.Fields(wrong)[0])))
		if got := eval[string](p, `document.getElementById("text").value`); got != wrong {
			t.Errorf("%q is lost: %q", wrong, got)
		}
	}
	p.say("/me waves, too")
	bob.expect(message("alice", "/me waves, too"))
	p.hears("alice", "* alice waves, too")
	p.say("//etc/passwd")
	bob.expect(message("alice", "/etc/passwd"))
	bob.send(message("carol", "/me writes as another"))
	p.wait("the action under another name", `[...document.querySelectorAll(".action")].some((m) =>
		m.querySelector(".remark")?.textContent === "writes as “carol”" && m.querySelector(".text").textContent === "* bob writes as another")`)
}

// A block of code that is longer than a message is a block in each of those that it becomes,
// wherever it is cut.
func TestWebCodeCut(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	eval[bool](p, `Promise.all([import("/code.js"), import("/fence.js")]).then(([c, f]) => {
		window.cut = (text) => f.split(text).map((part) => {
			const element = document.createElement("div");
			c.showWithCode(element, part);
			const blocks = [...element.querySelectorAll("pre")].map((e) => e.textContent);
			element.querySelectorAll(".code").forEach((e) => e.remove());
			return { bytes: new TextEncoder().encode(part).length, blocks, words: element.textContent };
		});
		return true;
	})`)
	type part struct {
		Bytes  int
		Blocks []string
		Words  string
	}
	line := "x := \"ä\" + f(1)"
	for before := 395; before < 450; before++ {
		for _, n := range []int{1, 4, 40} {
			words, code := strings.Repeat("word ", before/5)+strings.Repeat("w", before%5), strings.TrimSuffix(strings.Repeat(line+"\n", n), "\n")
			var blocks, said []string
			for _, got := range eval[[]part](p, fmt.Sprintf("cut(%s)", quoted(words+"\n```go\n"+code+"\n```\nand so on"))) {
				if got.Bytes > 448 {
					t.Errorf("after %d bytes, a part has %d", before, got.Bytes)
				}
				blocks = append(blocks, got.Blocks...)
				said = append(said, strings.Fields(got.Words)...)
			}
			if got := strings.Join(blocks, "\n"); got != code {
				t.Errorf("after %d bytes, the code is %q, want %q", before, got, code)
			}
			if got, want := strings.Join(said, " "), strings.Join(strings.Fields(words), " ")+" and so on"; got != want {
				t.Errorf("after %d bytes, the words are %q, want %q", before, got, want)
			}
		}
	}

	p.say("look:\n```\n" + strings.Repeat(line+"\n", 40) + "```")
	for range 2 {
		m := bob.receive()
		if text := "\n" + string(m.Text()); strings.Count(text, "\n```") != 2 {
			t.Errorf("a message is %q", text)
		}
	}
	p.wait("blocks", `document.querySelectorAll(".message.own .code").length === 2`)
}
