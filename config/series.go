package config

// Series is a cadence of progress reports.
type Series struct {
	Name         string      `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"harbour-report" doc:"a name that is unique in the group"`
	Title        string      `yaml:"title" required:"true" doc:"as members read it, at most 100 characters"`
	Topic        string      `yaml:"topic" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"reports" doc:"whoever subscribed to this topic of the group is told"`
	Contributors []string    `yaml:"contributors" max:"100" doc:"slugs of the other groups that may contribute"`
	Approve      string      `yaml:"approve" enum:"person,none" doc:"person: somebody who wrote none of it approves each edition, as if absent; none: an edition that is frozen counts as approved"`
	Public       bool        `yaml:"public" doc:"whoever knows the address of an edition that was sent may read it"`
	Indicators   []Indicator `yaml:"indicators" max:"12" doc:"numbers that each edition tells"`
}

// Indicator is a number from a file or an address.
type Indicator struct {
	Name   string            `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"meals" doc:"a name that is unique in the series"`
	Titles map[string]string `yaml:"titles" doc:"for each language, what is counted"`
	Unit   string            `yaml:"unit" doc:"stands behind the number"`
	Source string            `yaml:"source" required:"true" doc:"who counts, as readers are told"`
	URL    Secret            `yaml:"url" doc:"where it is fetched from, by reference; absent: one that exists keeps what it has, and for any other files are handed in"`

	Pointer string `yaml:"pointer" doc:"JSON: where the number stands, as in /meals/total"`
	Column  string `yaml:"column" doc:"CSV: what the number's column is called in the first line"`
	Row     string `yaml:"row" doc:"CSV: what stands in the first column of its row; absent: the last row"`
	Date    string `yaml:"date" doc:"pointer or column of the date that the number is of; absent: the day when it was read"`

	StaleDays int `yaml:"stale_days" min:"1" max:"400" doc:"how old its number may be and still be told; absent: 40"`
}
