package main

import (
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
)

// policyList turns the policies of a file into those of the API.
func policyList(in []config.AlertPolicy) ([]gateway.AlertPolicy, error) {
	var out []gateway.AlertPolicy
	for _, p := range in {
		d := gateway.AlertPolicy{Name: p.Name, Rounds: p.Rounds, Quorum: p.Quorum, Progress: p.Progress, Code: p.Code, Named: p.SayWho, Members: p.Members, Release: p.Second}
		var err error
		if d.Last, err = targetList(p.Name, p.LastResort); err != nil {
			return nil, err
		}
		for _, s := range p.Steps {
			step := gateway.AlertStep{Wait: s.Wait, Repeat: s.Repeat, Window: s.Window, Hours: s.Hours, Kinds: s.Channels}
			if step.Targets, err = targetList(p.Name, s.Targets); err != nil {
				return nil, err
			}
			d.Steps = append(d.Steps, step)
		}
		out = append(out, d)
	}
	return out, nil
}

func targetList(policy string, in []config.AlertTarget) ([]gateway.AlertTarget, error) {
	var out []gateway.AlertTarget
	for _, t := range in {
		target := gateway.AlertTarget{Topic: t.Topic, Tags: t.Tags, Rota: t.Rota, Group: t.Group}
		for _, text := range t.Members {
			id, err := parseID(text)
			if err != nil {
				return nil, wrong("policies: %s: members: %w", policy, err)
			}
			target.Members = append(target.Members, id)
		}
		out = append(out, target)
	}
	return out, nil
}

// writtenPolicies are policies as a coalition file has them.
func writtenPolicies(all []gateway.AlertPolicy) []map[string]any {
	var list []map[string]any
	for _, p := range all {
		var steps []map[string]any
		for _, s := range p.Steps {
			step := map[string]any{"targets": writtenTargets(s.Targets), "wait_minutes": s.Wait}
			given(step, "repeat", s.Repeat)
			given(step, "window_minutes", s.Window)
			given(step, "hours", s.Hours)
			listGiven(step, "channels", s.Kinds)
			steps = append(steps, step)
		}
		out := map[string]any{"name": p.Name, "steps": steps, "last_resort": writtenTargets(p.Last)}
		given(out, "rounds", p.Rounds)
		given(out, "quorum", p.Quorum)
		given(out, "progress_minutes", p.Progress)
		given(out, "code", p.Code)
		given(out, "say_who", p.Named)
		given(out, "members", p.Members)
		given(out, "second_person", p.Release)
		list = append(list, out)
	}
	return list
}

func writtenTargets(all []gateway.AlertTarget) []map[string]any {
	var list []map[string]any
	for _, t := range all {
		out := map[string]any{}
		given(out, "topic", t.Topic)
		given(out, "rota", t.Rota)
		given(out, "group", t.Group)
		listGiven(out, "tags", t.Tags)
		var members []string
		for _, id := range t.Members {
			members = append(members, id.String())
		}
		listGiven(out, "members", members)
		list = append(list, out)
	}
	return list
}
