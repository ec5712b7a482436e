-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Wireshark dissector of the Edge Metadata path attribute
-- (draft-ietf-idr-5g-edge-service-metadata section 4) with Dyncast's two
-- private sub-TLVs; doc/wire-format.rst has the layouts.
--
--   tshark -X lua_script:dyncast.lua -r bgp.pcap -Y dyncast -O dyncast
--
-- Wireshark's BGP dissector shows path attributes that it does not know as
-- bytes and offers no place to hook in.  So this is a post-dissector: it takes
-- each path attribute that BGP has found, after TCP's reassembly, and adds a
-- tree of its own for those with our codes.  What bgpd_dyncast would not take
-- is shown as far as it can be read, with an error that the filter
-- "dyncast.malformed" finds: the rules are those of lib/attr_decode.c.

local CODE_IETF, FLAGS_IETF, FLAGS_TRANSITIVE = 42, 0x80, 0xc0
local INSTANCES_MAX, NAME_MAX = 64, 31
local HEADER = 3

local dyncast = Proto("dyncast", "Dyncast Edge Metadata")

dyncast.prefs.code = Pref.uint("Code of profile transitive", 250,
	"As `dyncast attribute code` has it; that of profile ietf is always 42")

local profiles = { [1] = "transitive", [2] = "ietf" }
local types = {
	[1] = "Site preference",
	[2] = "Site physical availability",
	[3] = "Service delay prediction",
	[4] = "Raw measurement",
	[5] = "Capability",
	[6] = "Available resource",
	[7] = "AS-Scope",
	[65280] = "Dyncast instance",
	[65281] = "Dyncast policy",
}
local kinds = { [1] = "adjacent", [2] = "SRv6", [3] = "IP-in-IP" }
local families = { [4] = "IPv4", [6] = "IPv6" }
local actions = {
	[0] = "not said", "spread", "best", "min", "max", "min-then-random",
	"min-then-first", "weighted-round-robin",
}
local affinities = { [0] = "not said", "flow", "source", "period", "none" }
local costs = { [0] = "not said", "delay", "weighted", "network-first", "compute-first" }

