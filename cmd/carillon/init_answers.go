package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/config"
)

// Each of these brings an answer into the form that is kept, or says what to answer instead.

// aFolder takes one that holds no instance and no keys, for init changes nothing that is there.
func aFolder(answer string) (string, error) {
	if path := filepath.Join(answer, "carillon.yaml"); exists(path) {
		return "", errors.New(path + " is there already; choose another folder, or delete it if you mean to begin anew")
	}
	if path := filepath.Join(answer, "keys"); exists(path) {
		return "", errors.New(path + " is there already, and without those keys what they sealed cannot be read; choose another folder, or move them to a safe place")
	}
	return answer, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// anAddress takes host and port; a port alone is meant for this machine.
func anAddress(answer string) (string, error) {
	if _, err := strconv.Atoi(answer); err == nil {
		answer = "127.0.0.1:" + answer
	}
	_, port, err := net.SplitHostPort(answer)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return "", errors.New("this is no address to listen on; write host and port, as in 127.0.0.1:8080")
	}
	return answer, nil
}

func aURL(answer string) (string, error) {
	if answer = strings.TrimSuffix(answer, "/"); answer == "" {
		return "", nil
	}
	if repair := config.BaseURL(answer); repair != "" {
		return "", errors.New("this URL cannot be used; " + repair)
	}
	return answer, nil
}

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
)

// anAccount takes the SID of a Twilio account, a blank, and a number, written as people write it, a messaging service, or
// another sender that the adapter takes: a short code or a name.
func anAccount(answer string) (string, error) {
	sid, sender, _ := strings.Cut(answer, " ")
	switch sender = strings.TrimSpace(sender); {
	case answer == "":
		return "", nil
	case !accountSID.MatchString(sid):
		return "", errors.New("write the account's SID first: AC and 32 hexadecimal digits, as on the dashboard of Twilio's console")
	case sender == "":
		return "", errors.New("the sender is missing behind the account's SID; write a blank and the sending number (+1…) or messaging service (MG…)")
	case serviceSID.MatchString(sender):
		return sid + " " + sender, nil
	case strings.HasPrefix(sender, "MG"):
		return "", errors.New("a messaging service is MG and 32 hexadecimal digits; copy it from Twilio's console")
	}
	for _, f := range builtin.All() {
		if f.Name != "sms" {
			continue
		}
		if number, err := f.ParseAddress("", sender); err == nil {
			return sid + " " + number.Reveal(), nil
		}
		if strings.HasPrefix(sender, "+") { // a number, mistyped
			break
		}
		options, _ := json.Marshal(map[string]string{"account_sid": sid, "auth_token": "later", "from": sender}) // cannot fail
		if _, err := f.New(channels.Settings{Name: f.Name, Options: options}); err == nil {
			return sid + " " + sender, nil
		}
	}
	return "", errors.New("the sending number cannot be read; write it in international form, as in +12025550100, or give a short code or a name of at most 11 letters and digits")
}

// yesOrNo gives "yes", or nothing for no.
func yesOrNo(answer string) (string, error) {
	switch strings.ToLower(answer) {
	case "yes", "y", "true":
		return "yes", nil
	case "", "no", "n", "false", "later":
		return "", nil
	}
	return "", errors.New("answer yes or no")
}
