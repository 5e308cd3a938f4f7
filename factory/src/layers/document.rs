//! Image configs, as far as layers are concerned.

use llb_gen::model::Platform;
use serde::Deserialize;

use super::Layer;
use crate::registry::Descriptor;

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    #[serde(default)]
    history: Vec<HistoryJson>,
}

#[derive(Deserialize)]
struct HistoryJson {
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    empty_layer: bool,
}

/// The platform that an image config is for.
pub(crate) fn platform_of(config: &[u8]) -> Option<Platform> {
    let config: ConfigJson = serde_json::from_slice(config).ok()?;
    Platform::from_parts(&config.os, &config.architecture, &config.variant).ok()
}

/// The layers with what made them. A history that does not speak of exactly these layers says nothing about any.
pub(crate) fn with_history(layers: &[Descriptor], config: &[u8]) -> Vec<Layer> {
    let layers: Vec<Layer> = layers
        .iter()
        .map(|one| Layer { digest: one.digest.clone(), size: one.size, created_by: None })
        .collect();
    let Ok(config) = serde_json::from_slice::<ConfigJson>(config) else { return layers };
    let made: Vec<String> =
        config.history.into_iter().filter(|one| !one.empty_layer).map(|one| one.created_by).collect();
    if made.len() != layers.len() {
        return layers;
    }
    let both = layers.into_iter().zip(made);
    both.map(|(layer, made)| Layer { created_by: Some(made).filter(|made| !made.is_empty()), ..layer })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_believed_when_it_speaks_of_every_layer() {
        let layers = [Descriptor::of("x", b"12345"), Descriptor::of("x", b"1234567")];
        let history = br#"{"history": [{"created_by": "base"}, {"created_by": "ENV", "empty_layer": true},
            {"created_by": "[core 0.1.0] apt"}]}"#;
        let made: Vec<_> = with_history(&layers, history).into_iter().map(|one| one.created_by).collect();
        assert_eq!(made, [Some("base".to_owned()), Some("[core 0.1.0] apt".to_owned())]);
        let short = br#"{"history": [{"created_by": "base"}]}"#;
        assert!(with_history(&layers, short).iter().all(|one| one.created_by.is_none()));
    }
}