local f = {
	profile = ProtoField.uint8("dyncast.profile", "Profile", base.DEC, profiles),
	flags = ProtoField.uint8("dyncast.flags", "Attribute flags", base.HEX),
	code = ProtoField.uint8("dyncast.code", "Attribute code", base.DEC),
	length = ProtoField.uint16("dyncast.length", "Attribute length", base.DEC),
	subtlv = ProtoField.none("dyncast.subtlv", "Sub-TLV"),
	type = ProtoField.uint16("dyncast.subtlv.type", "Type", base.DEC, types),
	size = ProtoField.uint8("dyncast.subtlv.length", "Length", base.DEC),
	unknown = ProtoField.bytes("dyncast.subtlv.unknown", "Value, not understood"),
	later = ProtoField.bytes("dyncast.subtlv.later", "Of a later version"),

	preference = ProtoField.uint32("dyncast.site.preference", "Preference"),
	ties = ProtoField.bool("dyncast.site.ties", "I: names the site only", 8, nil, 0x80),
	site = ProtoField.uint16("dyncast.site.id", "Site"),
	available = ProtoField.uint16("dyncast.site.availability", "Availability, %"),
	delay_index = ProtoField.bool("dyncast.site.delay.f", "F: index", 8, nil, 0x80),
	delay_long = ProtoField.bool("dyncast.site.delay.l", "L: NTP format", 8, nil, 0x40),
	delay_ms = ProtoField.uint32("dyncast.site.delay_ms", "Delay, ms"),
	delay_ntp = ProtoField.uint64("dyncast.site.delay_ntp", "Delay, 2^-32 s"),
	delay_value = ProtoField.uint32("dyncast.site.delay_index", "Delay index"),
	raw_period = ProtoField.uint32("dyncast.site.raw.period", "Period, s"),
	raw_to = ProtoField.uint32("dyncast.site.raw.to", "Packets to the service"),
	raw_from = ProtoField.uint32("dyncast.site.raw.from", "Packets from the service"),
	metric_type = ProtoField.uint8("dyncast.site.metric_type", "Metric type", base.DEC, nil, 0x0f),
	capability = ProtoField.uint32("dyncast.site.capability", "Capability"),
	percent = ProtoField.bool("dyncast.site.resource_percent", "P: percent", 8, nil, 0x80),
	resource = ProtoField.uint32("dyncast.site.resource", "Available resource"),
	as_scope = ProtoField.uint32("dyncast.site.as_scope", "AS number"),

	kind = ProtoField.uint8("dyncast.instance.kind", "Kind", base.DEC, kinds),
	family = ProtoField.uint8("dyncast.instance.family", "Family", base.DEC, families),
	drain = ProtoField.bool("dyncast.instance.drain", "Drain", 8, nil, 0x01),
	down = ProtoField.bool("dyncast.instance.down", "Down", 8, nil, 0x02),
	has = ProtoField.uint8("dyncast.instance.has", "Metrics present", base.HEX),
	utilisation = ProtoField.uint16("dyncast.instance.utilisation", "Utilisation, 0.01 %"),
	age = ProtoField.uint16("dyncast.instance.age", "Age, 100 ms"),
	capacity = ProtoField.uint32("dyncast.instance.capacity", "Capacity"),
	in_flight = ProtoField.uint32("dyncast.instance.in_flight", "Requests in flight"),
	delay_us = ProtoField.uint32("dyncast.instance.delay_us", "Predicted delay, us"),
	score = ProtoField.uint8("dyncast.instance.score", "Score"),
	name_len = ProtoField.uint8("dyncast.instance.name_length", "Name length"),
	dbid4 = ProtoField.ipv4("dyncast.instance.dbid4", "D-BID"),
	dbid6 = ProtoField.ipv6("dyncast.instance.dbid6", "D-BID"),
	name = ProtoField.string("dyncast.instance.name", "Name"),
	rate = ProtoField.uint32("dyncast.instance.rate", "Learnt capacity, 0.001 requests/s"),

	action = ProtoField.uint8("dyncast.policy.action", "Action", base.DEC, actions),
	affinity = ProtoField.uint8("dyncast.policy.affinity", "Affinity", base.DEC, affinities),
	cost = ProtoField.uint8("dyncast.policy.cost", "Cost", base.DEC, costs),
	plen = ProtoField.uint8("dyncast.policy.prefix_length", "Prefix length of sources"),
	timeout = ProtoField.uint16("dyncast.policy.timeout", "Flow timeout, s"),
	alpha = ProtoField.uint8("dyncast.policy.alpha", "Network's part of the cost, %"),
	hysteresis = ProtoField.uint8("dyncast.policy.hysteresis", "Hysteresis, %"),
	max_util = ProtoField.uint8("dyncast.policy.max_utilisation", "Eligible up to utilisation, %"),
	min_score = ProtoField.uint8("dyncast.policy.min_score", "Eligible from score"),
	hold = ProtoField.uint16("dyncast.policy.hold", "Hold, s"),
	max_delay = ProtoField.uint32("dyncast.policy.max_delay_us", "Eligible up to delay, us"),
	max_network = ProtoField.uint32("dyncast.policy.max_network_us", "Eligible up to network cost, us"),
}
for _, field in pairs(f) do
	table.insert(dyncast.fields, field)
end

local malformed = ProtoExpert.new("dyncast.malformed", "Malformed: the path has no metrics",
	expert.group.MALFORMED, expert.severity.ERROR)
local wrong_flags = ProtoExpert.new("dyncast.wrong_flags", "Flags of another profile: bgpd drops the attribute",
	expert.group.PROTOCOL, expert.severity.WARN)
local ignored = ProtoExpert.new("dyncast.ignored", "Ignored: of a later version, or without meaning",
	expert.group.UNDECODED, expert.severity.NOTE)
dyncast.experts = { malformed, wrong_flags, ignored }

local path_attribute = Field.new("bgp.update.path_attribute")

-- A reader of one value.  take() adds a field and moves on; where the value is
-- too short it throws "truncated", once, and whoever began the value says so.
local Reader = {}
Reader.__index = Reader

