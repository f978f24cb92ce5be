package report

// Find reads the number at a spot of a source.
var Find = find
