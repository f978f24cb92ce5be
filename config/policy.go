package config

// AlertPolicy says how alerts climb until somebody takes charge.
type AlertPolicy struct {
	Name       string        `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"night" doc:"a name that is unique in the group; an alert that names none uses the one called default"`
	Steps      []AlertStep   `yaml:"steps" required:"true" min:"1" max:"10" doc:"whom it asks, one step after the other"`
	Rounds     int           `yaml:"rounds" min:"1" max:"5" doc:"how often all steps are taken; absent: once"`
	Quorum     int           `yaml:"quorum" min:"1" max:"5" doc:"how many people must take charge before it stops climbing; absent: one"`
	Progress   int           `yaml:"progress_minutes" min:"1" max:"1440" doc:"with nothing heard of those in charge for so long, it climbs again; absent: never"`
	LastResort []AlertTarget `yaml:"last_resort" required:"true" min:"1" max:"10" doc:"who is told when every step is over and nobody has taken charge"`
	Code       bool          `yaml:"code" doc:"whoever answers by text message shows a code that she alone was sent"`
	SayWho     bool          `yaml:"say_who" doc:"the others read the name of who took charge, over channels that are fit for sensitive words and not in neutral mode; absent, and elsewhere: her role"`
	Members    bool          `yaml:"members" doc:"a member who needs help raises an alert by this policy"`
	Second     bool          `yaml:"second_person" doc:"an actual alert waits until a second person releases it"`
}

// AlertStep is one step of a policy.
type AlertStep struct {
	Targets  []AlertTarget `yaml:"targets" required:"true" min:"1" max:"10" doc:"who is asked"`
	Wait     int           `yaml:"wait_minutes" required:"true" min:"1" max:"1440" doc:"how long before the next step"`
	Repeat   int           `yaml:"repeat" min:"1" max:"5" doc:"how often it is asked again before the next step; absent: not again"`
	Window   int           `yaml:"window_minutes" min:"1" max:"1440" doc:"without a receipt for so long, the next channel of the same person; absent: that of the class"`
	Hours    string        `yaml:"hours" pattern:"[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}" like:"22:00-06:00" doc:"by the group's clocks, as in 22:00-06:00: at any other time the step is left out; absent: always"`
	Channels []string      `yaml:"channels" max:"20" doc:"kinds of contact point, as in sms; absent: each person's own order"`
}

// AlertTarget is whom a step asks: those for whom all of it holds.
type AlertTarget struct {
	Topic   string   `yaml:"topic" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"owners" doc:"those who subscribed to this topic; absent: to that of the alert, or alerts"`
	Tags    []string `yaml:"tags" max:"32" doc:"those with all of these tags"`
	Members []string `yaml:"members" max:"50" doc:"these members, by id"`
	Rota    string   `yaml:"rota" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"night-watch" doc:"or whoever is on duty by this rota of the group; it stands alone"`
	Group   string   `yaml:"group" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"harbour" doc:"another group, whose topic, tags or rota these are; that group allows it by climb_from"`
}

// Rota is the rule of a rota. Who takes turns is not for a file; times are those of its zone.
type Rota struct {
	Name     string `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"telephone" doc:"a name that is unique in the group"`
	Title    string `yaml:"title" doc:"as those on duty read it, at most 80 characters; absent: its name"`
	Rotation string `yaml:"rotation" required:"true" enum:"days,weeks,list" doc:"a turn lasts so many days or weeks, or each is written down with rota put"`
	Every    int    `yaml:"every" min:"1" max:"60" doc:"days or weeks that a turn lasts; absent: one"`
	Zone     string `yaml:"zone" doc:"zone of all its times; absent: the group's"`
	Start    string `yaml:"start" required:"true" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}" like:"2026-03-30T08:00" doc:"when the first turn begins, and at which time of day people change"`
	Until    string `yaml:"until" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}" like:"2026-12-31T08:00" doc:"when the last turn ends; absent: never; a list needs it"`
}