local function reader(range, tree, state)
	return setmetatable({ range = range, at = 0, left = range and range:len() or 0,
		tree = tree, state = state }, Reader)
end

function Reader:bytes(size)
	if size > self.left then
		error({ why = "sub-TLV of a wrong length" })
	end
	local part = size > 0 and self.range:range(self.at, size) or nil
	self.at = self.at + size
	self.left = self.left - size
	return part
end

-- returns the number (nothing of 8 octets is compared) and the tree's item
function Reader:take(field, size)
	local part = self:bytes(size)
	local item = self.tree:add(field, part)
	return size <= 4 and part:uint() or nil, item
end

function Reader:wrong(text)
	error({ why = text })
end

function Reader:check(good, text)
	if not good then
		error({ why = "value out of range: " .. text })
	end
end

local function percent(item, value)
	item:append_text(string.format(" (%d.%02d %%)", math.floor(value / 100), value % 100))
end

-- { shortest, longest, how it is read: false when the value counts for nothing }
local site = {}

site[1] = { 5, 5, function(r)
	r:bytes(1)
	r:take(f.preference, 4)
end }

site[2] = { 5, 5, function(r)
	r:take(f.ties, 1)
	r:take(f.site, 2)
	local value, item = r:take(f.available, 2)
	if value > 100 then
		item:add_proto_expert_info(ignored, "above 100 %: as if the sub-TLV were absent")
		return false
	end
end }

site[3] = { 5, 9, function(r)
	local flags = r.range:range(0, 1):uint()
	r.tree:add(f.delay_index, r.range:range(0, 1))
	r:take(f.delay_long, 1)
	if r.left ~= 4 and r.left ~= 8 then
		r:wrong("sub-TLV of a wrong length")
	end
	if flags < 0x80 then
		r:take(r.left == 8 and f.delay_ntp or f.delay_ms, r.left)
		return
	end
	if r.left ~= 4 then
		r:wrong("sub-TLV of a wrong length")
	end
	r:check(r:take(f.delay_value, 4) <= 100, "an index is 0 to 100")
end }

-- whether inner types of so many octets end exactly where the value does
local function inner_fits(range, width)
	local at, found = 0, nil
	while at < range:len() do
		if at + width + 1 > range:len() then
			return false
		end
		local kind = range:range(at, width):uint()
		local size = range:range(at + width, 1):uint()
		at = at + width + 1
		if at + size > range:len() then
			return false
		end
		if kind == 1 and not found then
			if size ~= 13 then
				return false
			end
			found = range:range(at, size)
		end
		at = at + size
	end
	return true, found
end

site[4] = { 1, 255, function(r)
	r:bytes(1)
	if r.left == 0 then
		r.tree:add_proto_expert_info(ignored, "no measurement that is known")
		return false
	end
	local rest = r:bytes(r.left)
	local fits, found = inner_fits(rest, 2)
	if not fits then
		fits, found = inner_fits(rest, 1)
	end
	if not fits then
		r:wrong("sub-TLV of a wrong length")
	elseif not found then
		r.tree:add_proto_expert_info(ignored, "no measurement that is known")
		return false
	end
	r.tree:add(f.raw_period, found:range(1, 4))
	r.tree:add(f.raw_to, found:range(5, 4))
	r.tree:add(f.raw_from, found:range(9, 4))
end }

local function metric_type(r)
	local value = r.range:range(0, 1):uint()
	local item = r.tree:add(f.metric_type, r.range:range(0, 1))
	if value % 16 ~= 0 then
		item:add_proto_expert_info(ignored, "only the normalised metric (0) is compared")
	end
	return value
end

site[5] = { 5, 5, function(r)
	local flags = metric_type(r)
	r:bytes(1)
	r:take(f.capability, 4)
	return flags % 16 == 0
end }

site[6] = { 5, 5, function(r)
	local flags = metric_type(r)
	r:take(f.percent, 1)
	local value = r:take(f.resource, 4)
	r:check(flags < 0x80 or flags % 16 ~= 0 or value <= 100, "a percentage is 0 to 100")
	return flags % 16 == 0
end }

site[7] = { 4, 5, function(r)
	if r.left > 4 then
		r:bytes(1)
	end
	r:take(f.as_scope, 4)
end }

