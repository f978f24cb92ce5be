package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
)

// question is one thing that init asks. An answer that read refuses is asked for again.
type question struct {
	flag, ask, preset string
	read              func(string) (string, error)
}

var questions = [...]question{
	{"dir", "1/5 In which folder shall everything be kept?", "carillon-data", aFolder},
	{"listen", "2/5 On which address shall it listen? (behind a web server: 127.0.0.1:8080)", "127.0.0.1:8080", anAddress},
	{"public-url", "3/5 Under which https address do providers reach it? (empty: none, it will ask them itself)", "", aURL},
	{"twilio", "4/5 Twilio account SID and sending number for text messages, as in AC… +1… (empty: later)", "", anAccount},
	{"telegram", "5/5 Use a Telegram bot? (yes; no or empty: later)", "", yesOrNo},
}

func (sh *shell) initialise() *cobra.Command {
	answers := make([]string, len(questions))
	var yes bool
	var profile string
	c := &cobra.Command{
		Use:   "init",
		Short: "set up an instance: five questions, keys, and a sheet to print",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if profile != string(config.Alone) && profile != string(config.Scaled) {
				return wrong("there is no profile %q; write alone or scaled", profile)
			}
			in := bufio.NewReader(sh.in)
			for i, q := range questions {
				var err error
				if c.Flags().Changed(q.flag) || yes {
					if answers[i], err = q.read(cmp.Or(strings.TrimSpace(answers[i]), q.preset)); err != nil {
						return wrong("--%s: %w", q.flag, err)
					}
				} else if answers[i], err = sh.askOne(in, i); err != nil {
					return err
				}
			}
			return sh.setUp(answers, profile == string(config.Scaled))
		},
	}
	for i, q := range questions {
		c.Flags().StringVar(&answers[i], q.flag, "", strings.TrimSpace(q.ask[4:]))
	}
	c.Flags().StringVar(&profile, "profile", string(config.Alone), "alone: SQLite and one process; scaled: PostgreSQL, Redis and any number of processes")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "take the proposed answer to every question that has no flag")
	return c
}

// askOne asks until there is an answer that can be used.
func (sh *shell) askOne(in *bufio.Reader, i int) (string, error) {
	q := questions[i]
	for {
		proposed := " "
		if q.preset != "" {
			proposed = " [" + q.preset + "] "
		}
		fmt.Fprint(sh.out, q.ask+proposed)
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			fmt.Fprintln(sh.out)
			return "", wrong("the answers ended at question %d of %d; give the others as flags, see carillon init --help", i+1, len(questions))
		}
		answer, err := q.read(cmp.Or(strings.TrimSpace(line), q.preset))
		if err == nil {
			return answer, nil
		}
		fmt.Fprintln(sh.out, printable("    "+err.Error()))
	}
}

// setUp writes the folder. It changes nothing that is there.
func (sh *shell) setUp(answers []string, scaled bool) error {
	dir, listen, url, twilio, telegram := answers[0], answers[1], answers[2], answers[3], answers[4]
	file := filepath.Join(dir, "carillon.yaml")
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	id := time.Now().UTC().Format("2006-01")
	secrets := map[string]string{}
	for _, name := range [...]string{"key-" + id, "index"} {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		secrets[name] = base64.StdEncoding.EncodeToString(secret)
		if err := writeNew(filepath.Join(dir, "keys", name), secrets[name]+"\n"); err != nil {
			return err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The operator's file. carillon config check --config %s finds what is wrong with it.\n", filepath.Base(file))
	fmt.Fprintf(&b, "listen: %q\n", listen)
	if url != "" {
		fmt.Fprintf(&b, "public_base_url: %q\n", url)
	}
	fmt.Fprintf(&b, "data: data\nkeys:\n  - id: %q\n    secret: {file: keys/key-%s}\nindex_key: {file: keys/index}\n", id, id)
	next := channelsFor(&b, dir, twilio, telegram)
	start := "start with: carillon serve --config " + file
	if scaled {
		b.WriteString(servers)
		next = append(next, "put the address of PostgreSQL into "+filepath.Join(dir, "keys", "postgres")+" (chmod 600), as in postgres://user:password@host:5432/carillon",
			"name Redis in "+file+", and look at both with: carillon doctor --config "+file)
		start += " on every computer, with --roles if they are to differ; they all need the same file and keys"
	}
	if err := writeNew(file, b.String()); err != nil {
		return err
	}
	if len(next) == 0 { // with secrets still to be filled in, the check would rightly fail
		if _, err := config.Load(file, sh.lookup, optionStructs()); err != nil {
			return fmt.Errorf("the answers do not make a good configuration; mend %s: %w", file, err)
		}
	}
	sheet := backupSheet(dir, id, secrets)
	if err := writeNew(filepath.Join(dir, "backup-sheet.txt"), sheet); err != nil {
		return err
	}
	next = append(next, "print "+filepath.Join(dir, "backup-sheet.txt")+", keep it in a safe place, then delete the file", start)
	return sh.print(map[string]any{"config": file, "next": next}, "Made "+file+".\nNext:\n  - "+strings.Join(next, "\n  - "))
}

// servers is what the profile scaled stands on.
const servers = `storage:
  profile: scaled
  postgres: {file: keys/postgres}
  redis:
    addresses: ["127.0.0.1:6379"]
drain_notice: 5s
`

// channelsFor writes the channels that were asked for, with places for their secrets, and says what to fill in.
func channelsFor(b *strings.Builder, dir, twilio, telegram string) (next []string) {
	if twilio == "" && telegram == "" {
		return nil
	}
	b.WriteString("channels:\n")
	if twilio != "" {
		sid, from, _ := strings.Cut(twilio, " ")
		sender := "from"
		if strings.HasPrefix(from, "MG") {
			sender = "messaging_service_sid"
		}
		fmt.Fprintf(b, "  - name: sms\n    adapter: sms\n    options:\n      account_sid: %q\n      auth_token: {file: keys/twilio-auth-token}\n      %s: %q\n", sid, sender, from)
		next = append(next, "put the account's auth token into "+filepath.Join(dir, "keys", "twilio-auth-token")+" (chmod 600)")
	}
	if telegram != "" {
		b.WriteString("  - name: telegram\n    adapter: telegram\n    options:\n      token: {file: keys/telegram-bot-token}\n")
		next = append(next, "put the bot's token from BotFather into "+filepath.Join(dir, "keys", "telegram-bot-token")+" (chmod 600)")
	}
	return next
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Close()
}

// backupSheet is what an operator prints: without these keys a backup of the data is worth nothing.
func backupSheet(dir, id string, secrets map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CARILLON: BACKUP SHEET                                made %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	b.WriteString("Without these keys nobody can read the members, addresses and texts of this instance,\nnot even you. With them and the data, anybody can. Keep this sheet locked away, apart\nfrom the machine and from its backups.\n\n")
	for _, name := range [...]string{"key-" + id, "index"} {
		fmt.Fprintf(&b, "keys/%s\n\n", name)
		for i, secret := 0, secrets[name]; i < len(secret); i += 11 {
			fmt.Fprintf(&b, "    %s\n", secret[i:min(i+11, len(secret))])
		}
		b.WriteString("\n")
	}
	b.WriteString("To restore: write each key (its lines joined, without spaces) back into its file in\nthe folder keys beside carillon.yaml, restore the folder data, and start carillon serve.\n")
	return b.String()
}
