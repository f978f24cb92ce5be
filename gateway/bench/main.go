// Command bench measures Carillon against raw clients doing the same work in the same run; docs/benchmarks.md explains
// the rows.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "fake" {
		delay, err1 := time.ParseDuration(os.Args[2])
		workers, err2 := strconv.Atoi(os.Args[3])
		if err1 != nil || err2 != nil {
			os.Exit(2)
		}
		if err := serveFake(delay, workers); err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			os.Exit(1)
		}
		return
	}
	f, err := startFake(0, 64)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	for _, s := range []int{16, 32, 64, 128} {
		for range 2 {
			r, err := bareSMS(f.URL, 20000, s)
			fmt.Println(s, r, err)
		}
	}
}
