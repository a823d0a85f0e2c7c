//! Owns holding what the kernel has against what was asked for: `nft -j list ruleset` of the namespace must say the fence, the whole
//! fence, and nothing else.
//!
//! Both sides are brought to one form, in which the differences between versions of nft are gone, and only those. A key that is not known
//! here is a difference.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::Fence;

/// One object in its one form: what it is and which, then what it says. Rules are told apart by their place.
type Objects = BTreeMap<String, Value>;

impl Fence {
    /// Whether a listing of the whole ruleset of a namespace is this fence.
    ///
    /// # Errors
    /// The first difference, for a person to read.
    pub fn verify(&self, listing: &Value) -> Result<(), String> {
        let asked = self.to_nft();
        let asked = array(&asked)?.iter().map(|command| &command["add"]);
        let asked = objects(asked)?;
        let found = objects(array(listing)?.iter())?;
        for (which, says) in &asked {
            match found.get(which) {
                None => return Err(format!("{which} is missing")),
                Some(other) if other != says => {
                    return Err(format!("{which} differs: {other} in the place of {says}"));
                }
                Some(_) => {}
            }
        }
        match found.keys().find(|which| !asked.contains_key(*which)) {
            Some(which) => Err(format!("{which} was not asked for")),
            None => Ok(()),
        }
    }
}

fn array(document: &Value) -> Result<&Vec<Value>, String> {
    document["nftables"]
        .as_array()
        .ok_or_else(|| "it is no listing of nftables".to_owned())
}

fn objects<'a>(objects: impl Iterator<Item = &'a Value>) -> Result<Objects, String> {
    let mut found = Objects::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects {
        let entry = object.as_object().and_then(|object| object.iter().next());
        let (kind, says) = entry.ok_or_else(|| format!("no object: {object}"))?;
        if kind == "metainfo" {
            continue;
        }
        let fields = says
            .as_object()
            .ok_or_else(|| format!("no object: {object}"))?;
        let named = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or("?");
        let table = format!(
            "{} {}",
            named("family"),
            if kind == "table" {
                named("name")
            } else {
                named("table")
            }
        );
        let which = match kind.as_str() {
            "table" => format!("table {table}"),
            "rule" => {
                let chain = named("chain");
                let place = places.entry(format!("{table} {chain}")).or_default();
                *place += 1;
                format!("rule {place:03} of chain {table} {chain}")
            }
            kind => format!("{kind} {table} {}", named("name")),
        };
        let says = one_form(kind, fields)?;
        if found.insert(which.clone(), says).is_some() {
            return Err(format!("{which} is there twice"));
        }
    }
    Ok(found)
}

fn one_form(kind: &str, fields: &Map<String, Value>) -> Result<Value, String> {
    let mut form = fields.clone();
    // The kernel's number of the object.
    form.remove("handle");
    match kind {
        "set" => set(&mut form)?,
        "rule" => {
            let statements = form.get_mut("expr").and_then(Value::as_array_mut);
            statements
                .ok_or("a rule without statements")?
                .iter_mut()
                .for_each(statement);
        }
        _ => {}
    }
    Ok(form.into())
}

fn set(form: &mut Map<String, Value>) -> Result<(), String> {
    // One flag may stand alone (nft 1.1.4). `dynamic` is what nft makes of a set that rules fill, and is shown since 1.0.9.
    let flags = match form.remove("flags") {
        None => Vec::new(),
        Some(Value::Array(flags)) => flags,
        Some(flag) => vec![flag],
    };
    let refused = form
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| name.starts_with("refused"));
    let mut flags: Vec<Value> = flags
        .into_iter()
        .filter(|flag| !(refused && flag == "dynamic"))
        .collect();
    flags.sort_by_key(Value::to_string);
    let interval = flags.iter().any(|flag| flag == "interval");
    form.insert("flags".into(), flags.into());
    let elements = form.remove("elem").unwrap_or_default();
    if refused {
        // What was refused meanwhile.
        return Ok(());
    }
    let elements = match elements {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements,
        one => vec![one],
    };
    let elements = if interval {
        covered(&elements)?
    } else {
        let mut elements = elements;
        elements.iter_mut().for_each(expression);
        elements.sort_by_key(Value::to_string);
        elements
    };
    form.insert("elem".into(), elements.into());
    Ok(())
}

/// The addresses that the elements of an interval set cover, as ranges apart from each other: nft may list neighbours as one.
fn covered(elements: &[Value]) -> Result<Vec<Value>, String> {
    let mut ranges: Vec<(IpAddr, IpAddr)> = elements
        .iter()
        .map(|element| range(element).ok_or_else(|| format!("no range of addresses: {element}")))
        .collect::<Result<_, _>>()?;
    ranges.sort();
    let mut apart: Vec<(IpAddr, IpAddr)> = Vec::new();
    for (first, last) in ranges {
        match apart.last_mut() {
            Some((_, end)) if first <= *end || next(*end) == Some(first) => *end = last.max(*end),
            _ => apart.push((first, last)),
        }
    }
    Ok(apart
        .into_iter()
        .map(|(first, last)| Value::from(format!("{first}-{last}")))
        .collect())
}

