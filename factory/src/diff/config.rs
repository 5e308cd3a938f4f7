//! An image's config as named values.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members of a config whose parts are compared each for itself.
const LISTED: [&str; 4] = ["Env", "Labels", "ExposedPorts", "Volumes"];

/// What a container of the image starts with: `User`, `Env.PATH`, `Labels.version`, … The history and the layers are no part of it.
pub(super) fn values(config: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Ok(Value::Object(all)) = serde_json::from_slice::<Value>(config) else { return found };
    for (name, value) in all.get("config").and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(members) if LISTED.contains(&name.as_str()) => {
                found.extend(members.iter().map(|(key, value)| (format!("{name}.{key}"), shown(value))));
            }
            Value::Array(items) if name == "Env" => {
                for item in items.iter().filter_map(Value::as_str) {
                    let (key, value) = item.split_once('=').unwrap_or((item, ""));
                    found.insert(format!("Env.{key}"), value.to_owned());
                }
            }
            value if is_nothing(value) => {}
            value => drop(found.insert(name.clone(), shown(value))),
        }
    }
    found
}

/// Some write what is not set as an empty value, others not at all.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(set) => !set,
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) if members.is_empty() => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_named_values() {
        let config = br#"{"os": "linux", "config": {"User": "app", "Env": ["PATH=/bin:/x=y", "E"], "Cmd": ["a", "b"], "WorkingDir": "",
            "Labels": {"v": "1"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": null}}"#;
        let found = values(config);
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("Cmd", r#"["a","b"]"#),
            ("Env.E", ""),
            ("Env.PATH", "/bin:/x=y"),
            ("ExposedPorts.80/tcp", ""),
            ("Labels.v", "1"),
            ("User", "app"),
        ];
        assert_eq!(pairs, expected);
        assert!(values(b"x").is_empty());
    }
}
