package gateway

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Defect is a panic that was caught, told so that whoever mends it finds the place, and without what the panic was about: that may hold
// a text or an address.
type Defect struct {
	What  string // the runtime's own words for a fault that it found itself, else the type of what was thrown
	Where string // where it came from, innermost first: functions, with file and line
}

// defectDepth is how many functions a defect names.
const defectDepth = 8

// DefectOf makes a defect of what recover gave. It is called in the deferred function that recovered, for it reads the stack.
func DefectOf(recovered any) *Defect {
	d := &Defect{What: fmt.Sprintf("%T", recovered)}
	if err, ok := recovered.(runtime.Error); ok {
		d.What = err.Error()
	}
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	var where []string
	for thrown, more := false, true; more && len(where) < defectDepth; {
		var f runtime.Frame
		f, more = frames.Next()
		inside := strings.HasPrefix(f.Function, "runtime.")
		if thrown = thrown || f.Function == "runtime.gopanic"; thrown && !inside {
			where = append(where, fmt.Sprintf("%s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line))
		}
	}
	d.Where = strings.Join(where, " < ")
	return d
}

func (d *Defect) Error() string { return "a defect: " + d.What + " in " + d.Where }
