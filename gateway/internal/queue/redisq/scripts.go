package redisq

import "github.com/redis/go-redis/v9"

// script is Lua that runs on the server, where nothing comes between its steps. All keys of one call belong to one channel,
// so they are in one slot of a Cluster; lists of groups are named in the script, from a prefix with the same hash tag.
type script struct {
	text string
	sha  string
}

func newScript(text string) *script { return &script{text, redis.NewScript(text).Hash()} }

type scripts struct {
	push, pop, done, take, pause, probe *script
}

func newScripts() scripts {
	return scripts{push: newScript(cut + pushText), pop: newScript(cut + popText), done: newScript(cut + doneText), take: newScript(takeText), pause: newScript(pauseText), probe: newScript(probeText)}
}

// cut takes a string of ids of 16 bytes each apart; forget takes such ids out of a lane.
const cut = `
local function cut(all)
  local ids = {}
  for i = 1, #all, 16 do ids[#ids + 1] = string.sub(all, i, i + 15) end
  return ids
end
local function forget(present, all)
  for i = 1, #all, 16000 do redis.call('ZREM', present, unpack(cut(string.sub(all, i, i + 15999)))) end
end
`

// pushText offers ids of some groups to a lane.
//
// KEYS: 1 the generation (string), 2 the turns (list of groups that have some waiting), 3 what is present (zset: id to 0 while
// it waits, or to the millisecond at which it is forgotten), 4 the groups that have more in the ledger (set).
// ARGV: 1 a new generation, in case there is none; 2 the topic of signals; 3 what to publish there of a new generation; 4 what
// to publish there when the lane was empty; 5 the window; 6 the prefix of the groups' lists; 7 ids to forget first; then
// for each group: its id, its ids, and 0 (no more in the ledger), 1 (perhaps more) or 2 (the next call goes on with it).
// Answer: the generation, the server's time in milliseconds, how many were taken, 1 if a group runs low.
//
// Nothing is held for ten minutes: what seems to be was popped by a clock that was ahead.
// Offering the same again changes nothing. The first write may be refused when memory is full (OOM); later ones may not.
const pushText = `
if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
forget(KEYS[3], ARGV[7])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '(0', now)
redis.call('ZREMRANGEBYSCORE', KEYS[3], now + 600000, '+inf')
local empty = redis.call('EXISTS', KEYS[2]) == 0
if empty then redis.call('ZREMRANGEBYSCORE', KEYS[3], 0, 0) end
local window, taken, low = tonumber(ARGV[5]), 0, 0
for a = 8, #ARGV, 3 do
  local group, ids, more = ARGV[a], cut(ARGV[a + 1]), ARGV[a + 2]
  local list = ARGV[6] .. group
  local left = redis.call('LLEN', list)
  local room, seen, full = window - left, {}, false
  local fresh, scored = {}, {}
  if #ids > 0 then
    local known = redis.call('ZMSCORE', KEYS[3], unpack(ids))
    for i, id in ipairs(ids) do
      if not known[i] and not seen[id] then
        if #fresh >= room then full = true break end
        seen[id] = true
        fresh[#fresh + 1] = id
        scored[#scored + 1] = 0
        scored[#scored + 1] = id
      end
    end
  end
  if #fresh > 0 then
    redis.call('ZADD', KEYS[3], unpack(scored))
    redis.call('RPUSH', list, unpack(fresh))
    if left == 0 then redis.call('RPUSH', KEYS[2], group) end
    taken = taken + #fresh
  end
  if full or more == '1' then
    redis.call('SADD', KEYS[4], group)
    if left + #fresh <= window / 4 then low = 1 end
  elseif more == '0' then
    redis.call('SREM', KEYS[4], group)
  end
end
if empty and taken > 0 then redis.call('PUBLISH', ARGV[2], ARGV[4]) end
return {redis.call('GET', KEYS[1]), now, taken, low}
`

// popText takes ids from the first lane that has any, from its groups in turn.
//
// KEYS: 1 the generation; then three for each lane: its turns, what is present, the groups that have more.
// ARGV: 1 a new generation, 2 the topic, 3 what to publish of a new generation, 4 the server's millisecond after which nobody
// waits for the answer any more (0: unknown), 5 how many to take, 6 for how many milliseconds to hold them, 7 how few are few;
// then two for each lane: the prefix of the groups' lists, ids to forget first.
// Answer: the generation, the server's time in milliseconds, which of the lanes (from 1; 0: none has any; -1: the answer
// comes too late, nothing was taken), 1 if a group runs low, the ids in one string.
//
// A call that is executed twice takes twice: what nobody got is forgotten by its time, and comes again. A call that waited
// in a server that hung takes nothing.
const popText = `
local generation = redis.call('GET', KEYS[1])
if not generation then
  generation = ARGV[1]
  redis.call('SET', KEYS[1], generation)
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lanes = (#KEYS - 1) / 3
for lane = 1, lanes do forget(KEYS[3 * lane], ARGV[7 + 2 * lane]) end
local deadline = tonumber(ARGV[4])
if deadline > 0 and now > deadline then return {generation, now, -1, 0, ''} end
local most, few = tonumber(ARGV[5]), tonumber(ARGV[7])
for lane = 1, lanes do
  local turns, present, more = KEYS[3 * lane - 1], KEYS[3 * lane], KEYS[3 * lane + 1]
  local groups = redis.call('LLEN', turns)
  local out, low, want = {}, 0, most
  while want > 0 and groups > 0 do
    local each = math.max(1, math.floor(want / groups))
    for _ = 1, groups do
      if want == 0 then break end
      local group = redis.call('LPOP', turns)
      local list = ARGV[6 + 2 * lane] .. group
      local ids = redis.call('LPOP', list, math.min(each, want))
      if ids then
        for _, id in ipairs(ids) do out[#out + 1] = id end
        want = want - #ids
      end
      local left = redis.call('LLEN', list)
      if left > 0 then redis.call('RPUSH', turns, group) else groups = groups - 1 end
      if left <= few and redis.call('SREM', more, group) == 1 then low = 1 end
    end
  end
  if #out > 0 then
    local held, forgotten = {}, now + tonumber(ARGV[6])
    for _, id in ipairs(out) do
      held[#held + 1] = forgotten
      held[#held + 1] = id
    end
    redis.call('ZADD', present, unpack(held))
    return {generation, now, lane, low, table.concat(out)}
  end
end
return {generation, now, 0, 0, ''}
`