local function policy_rest(r, cost)
	local alpha = r:take(f.alpha, 1)
	r:check(alpha <= 100, "alpha")
	r:check(alpha == 0 or cost == 2, "alpha without the weighted cost")
	r:check(r:take(f.hysteresis, 1) <= 100, "hysteresis")
	r:check(r:take(f.max_util, 1) <= 100, "utilisation")
	r:check(r:take(f.min_score, 1) <= 10, "a score is 0 to 10")
	r:take(f.hold, 2)
	r:take(f.max_delay, 4)
	r:take(f.max_network, 4)
end

site[65281] = { 6, 255, function(r)
	local action = r:take(f.action, 1)
	local affinity = r:take(f.affinity, 1)
	local cost = r:take(f.cost, 1)
	local plen = r:take(f.plen, 1)
	r:take(f.timeout, 2)
	if action > 7 or affinity > 4 or cost > 4 then
		-- nothing but its length counts any more
		if r.left > 0 then
			r.tree:add(f.later, r:bytes(math.max(r.left, 14)))
		end
		r.tree:add_proto_expert_info(ignored, "a policy of a later version is not followed in part")
		return false
	end
	if r.left > 0 then
		policy_rest(r, cost)
	end
	r:check(affinity == 2 and plen <= 128 or plen == 0, "prefix length")
end }

local function name_valid(text)
	return #text <= NAME_MAX and not text:find("[^%w_.-]")
end

-- as lib/addr.c has it
local function unicast(range)
	local hex = range:bytes():tohex():lower()
	local first = range:range(0, 1):uint()
	if range:len() == 4 then
		return first ~= 0 and first ~= 127 and (first < 224 or first > 239)
			and hex:sub(1, 4) ~= "a9fe" and hex ~= "ffffffff"
	end
	if first == 0xff or hex:find("^fe[89ab]") then
		return false
	end
	if hex:sub(1, 20) ~= string.rep("0", 20) then
		return true
	end
	return hex:sub(21, 24) ~= "ffff" and hex:sub(21, 24) ~= "0000"
end

local function instance_metrics(r, has)
	local present = function(bit)
		return math.floor(has / bit) % 2 == 1
	end
	-- absent ones have no meaning, whatever stands there
	local metric = function(bit, field, size)
		if present(bit) then
			return r:take(field, size)
		end
		r:bytes(size)
		return nil
	end
	local value, item = metric(2, f.utilisation, 2)
	if value then
		percent(item, value)
		r:check(value <= 10000, "utilisation above 100 %")
	end
	value, item = r:take(f.age, 2)
	item:append_text(string.format(" (%.1f s)", value / 10))
	value = metric(1, f.capacity, 4)
	r:check(not value or value >= 1, "capacity 0")
	metric(4, f.in_flight, 4)
	value, item = metric(8, f.delay_us, 4)
	if value then
		item:append_text(string.format(" (%.3f ms)", value / 1000))
	end
	value = metric(16, f.score, 1)
	r:check(not value or value <= 10, "a score is 0 to 10")
	return present(32)
end

local function instance(r)
	local kind = r:take(f.kind, 1)
	local family = r:take(f.family, 1)
	if not kinds[kind] or not families[family] then
		if r.left > 0 then
			r.tree:add(f.later, r:bytes(r.left))
		end
		r.tree:add_proto_expert_info(ignored, "an instance of a later version's kind")
		return
	end
	local flags = r:bytes(1)
	r.tree:add(f.drain, flags)
	r.tree:add(f.down, flags)
	local has_rate = instance_metrics(r, (r:take(f.has, 1)))
	local name_len = r:take(f.name_len, 1)
	local dbid = r:bytes(family == 4 and 4 or 16)
	local item = r.tree:add(family == 4 and f.dbid4 or f.dbid6, dbid)
	local text = family == 4 and tostring(dbid:ipv4()) or tostring(dbid:ipv6())
	r.tree:append_text(", D-BID " .. text)
	if not unicast(dbid) or kind == 2 and family ~= 6 then
		r:check(false, "this D-BID for this kind")
	end
	if name_len > 0 then
		local name = r:bytes(name_len)
		r.tree:add(f.name, name)
		r:check(name_valid(name:string()), "a character or the length of the name")
		r.tree:append_text(", " .. name:string())
	end
	if has_rate then
		r:check(r:take(f.rate, 4) >= 1, "rate 0")
	end
	if r.left > 0 then
		r.tree:add(f.later, r:bytes(r.left))
	end
	local key = dbid:bytes():tohex() .. "/" .. family
	if r.state.dbids[key] then
		item:append_text(" (again)")
		r:wrong("two instances with one D-BID")
	end
	r.state.dbids[key] = true
	r.state.instances = r.state.instances + 1
	if r.state.instances > INSTANCES_MAX then
		r:wrong("too many instances")
	end
