package apptest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// shared are the servers of the scaled stories.
var shared = apptest.NewShared()

func TestMain(m *testing.M) {
	if folder, asked := os.LookupEnv(envStray); asked {
		if err := runStray(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	apptest.Main(func() int {
		defer shared.Close()
		return m.Run()
	})
}

// whole says that the long form of a story is wanted.
func whole() bool { return !testing.Short() && os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" }

// full says that the stories are to have the size that the promises name: make storm. Beside other tests they are smaller.
func full() bool { return whole() && os.Getenv("CARILLON_FULL") == "1" }

// clean fails the test for everything that an audit found.
func clean(t *testing.T, a apptest.Books) {
	t.Helper()
	for _, f := range a.Faults {
		t.Error(f)
	}
}