// doneText forgets ids.
//
// KEYS: what is present in each lane. ARGV: the ids to forget in each. Answer: 0. Forgetting again changes nothing.
const doneText = `
for i, present in ipairs(KEYS) do forget(present, ARGV[i]) end
return 0
`

// takeText admits messages under the rates of a channel or of one contact point: the generic cell rate algorithm, in which a
// rate is kept as the time at which its burst is whole again.
//
// KEYS: 1 a hash: the number of a rate to that time, e and the number to the nanoseconds of one unit by which it was reckoned, p
// to the end of a pause, u to the time until which urgent messages that were turned away go first, t to the time of the last change;
// all times in microseconds of the server's clock. If that clock went back by more than a second, the hash is forgotten: nobody
// could say when it is right again. If a rate is another than before, as many units count as used as were, a burst at most: in the
// time of a slow rate, what a fast one owes would keep everybody waiting.
// ARGV: 1 1 if urgent, 2 how many messages, 3 the units that each costs, 4 units that were used before beyond what was asked
// for, or below zero were asked for and not used; then for each rate: the microseconds of one unit, the units of its burst, the
// units kept for urgent messages.
// Answer: how many may leave now; if none, the microseconds until to ask again; the microseconds that a pause lasts.
const takeText = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local rates = (#ARGV - 4) / 3
local fields = {'p', 'u', 't'}
for i = 1, rates do
  fields[i + 3] = i
  fields[i + 3 + rates] = 'e' .. i
end
local state = redis.call('HMGET', KEYS[1], unpack(fields))
if (tonumber(state[3]) or 0) > now + 1000000 then
  redis.call('DEL', KEYS[1])
  state = {}
end
local urgent, want, cost, owed = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local pause = math.max(0, (tonumber(state[1]) or 0) - now)
local got, wait, last = want, 0, now + pause
local full, units, changed = {}, {}, false
for i = 1, rates do
  local unit, burst, kept = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
  local left, reckoned = math.max((tonumber(state[i + 3]) or 0) - now, 0), state[i + 3 + rates]
  units[i] = string.format('%.0f', math.max(1, math.min(unit * 1000, 1e16)))
  if reckoned and reckoned ~= units[i] then
    left = math.min(left * 1000 / tonumber(reckoned), burst) * unit
    changed = true
  end
  full[i] = math.max(now + left + owed * unit, now)
  if urgent then kept = 0 end
  local free = burst - (full[i] - now) / unit - kept
  local need = math.min(cost, burst - kept)
  if free < need - 1e-6 then
    got, wait = 0, math.max(wait, (need - free) * unit)
  else
    got = math.min(got, math.max(1, math.floor((free + 1e-6) / cost)))
  end
end
local first = 0
if not changed then first = math.max(0, (tonumber(state[2]) or 0) - now) end
if not urgent and first > 0 then got, wait = 0, math.max(wait, first) end
if pause > 0 then got, wait = 0, math.max(wait, pause) end
local set = {}
if changed then set = {'u', 0} end
for i = 1, rates do
  if got > 0 then full[i] = full[i] + got * cost * tonumber(ARGV[3 * i + 2]) end
  if got > 0 or owed ~= 0 or changed then
    set[#set + 1] = i
    set[#set + 1] = string.format('%.0f', full[i])
    set[#set + 1] = 'e' .. i
    set[#set + 1] = units[i]
  end
  last = math.max(last, full[i])
end
if urgent and (got < want or first > 0) then
  local to = 0
  if got < want and pause == 0 then to = now + wait + 50000 end
  set[#set + 1] = 'u'
  set[#set + 1] = string.format('%.0f', to)
  last = math.max(last, to)
end
if #set > 0 then
  set[#set + 1] = 't'
  set[#set + 1] = string.format('%.0f', now)
  redis.call('HSET', KEYS[1], unpack(set))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (last - now) / 1000 + 1000))
end
return {got, string.format('%.0f', math.ceil(wait)), string.format('%.0f', pause)}
`

// pauseText pauses a channel or a contact point; a pause is only ever made longer.
//
// KEYS: 1 the hash of takeText. ARGV: 1 the microseconds to pause for. Answer: 0.
const pauseText = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local to = now + tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'p', 't')
if (tonumber(state[2]) or 0) > now + 1000000 then
  redis.call('DEL', KEYS[1])
  state = {}
end
if to > (tonumber(state[1]) or 0) then
  redis.call('HSET', KEYS[1], 'p', string.format('%.0f', to), 't', string.format('%.0f', now))
  if redis.call('PTTL', KEYS[1]) < (to - now) / 1000 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (to - now) / 1000 + 1000)) end
end
return 0
`

// probeText tries whether the server runs scripts and takes writes, and leaves nothing behind.
//
// KEYS: 1 nobody else's. ARGV: none. Answer: nothing.
const probeText = `
redis.call('SET', KEYS[1], '1')
redis.call('DEL', KEYS[1])
return {}
`
