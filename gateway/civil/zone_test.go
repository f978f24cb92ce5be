package civil_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

func TestZonesThatPeopleLiveIn(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/La_Paz", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"} {
		loc, err := civil.Zone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if loc.String() != name {
			t.Errorf("%s became %s", name, loc)
		}
	}
}

func TestNamesThatAreNoZone(t *testing.T) {
	for _, name := range []string{"", "Local", "local", "Berlin", "Europe/Atlantis", "+02:00", "right/Europe/Berlin", "posix/Europe/Berlin", "../Europe/Berlin", "/usr/share/zoneinfo/UTC", "Europe/Berlin\n"} {
		if loc, err := civil.Zone(name); err == nil {
			t.Errorf("%q was taken as %s", name, loc)
		}
	}
}