end

local function dissect_subtlv(kind, value, tree, state)
	local r = reader(value, tree, state)
	if kind == 65280 then
		return pcall(instance, r)
	end
	local codec = site[kind]
	if not codec then
		if value then
			tree:add(f.unknown, value)
		end
		tree:add_proto_expert_info(ignored, "a type that is not known")
		return true
	end
	return pcall(function()
		if r.left < codec[1] or r.left > codec[2] then
			r:wrong("sub-TLV of a wrong length")
		end
		local taken = codec[3](r) ~= false
		if r.left > 0 then
			tree:add(f.later, r:bytes(r.left))
		end
		if taken and state.seen[kind] then
			tree:add_proto_expert_info(ignored, "repeated: the first one counts")
		end
		state.seen[kind] = state.seen[kind] or taken
	end)
end

-- false when nothing after it can be told apart
local function next_subtlv(value, at, tree, state)
	local left = value:len() - at
	local size = left >= HEADER and value:range(at + 2, 1):uint()
	if not size or size > left - HEADER then
		local item = tree:add(f.subtlv, value:range(at, left))
		item:add_proto_expert_info(malformed, "truncated sub-TLV")
		return nil
	end
	local kind = value:range(at, 2):uint()
	local item = tree:add(f.subtlv, value:range(at, HEADER + size))
	item:set_text((types[kind] or "Unknown sub-TLV " .. kind))
	item:add(f.type, value:range(at, 2))
	item:add(f.size, value:range(at + 2, 1))
	local ok, problem = dissect_subtlv(kind, size > 0 and value:range(at + HEADER, size) or nil, item, state)
	if not ok then
		if type(problem) ~= "table" then
			error(problem, 0)
		end
		item:add_proto_expert_info(malformed, problem.why)
	end
	return at + HEADER + size
end

local function dissect_value(value, tree)
	local state = { dbids = {}, instances = 0, seen = {} }
	local at = 0
	while at and at < value:len() do
		at = next_subtlv(value, at, tree, state)
	end
end

local function dissect_attribute(range, profile, tree)
	local item = tree:add(dyncast, range)
	local flags = range:range(0, 1):uint()
	local long = math.floor(flags / 16) % 2 == 1
	local header = long and 4 or 3
	item:add(f.profile, range:range(1, 1), profile):set_generated()
	local flag_item = item:add(f.flags, range:range(0, 1))
	item:add(f.code, range:range(1, 1))
	if range:len() < header then
		item:add_proto_expert_info(malformed, "no length")
		return
	end
	item:add(f.length, range:range(2, header - 2))
	if flags - flags % 32 ~= (profile == 2 and FLAGS_IETF or FLAGS_TRANSITIVE) then
		flag_item:add_proto_expert_info(wrong_flags)
	end
	if range:len() == header then
		item:add_proto_expert_info(malformed, "no sub-TLV")
		return
	end
	item:append_text(", profile " .. profiles[profile])
	dissect_value(range:range(header), item)
end

function dyncast.dissector(_, _, tree)
	for _, found in ipairs({ path_attribute() }) do
		local range = found.range
		local code = range:len() >= 2 and range:range(1, 1):uint()
		if code == CODE_IETF then
			dissect_attribute(range, 2, tree)
		elseif code == dyncast.prefs.code then
			dissect_attribute(range, 1, tree)
		end
	end
end

register_postdissector(dyncast)