fn range(element: &Value) -> Option<(IpAddr, IpAddr)> {
    let address = |value: &Value| value.as_str()?.parse::<IpAddr>().ok();
    if let Some(address) = address(element) {
        return Some((address, address));
    }
    let (kind, says) = element
        .as_object()
        .filter(|fields| fields.len() == 1)?
        .iter()
        .next()?;
    match kind.as_str() {
        "prefix" => {
            let length = says["len"].as_u64()?.try_into().ok()?;
            let net = IpNet::new(address(&says["addr"])?, length).ok()?;
            Some((net.network(), net.broadcast()))
        }
        "range" => Some((address(&says[0])?, address(&says[1])?)),
        _ => None,
    }
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address)
            .checked_add(1)
            .map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(address) => u128::from(address)
            .checked_add(1)
            .map(|next| IpAddr::V6(next.into())),
    }
}

fn statement(statement: &mut Value) {
    // A counter counts.
    if let Some(counter) = statement.get_mut("counter") {
        *counter = Value::Null;
    }
    expression(statement);
}

/// Protocols by number, as a host without /etc/protocols lists them; anonymous sets, and the states of a connection, in one order.
fn expression(value: &mut Value) {
    match value {
        Value::String(name) => match name.as_str() {
            "tcp" => *value = 6.into(),
            "udp" => *value = 17.into(),
            "icmp" => *value = 1.into(),
            "ipv6-icmp" | "icmpv6" => *value = 58.into(),
            _ => {}
        },
        Value::Array(items) => items.iter_mut().for_each(expression),
        Value::Object(fields) => {
            let of_state = fields.get("left").and_then(|left| left.pointer("/ct/key"))
                == Some(&"state".into());
            for (key, value) in fields.iter_mut() {
                expression(value);
                if (key == "set" || (of_state && key == "right"))
                    && let Value::Array(items) = value
                {
                    items.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Denied, Exception, Protocol};
    use super::*;
    use crate::config::Origin;
    use crate::facts::Network;

    fn fence() -> Fence {
        let allowed = |address: &str, protocol| Exception {
            address: address.parse().expect("an address"),
            protocol,
            port: 53,
            origin: Origin::Generated,
        };
        let allowed = vec![
            allowed("10.0.2.3", Protocol::Tcp),
            allowed("10.0.2.3", Protocol::Udp),
        ];
        Fence::new(Denied::of(&Network::default()).expect("whole"), allowed)
    }

    /// What an nft lists that prints as it reads.
    fn listed(fence: &Fence) -> Value {
        let asked = fence.to_nft();
        let commands = asked["nftables"].as_array().expect("commands").iter();
        let mut objects: Vec<Value> = commands.map(|command| command["add"].clone()).collect();
        objects.insert(0, json!({"metainfo": {"version": "x"}}));
        json!({ "nftables": objects })
    }

    /// The listing with its object `name` of `kind` changed.
    fn with(kind: &str, name: &str, change: impl Fn(&mut Value)) -> Value {
        let mut listing = listed(&fence());
        let objects = listing["nftables"].as_array_mut().expect("objects");
        let found = objects.iter_mut().filter_map(|object| object.get_mut(kind));
        let found = found
            .into_iter()
            .find(|object| object["name"] == name || object["chain"] == name);
        change(found.expect("it is there"));
        listing
    }

    #[test]
    fn versions_of_nft_differ_in_form_and_not_in_what_they_say() {
        let same = [
            listed(&fence()),
            with("set", "denied4", |set| set["flags"] = json!("interval")),
            with("set", "denied4", |set| set["handle"] = json!(7)),
            with("set", "refused4", |set| set["flags"] = json!("dynamic")),
            with("set", "refused4", |set| set["flags"] = json!(["dynamic"])),
            with("set", "refused4", |set| {
                set["elem"] = json!([{"concat": ["10.0.0.1", "tcp", 80]}])
            }),
            with("set", "allowed4", |set| {
                set["elem"] = json!([{"concat": ["10.0.2.3", "udp", 53]}, {"concat": ["10.0.2.3", "tcp", 53]}]);
            }),
            with("set", "denied6", |set| {
                let elements = set["elem"].as_array_mut().expect("elements");
                assert_eq!(elements[0], json!({"prefix": {"addr": "::", "len": 3}}));
                elements[0] = json!({"range": ["::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]});
                elements.reverse();
            }),
            with("rule", "refuse4", |rule| {
                rule["expr"][0]["match"]["right"] = json!({"set": ["udp", "tcp"]});
                rule["expr"][1] = json!({"counter": {"packets": 3, "bytes": 4}});
            }),
            with("rule", "input4", |rule| {
                rule["expr"][0]["match"]["right"] = json!("icmp")
            }),
        ];
        for listing in same {
            assert_eq!(fence().verify(&listing), Ok(()));
        }
    }

    #[test]
    fn anything_else_is_a_difference() {
        let differ = [
            with("table", "claudebox", |table| {
                table["flags"] = json!("dormant")
            }),
            with("table", "claudebox", |table| table["family"] = json!("ip")),
            with("chain", "output", |chain| chain["policy"] = json!("accept")),
            with("chain", "output", |chain| {
                chain["hook"] = json!("prerouting")
            }),
            with("chain", "output", |chain| chain["prio"] = json!(1)),
            with("chain", "output", |chain| chain["type"] = json!("route")),
            with("chain", "output", |chain| chain["dev"] = json!("eth0")),
            with("set", "denied4", |set| {
                set["flags"] = json!(["interval", "timeout"])
            }),
            with("set", "denied4", |set| {
                set["flags"] = json!(["interval", "dynamic"])
            }),
            with("set", "denied4", |set| set["timeout"] = json!(3)),
            with("set", "denied4", |set| set["elem"] = json!(null)),
            with("set", "denied4", |set| set["elem"][0] = json!("0.0.0.0")),
            with("set", "denied4", |set| {
                set["elem"][0] = json!({"prefix": {"addr": "0.0.0.0", "len": 9}})
            }),
            with("set", "denied4", |set| {
                set["elem"][0] = json!({"elem": {"val": "0.0.0.0", "timeout": 3}})
            }),
            with("set", "denied4", |set| {
                set["elem"][0] = json!({"prefix": {"addr": "0.0.0.0", "len": 33}})
            }),
            with("set", "allowed4", |set| {
                set["elem"][0] = json!({"concat": ["10.0.2.3", 6, 54]})
            }),
            with("set", "allowed4", |set| {
                set["elem"].as_array_mut().expect("elements").truncate(1)
            }),
            with("set", "allowed6", |set| {
                set["elem"] = json!([{"concat": ["fd00::1", 6, 54]}])
            }),
            with("set", "refused4", |set| set["size"] = json!(7)),
            with("rule", "output4", |rule| {
                rule["expr"][0]["match"]["op"] = json!("<")
            }),
            with("rule", "output4", |rule| {
                rule["expr"][1]["goto"]["target"] = json!("refuse6")
            }),
            with("rule", "output4", |rule| {
                rule["expr"] = json!([{"accept": null}])
            }),
            with("rule", "output4", |rule| rule["chain"] = json!("output6")),
            with("rule", "output", |rule| {
                rule["expr"].as_array_mut().expect("statements").truncate(1)
            }),
            with("rule", "input4", |rule| {
                rule["expr"][1]["match"]["right"] = json!(["related", "new"])
            }),
        ];
        for (number, listing) in differ.iter().enumerate() {
            assert!(
                fence().verify(listing).is_err(),
                "the change {number} is not seen"
            );
        }
        for strange in [
            json!(null),
            json!({}),
            json!({"nftables": {}}),
            json!({"nftables": [7]}),
            json!({"nftables": [{"rule": []}]}),
            json!({"nftables": [{"rule": {}}]}),
        ] {
            assert!(fence().verify(&strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn a_rule_or_an_object_too_many_or_too_few_is_told_by_its_name() {
        let fence = fence();
        let mut more = listed(&fence);
        let objects = more["nftables"].as_array_mut().expect("objects");
        objects.push(json!({"table": {"family": "ip", "name": "x"}}));
        assert_eq!(
            fence.verify(&more),
            Err("table ip x was not asked for".into())
        );
        objects_of(&mut more).pop();
        let last = objects_of(&mut more).pop().expect("a rule");
        assert_eq!(
            fence.verify(&more),
            Err("rule 003 of chain inet claudebox refuse6 is missing".into())
        );
        objects_of(&mut more).extend([last.clone(), last]);
        assert_eq!(
            fence.verify(&more),
            Err("rule 004 of chain inet claudebox refuse6 was not asked for".into())
        );
        let mut twice = listed(&fence);
        let set = objects_of(&mut twice)[2].clone();
        objects_of(&mut twice).push(set);
        assert_eq!(
            fence.verify(&twice),
            Err("set inet claudebox denied4 is there twice".into())
        );
    }

    fn objects_of(listing: &mut Value) -> &mut Vec<Value> {
        listing["nftables"].as_array_mut().expect("objects")
    }
}
