// Package cldr writes numbers, dates, times, lists and relative times as the people of a locale do, and tells which
// plural form a number takes there. Its tables are generated from Unicode's Common Locale Data Repository (see gen);
// each is unpacked when its locale is first asked for, and then kept. It knows no templates and no people.
package cldr

//go:generate bash gen/fetch.sh
